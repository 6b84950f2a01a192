"""Fitting the maps from scores to probabilities on a labelled set, and judging them there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from filmgate.matching.calibration import (
    Calibration,
    CalibrationMap,
    CalibrationSource,
    KindCalibration,
    fit,
)
from filmgate.matching.reliability import Reliability, reliability
from filmgate.matching.settings import NEAR_FLOOR, PART_FLOOR
from filmgate.matching.tuning import Scored
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
    J. R. Stat. Soc. B 36, 1974). Copies of one source are in many fifths, so new sources may do
    worse; a set of other sources says how much.
    """
    found = {}
    for kind, some in _by_kind(pairs).items():
        told: list[tuple[float, bool]] = []
        for partial in (False, True):
            # By score, so that every fold has scores of all heights.
            group = sorted((pair.score, pair.same) for pair in some if pair.partial is partial)
            told += _held_out(group, _certain(partial=partial))
        found[kind] = reliability(told)
    return found


def _held_out(group: Sequence[tuple[float, bool]], certain: float) -> Iterable[tuple[float, bool]]:
    for fold in range(FOLDS):
        others = [pair for number, pair in enumerate(group) if number % FOLDS != fold]
        made = fit(others, certain)
        if made is not None:
            yield from ((made(score), same) for score, same in group[fold::FOLDS])


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
