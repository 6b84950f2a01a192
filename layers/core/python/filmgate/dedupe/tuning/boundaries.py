"""The precision and recall of each choice of a boundary, on pairs whose truth is known.

A boundary is the lowest score of a class, so a labelled set with its scores is all that is needed:
nothing is compared again. There are three boundaries:

- exact: of the pairs that score at least this, how many are copies?
- near: the same for all whole copies. Between `similar` and `near` lie the pairs that only look
  alike, and the files of which one holds a part of the other.
- similar: of the parts that score at least this, how many are parts? And how many pairs that only
  look alike are shown for review?
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from filmgate.dedupe.matching.settings import CHANGED_CEILING, PART_CEILING, Boundaries
from filmgate.dedupe.tuning.labelled import NotCompared, Scored
from filmgate.media.model import MediaKind


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Boundary(StrEnum):
    """The boundaries of one kind of media, strictest first."""

    EXACT = "exact"
    NEAR = "near"
    SIMILAR = "similar"


class Cost(_Value):
    """The effect of a boundary at a value; a rate is None where its denominator is 0.

    Attributes:
        called: pairs that are called because of it.
        right: those of them that are copies.
        precision: right of called.
        recall: right of all copies of this kind of media, whole and in part.
        false_positive_rate: called among all pairs that are not copies.
        review: pairs at least `similar` that are called neither copy nor part.
    """

    value: float
    called: int
    right: int
    precision: float | None
    recall: float | None
    false_positive_rate: float | None
    review: int


class Proposal(_Value):
    """A boundary for the wanted precision.

    Attributes:
        current, proposed: costs at the boundary in use and at the one proposed; the same where no
            boundary reaches the wanted precision, or only by calling nothing.
        reached: whether the proposed one has the wanted precision.
    """

    kind: MediaKind
    boundary: Boundary
    wanted: float
    current: Cost
    proposed: Cost
    reached: bool


class Costs:
    """The effects of boundaries on the pairs of one kind of media."""

    def __init__(self, pairs: Sequence[Scored], lost: NotCompared | None = None) -> None:
        lost = lost or NotCompared()
        self._pairs = pairs
        self.copies = sum(pair.same for pair in pairs) + lost.same
        self.others = sum(not pair.same for pair in pairs) + lost.different

    def at(self, boundary: Boundary, value: float, boundaries: Boundaries) -> Cost:
        """The effect of a boundary at a value, with the others as in `boundaries`."""
        changed = boundaries.model_copy(update={boundary.value: value})
        called = [pair for pair in self._pairs if _called(pair, boundary, changed)]
        return self._cost(value, called, changed)

    def all_of(self, boundaries: Boundaries) -> Cost:
        """The effect of all boundaries together on copies and parts; `value` is that of near."""
        called = [
            pair
            for pair in self._pairs
            if _called(pair, Boundary.NEAR, boundaries)
            or _called(pair, Boundary.SIMILAR, boundaries)
        ]
        return self._cost(boundaries.near, called, boundaries)

    def _cost(self, value: float, called: Sequence[Scored], boundaries: Boundaries) -> Cost:
        review = sum(
            boundaries.similar <= pair.score < boundaries.near and not pair.partial
            for pair in self._pairs
        )
        right = sum(pair.same for pair in called)
        return Cost(
            value=value,
            called=len(called),
            right=right,
            precision=_share(right, len(called)),
            recall=_share(right, self.copies),
            false_positive_rate=_share(len(called) - right, self.others),
            review=review,
        )

    def lowest(
        self, boundary: Boundary, wanted: float, boundaries: Boundaries, least: float
    ) -> Cost | None:
        """The cost at the lowest boundary from `least` on that has the wanted precision, and at
        every higher one too; None if no boundary calls anything."""
        lowest = None
        for step in range(100, round(least * 100) - 1, -1):
            cost = self.at(boundary, step / 100, boundaries)
            if cost.precision is None:
                continue
            if cost.precision < wanted:
                break
            lowest = cost
        return lowest


def _called(pair: Scored, boundary: Boundary, boundaries: Boundaries) -> bool:
    if boundary is Boundary.SIMILAR:
        return pair.partial and boundaries.similar <= pair.score < boundaries.near
    return pair.score >= (boundaries.exact if boundary is Boundary.EXACT else boundaries.near)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


LEAST = {
    # Below it, a copy with visible changes would be called exact.
    Boundary.EXACT: round(CHANGED_CEILING + 0.001, 2),
    # Below it, a part would be called a copy, and it cannot stand for the whole.
    Boundary.NEAR: round(PART_CEILING + 0.005, 2),
    Boundary.SIMILAR: 0.5,
}
"""The lowest value at which a boundary keeps its meaning."""


def propose(
    costs: Costs,
    kind: MediaKind,
    current: Boundaries,
    *,
    precision: float,
    exact_precision: float,
) -> tuple[Boundaries, tuple[Proposal, ...]]:
    """The lowest boundaries of a kind that keep the wanted precision.

    Args:
        precision: wanted of whole copies and of parts, 0..1.
        exact_precision: wanted of what is called exact.

    Returns:
        The boundaries, in order, and each with its costs; unreachable ones stay as they are.
    """
    wanted = {
        Boundary.NEAR: precision,
        Boundary.EXACT: exact_precision,
        Boundary.SIMILAR: precision,
    }
    boundaries, proposals = current, []
    for boundary, share in wanted.items():
        proposal = _proposal(costs, kind, boundary, share, current=current, so_far=boundaries)
        boundaries = boundaries.model_copy(update={boundary.value: proposal.proposed.value})
        proposals.append(proposal)
    ordered = boundaries.model_copy(
        update={
            "exact": max(boundaries.exact, boundaries.near),
            "similar": min(boundaries.similar, boundaries.near),
        }
    )
    return ordered, tuple(proposals)


def _proposal(
    costs: Costs,
    kind: MediaKind,
    boundary: Boundary,
    wanted: float,
    *,
    current: Boundaries,
    so_far: Boundaries,
) -> Proposal:
    """The lowest value of one boundary, given those already proposed."""
    before = costs.at(boundary, getattr(current, boundary.value), current)
    least = max(LEAST[boundary], so_far.near if boundary is Boundary.EXACT else 0.0)
    lowest = costs.lowest(boundary, wanted, so_far, least)
    return Proposal(
        kind=kind,
        boundary=boundary,
        wanted=wanted,
        current=before,
        proposed=lowest or before,
        reached=lowest is not None,
    )
