"""Fitting the maps from scores to probabilities on a labelled set, and judging them there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from filmgate.dedupe.matching.calibration import (
    Calibration,
    CalibrationMap,
    CalibrationSource,
    KindCalibration,
)
from filmgate.dedupe.matching.settings import NEAR_FLOOR, PART_FLOOR
from filmgate.dedupe.tuning.isotonic import fit
from filmgate.dedupe.tuning.labelled import Scored
from filmgate.dedupe.tuning.reliability import Reliability, reliability
from filmgate.media.model import MediaKind

FOLDS = 5


def calibrate(
    pairs: Iterable[Scored], source: CalibrationSource, start: Calibration
) -> Calibration:
    """Fit the maps of every kind of media that there are enough pairs of.

    Args:
        start: gives the maps of all other kinds.
    """
    found = {}
    for kind, some in _by_kind(pairs).items():
        whole, part = _fit(some, partial=False), _fit(some, partial=True)
        if whole or part:
            found[kind.value] = KindCalibration(source=source, whole=whole, part=part)
    return start.model_copy(update=found)


def judged(
    pairs: Iterable[Scored], calibration: Calibration
) -> dict[MediaKind, Reliability | None]:
    """How reliable maps are on these pairs, by kind; pairs that no map is for are left out."""
    return {
        kind: reliability(
            [
                (probability, pair.same)
                for pair in some
                if (probability := _told(pair, calibration)) is not None
            ]
        )
        for kind, some in _by_kind(pairs).items()
    }


def cross_judged(pairs: Iterable[Scored]) -> dict[MediaKind, Reliability | None]:
    """How reliable maps fit on these pairs are, by kind.

    Every pair is told by maps that were fit on the other four fifths (cross-validation, Stone,
    J. R. Stat. Soc. B 36, 1974); groups stay together. Without groups, copies of one source are in
    many fifths, and pairs of new sources may do worse.
    """
    return {kind: reliability([*_held_out(some)]) for kind, some in _by_kind(pairs).items()}


def _held_out(pairs: Sequence[Scored]) -> Iterable[tuple[float, bool]]:
    folds = _folds(pairs)
    for held in folds:
        rest = [pair for fold in folds if fold is not held for pair in fold]
        whole, part = _fit(rest, partial=False), _fit(rest, partial=True)
        for pair in held:
            made = part if pair.partial else whole
            if made is not None:
                yield made(pair.score), pair.same


def _folds(pairs: Iterable[Scored]) -> list[list[Scored]]:
    """Fifths, without a part in them for the order of the pairs."""
    groups: dict[str, list[Scored]] = {}
    single = []
    for pair in pairs:
        if pair.group:
            groups.setdefault(pair.group, []).append(pair)
        else:
            single.append(pair)
    # By score, so that every fifth has scores of all heights.
    single.sort(key=lambda pair: (pair.partial, pair.score, pair.same))
    units = [*(groups[name] for name in sorted(groups)), *([pair] for pair in single)]
    return [[pair for unit in units[fold::FOLDS] for pair in unit] for fold in range(FOLDS)]


def _by_kind(pairs: Iterable[Scored]) -> dict[MediaKind, list[Scored]]:
    found: dict[MediaKind, list[Scored]] = {}
    for pair in pairs:
        if pair.measured:
            found.setdefault(pair.kind, []).append(pair)
    return found


def _fit(pairs: Iterable[Scored], *, partial: bool) -> CalibrationMap | None:
    told = [(pair.score, pair.same) for pair in pairs if pair.partial is partial]
    return fit(told, _certain(partial=partial))


def _certain(*, partial: bool) -> float:
    """The lowest score of what is certainly a part, or the whole: `decide` keeps the rest below."""
    return PART_FLOOR if partial else NEAR_FLOOR


def _told(pair: Scored, calibration: Calibration) -> float | None:
    return calibration.probability(pair.kind, pair.score, partial=pair.partial)
