"""Fit the probabilities that ship, and judge them on sources they were not fit on.

Reads the labelled pairs that the matching benchmark wrote: fits on the tuning half and writes
`filmgate/dedupe/matching/calibration.json`, then judges that on the test half. `make calibrate`
does both in turn and the benchmark's own table after it.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

from filmgate.dedupe.matching.calibration import FILE, Calibration, CalibrationSource
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate.dedupe.tuning.labelled import LabelledSet, Scored, scored
from filmgate.dedupe.tuning.probabilities import calibrate, evaluate
from tests.benchmarks.common import (
    BENCH,
    Cell,
    Figure,
    Result,
    Sheet,
    machine,
    parser,
    publish,
)
from tests.benchmarks.matching_figures import WORDS, calibration


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--quick", action="store_true", help="on the pairs of the quick run")
    quick = words.parse_args().quick
    begun = time.perf_counter()
    name = "matching-quick" if quick else "matching"
    source = CalibrationSource(
        labelled_set=f"{name}, tuning half",
        fitted=datetime.now(UTC).date(),
        command="make calibrate" + (" BENCH_FLAGS=--quick" if quick else ""),
    )
    made = calibrate(_pairs(f"{name}-tune"), source, Calibration())
    body = json.dumps(made.model_dump(mode="json", exclude_none=True), indent=1)
    FILE.write_text(body + "\n", encoding="utf-8")
    print(f"Written to {FILE.name}.")
    rows: list[tuple[Cell, ...]] = []
    figures: list[Figure] = []
    head = "calibrate_quick" if quick else "calibrate"
    for half in ("tune", "test"):
        for kind, found in evaluate(_pairs(f"{name}-{half}"), made).items():
            if found is not None:
                told = (found.ece, found.brier, found.brier_of_share)
                rows.append((half, WORDS[kind], found.pairs, found.copies, *told))
                figures += calibration(f"{head}.{half}.{WORDS[kind]}", found)
    columns = ("half", "kind", "pairs", "share of copies", "calibration error", "Brier score")
    sheet = Sheet(
        "The probabilities that were fit on the tuning half",
        (*columns, "Brier score of the share"),
        tuple(rows),
    )
    seconds = time.perf_counter() - begun
    stem = head.replace("_", "-")
    publish(Result(stem, (sheet,), tuple(figures), seconds=seconds, machine=machine()))


def _pairs(name: str) -> list[Scored]:
    """Raises FileNotFoundError where the benchmark did not run."""
    text = (BENCH / f"{name}-labelled.json").read_bytes()
    settings = MatchSettings()
    return [scored(pair, settings) for pair in LabelledSet.model_validate_json(text).pairs]


if __name__ == "__main__":
    main()
