"""What each artifact that engines share costs beside the fingerprint, and all of them in one pass
beside a pass for each.

Files are read in this process, without a sandbox, and seconds are of processor time over all
threads; contenders take turns, and ratios are medians of those within a round. The boundaries of
shots are compared with those seen by eye, where the measuring files are there.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from filmgate.dedupe.engine import FINGERPRINT
from filmgate.media.limits import Limits
from filmgate.media.model import MediaInfo
from filmgate.media.probe import probe
from filmgate.media.shared_names import SHARED_NAMES
from filmgate.media.shots_artifact import Shots, read_shots
from filmgate.sandbox.inprocess import InProcessReader
from tests.benchmarks.common import SHARED as MEASURING
from tests.benchmarks.common import (
    Figure,
    Result,
    Sheet,
    interleaved,
    machine,
    note,
    parser,
    publish,
    ratio,
    slug,
)
from tests.media_factory import shots as film

_LIMITS = Limits()
_REAL = (
    "film/big_buck_bunny_0_30.webm",
    "film/tears-of-steel-battle-clip-medium.webm",
    "phone/chair-orig-22-sd-bar.mp4",
)
_CUTS = {
    "film/big_buck_bunny_0_30.webm": (11.79, 15.67, 22.96),
    "film/tears-of-steel-battle-clip-medium.webm": (
        *(2.17, 5.08, 6.58, 9.21, 12.88, 29.79, 32.83, 36.33, 37.54, 41.12, 46.96, 50.12),
        *(51.42, 51.92, 53.50, 56.04, 57.42, 59.58, 61.33, 63.54, 65.46, 67.42, 68.75, 70.38),
    ),
}
"""Seconds of the first picture of each new shot, seen by eye."""
_NEAR_S = 0.06
"""A cut this close to one seen by eye is that one."""
_EVERYTHING = (FINGERPRINT, *SHARED_NAMES)


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--rounds", type=int, default=3, help="of each contender (default 3)")
    rounds = words.parse_args().rounds
    begun = time.perf_counter()
    sheets: list[Sheet] = []
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, path in _files(Path(folder)):
            sheet, found = _cost(name, path, rounds)
            sheets.append(sheet)
            figures += found
    sheet, found = _shots()
    sheets.append(sheet)
    figures += found
    publish(
        Result(
            "derive",
            tuple(sheets),
            tuple(figures),
            seconds=time.perf_counter() - begun,
            machine=machine(),
        )
    )


def _files(folder: Path) -> list[tuple[str, Path]]:
    """A rendered film of H.264 and AAC, and real ones."""
    note("Rendering a film of known shots")
    files = [("rendered film", film.film(folder / "film.mp4", repeats=3))]
    real = MEASURING / "videos"
    return files + [(name, real / name) for name in _REAL if (real / name).is_file()]


def _cost(name: str, path: Path, rounds: int) -> tuple[Sheet, list[Figure]]:
    info = probe(path, _LIMITS)
    beside = [(FINGERPRINT, artifact) for artifact in SHARED_NAMES]
    asked: list[tuple[str, ...]] = [(one,) for one in _EVERYTHING] + [*beside, _EVERYTHING]
    ways: dict[str, Callable[[], object]] = {
        _label(names): partial(_made, path, info, names) for names in asked
    }
    taken = {
        label: [one.cpu_s for one in runs] for label, runs in interleaved(ways, rounds).items()
    }
    base = taken[FINGERPRINT]
    sizes = _made(path, info, _EVERYTHING)
    rows = tuple(
        (label, statistics.median(spent), ratio(spent, base), sizes.get(label))
        for label, spent in taken.items()
    )
    apart = [sum(spent) for spent in zip(*(taken[one] for one in _EVERYTHING), strict=True)]
    saved = ratio(taken[_label(_EVERYTHING)], apart)
    note(f"{name}: all in one pass cost {saved:.2f} of a pass for each")
    sheet = Sheet(
        f"Artifacts of {name}: {info.duration_s:.0f} s, {info.width} x {info.height}",
        ("made in one pass", "CPU s", "of the fingerprint alone", "bytes"),
        rows,
        (f"All in one pass: {saved:.2f} of the processor time of a pass for each.",),
    )
    head = f"derive.{slug(Path(name).stem)}"
    figures = [Figure(f"{head}.one_pass", saved, "times")]
    figures += [Figure(f"{head}.{slug(label)}", times, "times") for label, _, times, _ in rows]
    return sheet, figures


def _label(names: Sequence[str]) -> str:
    return "all" if names == _EVERYTHING else " and ".join(names)


def _made(path: Path, info: MediaInfo, artifacts: Sequence[str]) -> dict[str, int]:
    """Make these and return the sizes of the shared ones."""
    reading = InProcessReader().read(
        path, "0" * 64, info, _LIMITS, pictures=False, artifacts=artifacts
    )
    return {name: len(body) for name, body in reading.shared.items()}


def _shots() -> tuple[Sheet, list[Figure]]:
    """Precision and recall of cuts on the labelled films."""
    hits = found = true = 0
    rows: list[tuple[str, int, int, int]] = []
    for name, cuts in _CUTS.items():
        path = MEASURING / "videos" / name
        if not path.is_file():
            continue
        shots = _shots_of(path)
        near = sum(any(abs(cut - other) < _NEAR_S for other in shots.cuts_s) for cut in cuts)
        rows.append((name, len(cuts), len(shots.cuts_s), near))
        hits, found, true = hits + near, found + len(shots.cuts_s), true + len(cuts)
    sheet = Sheet(
        "Cuts of films, seen by eye",
        ("file", "cuts", "found", "of these true"),
        tuple(rows),
        (f"A cut counts as found within {_NEAR_S} s.",),
    )
    if not true:
        return sheet, []
    return sheet, [
        Figure("derive.shots.recall", hits / true, "share"),
        Figure("derive.shots.precision", hits / max(1, found), "share"),
    ]


def _shots_of(path: Path) -> Shots:
    info = probe(path, _LIMITS)
    reading = InProcessReader().read(
        path, "0" * 64, info, _LIMITS, pictures=False, artifacts=("shots",)
    )
    return read_shots(reading.shared["shots"])


if __name__ == "__main__":
    main()
