"""Fits the maps from scores to probabilities on a labelled set, and evaluates them there."""

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
"""Of a cross-validation."""


def calibrate(
    pairs: Iterable[Scored], source: CalibrationSource, start: Calibration
) -> Calibration:
    """Fit the maps of every kind of media that has enough pairs.

    Args:
        start: supplies the maps of all other kinds.
    """
    maps = {}
    for kind, some in _by_kind(pairs).items():
        whole, part = _fit(some, partial=False), _fit(some, partial=True)
        if whole or part:
            maps[kind.value] = KindCalibration(source=source, whole=whole, part=part)
    return start.model_copy(update=maps)


def evaluate(
    pairs: Iterable[Scored], calibration: Calibration
) -> dict[MediaKind, Reliability | None]:
    """How reliable maps are on these pairs, by kind; pairs without a map are left out."""
    return {
        kind: reliability(
            [
                (probability, pair.same)
                for pair in some
                if (probability := _probability(pair, calibration)) is not None
            ]
        )
        for kind, some in _by_kind(pairs).items()
    }


def cross_validate(pairs: Iterable[Scored]) -> dict[MediaKind, Reliability | None]:
    """How reliable maps fit on these pairs are, by kind.

    The probability of each pair comes from maps that were fit on the other folds (cross-validation,
    Stone, J. R. Stat. Soc. B 36, 1974); groups stay together. Without groups, copies of one source
    are in many folds, and pairs of new sources may do worse.
    """
    return {kind: reliability([*_held_out(some)]) for kind, some in _by_kind(pairs).items()}


def _held_out(pairs: Sequence[Scored]) -> Iterable[tuple[float, bool]]:
    folds = _folds(pairs)
    for test in folds:
        rest = [pair for fold in folds if fold is not test for pair in fold]
        whole, part = _fit(rest, partial=False), _fit(rest, partial=True)
        for pair in test:
            probability_of = part if pair.partial else whole
            if probability_of is not None:
                yield probability_of(pair.score), pair.same


def _folds(pairs: Iterable[Scored]) -> list[list[Scored]]:
    """Folds that do not depend on the order of the pairs."""
    groups: dict[str, list[Scored]] = {}
    single = []
    for pair in pairs:
        if pair.group:
            groups.setdefault(pair.group, []).append(pair)
        else:
            single.append(pair)
    # By score, so that every fold has low and high scores.
    single.sort(key=lambda pair: (pair.partial, pair.score, pair.same))
    units = [*(groups[name] for name in sorted(groups)), *([pair] for pair in single)]
    return [[pair for unit in units[fold::FOLDS] for pair in unit] for fold in range(FOLDS)]


def _by_kind(pairs: Iterable[Scored]) -> dict[MediaKind, list[Scored]]:
    by_kind: dict[MediaKind, list[Scored]] = {}
    for pair in pairs:
        if pair.measured:
            by_kind.setdefault(pair.kind, []).append(pair)
    return by_kind


def _fit(pairs: Iterable[Scored], *, partial: bool) -> CalibrationMap | None:
    labelled = [(pair.score, pair.same) for pair in pairs if pair.partial is partial]
    return fit(labelled, _certain(partial=partial))


def _certain(*, partial: bool) -> float:
    """The lowest score of a certain part, or of a certain whole copy: `decide` scores the rest
    lower."""
    return PART_FLOOR if partial else NEAR_FLOOR


def _probability(pair: Scored, calibration: Calibration) -> float | None:
    return calibration.probability(pair.kind, pair.score, partial=pair.partial)
