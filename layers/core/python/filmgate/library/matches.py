"""Matches: findings about two assets at once."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, JsonValue

from filmgate.model import FrozenModel


class Match(FrozenModel):
    """A pair of assets, and what a capability found out about it.

    Attributes:
        a, b: asset ids; ``a`` is the smaller one, so a pair has one record.
        label: the capability's class for the pair, such as ``near``.
        score: 0 to 1.
        probability: calibrated, 0 to 1; None without a calibration.
        engine: name and version of the engine that compared the two.
        payload: the evidence; only the capability knows its fields.
    """

    tenant: str
    a: str
    b: str
    capability: str
    label: str
    score: float
    probability: float | None = None
    engine: str
    payload: dict[str, JsonValue] = Field(default_factory=dict)
    created_at: datetime
    updated_at: datetime

    @property
    def match_id(self) -> str:
        return match_id(self.a, self.b)


def match_id(first: str, second: str) -> str:
    """Return the id of an unordered pair of assets."""
    return ":".join(sorted((first, second)))
