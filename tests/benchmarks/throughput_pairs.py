"""What looking at less of a long video does to its verdicts.

Every copy of `throughput_copies.py` is compared with both originals of its source, and with one
original of each other source: with every file looked at in full, eight pictures a second and
nothing left out, and as shipped.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest.mock import patch

from filmgate.dedupe.fingerprint import engine
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.matching.compare import compare
from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.model import MatchClass, Verdict
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate.dedupe.tuning.truth import is_call
from filmgate.media.limits import Limits
from filmgate.media.probe import probe
from tests.benchmarks.common import SHARED, Cell, Figure, Sheet, note, slug
from tests.benchmarks.throughput_copies import Made, made

_LIMITS = Limits()
_SETTINGS = MatchSettings()
_SHORT_HZ = 8.0
_EVERY = "in full"
_SHIPPED = "as shipped"


@dataclass(frozen=True)
class Said:
    """A verdict on a copy and an original."""

    copy: str
    same: bool
    verdict: Verdict

    @property
    def called(self) -> bool:
        return is_call(self.verdict.match_class, self.verdict.transform.partial)


def verdicts() -> tuple[Sheet, tuple[Figure, ...], dict[str, object]]:
    """The table, the figures for scripts, and the numbers behind it. Needs the real files.

    Raises:
        SystemExit: they are not there.
    """
    if not SHARED.is_dir():
        raise SystemExit(f"{SHARED} is not here: the copies are made of real films")
    files = list(made())
    found, seconds = {}, {}
    for name, take in ((_EVERY, densely), (_SHIPPED, _taken)):
        note(f"{len(files)} files, {name}")
        begun = time.process_time()
        prints = {file.path: take(file.path) for file in files}
        seconds[name] = time.process_time() - begun
        found[name] = _judged(files, prints)
    counted = {name: _counted(said) for name, said in found.items()}
    figures = tuple(
        figure for name, counts in counted.items() for figure in _figures(slug(name), counts)
    )
    return _sheet(found, seconds), figures, {"fingerprint_s": seconds, **counted}


def _taken(path: Path) -> Fingerprint:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return engine.fingerprint(path, digest, probe(path, _LIMITS), _LIMITS)


def densely(path: Path) -> Fingerprint:
    """The fingerprint of a file looked at in full, as a short one is."""
    with (
        patch.object(engine, "sample_rate", lambda _: _SHORT_HZ),
        patch.object(engine, "max_sampling_gap_s", lambda _: 0.0),
    ):
        return _taken(path)


def _judged(files: list[Made], prints: dict[Path, Fingerprint]) -> list[Said]:
    said = []
    originals = [file for file in files if file.original]
    for copy in (file for file in files if not file.original):
        for index, original in enumerate(originals):
            same = original.source == copy.source
            # Of other sources, one of the two ways in which each was written.
            if same or index % 2 == 0:
                measured = compare(prints[original.path], prints[copy.path])
                said.append(Said(copy.copy.name, same, decide(measured, _SETTINGS)))
    return said


def _sheet(found: dict[str, list[Said]], seconds: dict[str, float]) -> Sheet:
    copies = dict.fromkeys(said.copy for said in found[_EVERY] if said.same)
    cells = [partial(_cells, said) for said in found.values()]
    rows = [_row(name, cells, partial(_is_of, name)) for name in copies]
    rows.append(_row("all", cells, lambda one: one.same))
    rows.append(_row("other sources", cells, lambda one: not one.same))
    columns = [f"{what}, {how}" for how in found for what in ("called", "exact", "near", "score")]
    spent = ", ".join(f"{name} {value:.0f} s" for name, value in seconds.items())
    return Sheet(
        "Verdicts on long videos by how much of them is looked at",
        ("copy", "pairs", *columns),
        tuple(rows),
        (
            "Called: exact or near, or similar as a part. Score: the mean of the pictures.",
            f"Processor time of all fingerprints: {spent}.",
        ),
    )


def _is_of(name: str, said: Said) -> bool:
    return said.same and said.copy == name


def _row(
    name: str,
    cells: Sequence[Callable[[Callable[[Said], bool]], tuple[int, tuple[Cell, ...]]]],
    asked: Callable[[Said], bool],
) -> tuple[Cell, ...]:
    parts = [cell(asked) for cell in cells]
    return (name, parts[0][0], *(value for _, values in parts for value in values))


def _cells(said: list[Said], asked: Callable[[Said], bool]) -> tuple[int, tuple[Cell, ...]]:
    some = [one for one in said if asked(one)]
    classes = Counter(one.verdict.match_class for one in some)
    mean = sum(one.verdict.visual or 0.0 for one in some) / max(1, len(some))
    called = sum(one.called for one in some)
    return len(some), (called, classes[MatchClass.EXACT], classes[MatchClass.NEAR], round(mean, 3))


def _figures(how: str, counts: Counts) -> Iterator[Figure]:
    head = f"throughput_pairs.{how}"
    recall, false = counts.called / counts.pairs, counts.others_called / counts.others
    yield Figure(f"{head}.recall", recall, "share")
    yield Figure(f"{head}.false_positives_a_pair", false, "share")


@dataclass(frozen=True)
class Counts:
    """Pairs of a copy and its original, and others, and how many of each were called."""

    pairs: int
    called: int
    classes: dict[str, int]
    others: int
    others_called: int


def _counted(said: list[Said]) -> Counts:
    same = [one for one in said if one.same]
    other = [one for one in said if not one.same]
    return Counts(
        pairs=len(same),
        called=sum(one.called for one in same),
        classes=dict(Counter(one.verdict.match_class.value for one in same)),
        others=len(other),
        others_called=sum(one.called for one in other),
    )
