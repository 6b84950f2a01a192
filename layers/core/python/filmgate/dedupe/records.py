"""What dedupe stores: comparisons as an artifact, verdicts as matches of the library."""

from __future__ import annotations

from datetime import datetime

from filmgate.dedupe.engine import SPEC
from filmgate.dedupe.matching.model import Comparison, Verdict
from filmgate.library.matches import Match
from filmgate.model import FrozenModel


class ComparedPair(FrozenModel):
    """Two assets, `a` the smaller id, and what was measured between them."""

    a: str
    b: str
    comparison: Comparison


class Comparisons(FrozenModel):
    """The comparisons of one job, as stored in artifacts.

    Attributes:
        candidates: how many the index brought up.
        uncompared: candidates that there was no time for.
        outdated: candidates without a fingerprint of this engine: they were not run again since
            the engine changed, and are compared when they are.
        damaged: candidates whose fingerprint cannot be read.
    """

    engine: str
    pairs: tuple[ComparedPair, ...]
    candidates: int = 0
    uncompared: int = 0
    outdated: int = 0
    damaged: int = 0


def match_of(tenant: str, a: str, b: str, verdict: Verdict, at: datetime) -> Match:
    """The record of a pair; `a` must be the smaller asset id."""
    return Match(
        tenant=tenant,
        a=a,
        b=b,
        capability=SPEC.capability,
        label=verdict.match_class.value,
        score=verdict.score,
        probability=verdict.probability,
        engine=verdict.engine,
        payload=verdict.model_dump(mode="json"),
        created_at=at,
        updated_at=at,
    )


def verdict_of(match: Match) -> Verdict:
    """The verdict in a record. Raises ValueError where another capability made it."""
    if match.capability != SPEC.capability:
        raise ValueError(f"{match.match_id} is a match of {match.capability}")
    return Verdict.model_validate(match.payload)
