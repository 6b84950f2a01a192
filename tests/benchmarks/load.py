"""Many uploads at once through a fresh local stack, also with its workers killed at random.

Tiny pictures, a tenth of them copies, a few clips and texts named JPEG. A worker is a process that
runs one function; killing is `kill -9` of any of them, at work or not, the API's excepted. What
counts is that everything sent has one outcome: nothing lost, nothing twice, the queue empty.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from tests import load
from tests.benchmarks.common import Cell, Figure, Result, Sheet, machine, parser, publish
from tests.stack import own_stack

PATIENCE_S = 400.0
"""Longer than a message stays away twice whose worker was killed (3 min each)."""


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--files", type=int, default=1000, help="uploads (default 1000)")
    words.add_argument(
        "--kill", type=float, default=0.0, help="kill a worker every so many seconds (default none)"
    )
    chosen = words.parse_args()
    begun = time.perf_counter()
    clips, texts = chosen.files // 100, chosen.files // 50
    facts = machine()
    with tempfile.TemporaryDirectory(prefix="filmgate-bench-") as scratch:
        files = load.make(Path(scratch), chosen.files - clips - texts, clips, texts)
        with own_stack() as running:
            kills: AbstractContextManager[list[str]] = nullcontext([])
            if chosen.kill:
                kills = load.killing(running, chosen.kill)
            with kills as killed:
                outcome = load.run(running, files, PATIENCE_S)
    sound = _sound(outcome, files)
    publish(
        Result(
            "load-killed" if chosen.kill else "load-undisturbed",
            (_sheet(outcome, files, killed, sound),),
            _figures(outcome, files, "killed" if chosen.kill else "undisturbed"),
            {**vars(outcome), "killed": dict(Counter(killed)), "sound": sound},
            time.perf_counter() - begun,
            facts,
        )
    )
    if not sound:
        raise SystemExit("Something was lost, failed or came twice.")


def _sound(outcome: load.Outcome, files: load.Files) -> bool:
    wanted = {"done": len(files.good), "refused": len(files.bad)}
    return (
        outcome.statuses == {name: count for name, count in wanted.items() if count}
        and set(outcome.jobs) <= {0, 1}
        and (outcome.repeated, outcome.waiting, outcome.dead) == (0, 0, 0)
        and outcome.copies_found == len(files.copies)
    )


def _figures(outcome: load.Outcome, files: load.Files, how: str) -> tuple[Figure, ...]:
    sent = len(files.good) + len(files.bad)
    statuses = outcome.statuses
    final = sum(statuses.get(name, 0) for name in ("done", "refused", "failed"))
    found = {
        "accepted": (outcome.accepted / sent, "share"),
        "done": (statuses.get("done", 0) / len(files.good), "share"),
        "refused": (statuses.get("refused", 0) / max(1, len(files.bad)), "share"),
        "failed": (statuses.get("failed", 0), "count"),
        "without_outcome": (sent - final, "count"),
        "copies_found": (outcome.copies_found / max(1, len(files.copies)), "share"),
        "pairs_recorded_twice": (outcome.repeated, "count"),
        "left_in_queue": (outcome.waiting, "count"),
        "dead_letters": (outcome.dead, "count"),
        "uploads_a_second": (sent / outcome.seconds, "1/s"),
    }
    head = f"load.{how}.{sent}_files"
    return tuple(Figure(f"{head}.{name}", value, unit) for name, (value, unit) in found.items())


def _sheet(outcome: load.Outcome, files: load.Files, killed: list[str], sound: bool) -> Sheet:
    sent = len(files.good) + len(files.bad)
    final = sum(outcome.statuses.get(name, 0) for name in ("done", "refused", "failed"))
    jobs = ", ".join(f"{count} with {number}" for number, count in outcome.jobs.items())
    rows: tuple[tuple[Cell, ...], ...] = (
        ("uploads accepted", outcome.accepted, sent),
        ("done", outcome.statuses.get("done", 0), len(files.good)),
        ("refused", outcome.statuses.get("refused", 0), len(files.bad)),
        ("failed", outcome.statuses.get("failed", 0), 0),
        ("without an outcome", sent - final, 0),
        ("assets by jobs", jobs, "one each, refused none"),
        ("copies found", outcome.copies_found, len(files.copies)),
        ("pairs recorded", outcome.matches, None),
        ("pairs recorded twice or by half", outcome.repeated, 0),
        ("messages left in the queue", outcome.waiting, 0),
        ("dead letters", outcome.dead, 0),
        ("workers killed", len(killed), None),
        ("seconds until all was sent", outcome.sent_seconds, None),
        ("seconds until all was final", outcome.seconds, None),
        ("uploads a second", sent / outcome.seconds, None),
    )
    remarks = (
        "All as it should be." if sound else "Something was lost, failed or came twice.",
        *(f"failed {count} times: {reason}" for reason, count in outcome.reasons.items()),
        f"killed: {dict(Counter(killed))}",
    )
    return Sheet(f"{sent} uploads at once", ("what", "found", "wanted"), rows, remarks)


if __name__ == "__main__":
    main()
