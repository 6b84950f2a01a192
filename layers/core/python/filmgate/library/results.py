"""Results of capabilities, and the findings in them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from pydantic import Field, JsonValue

from filmgate.clock import now
from filmgate.model import FrozenModel


class ResultState(StrEnum):
    """The state of an engine's work on an asset.

    REFUSED is an answer about the file. FAILED is an error of Filmgate or of a service that it
    uses. UNAVAILABLE means that the engine could not run here.
    """

    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"


class Result(FrozenModel):
    """The latest result of one engine of one capability for one asset.

    There is one record for each asset, capability and engine; each version of an engine has its
    own.

    Attributes:
        engine: name and version, such as ``filmgate-dedupe/4.5``.
        job_id: the attempt that owns this record; only that attempt may end it.
        attempt: 1 for the first run of this engine on this asset.
        summary: numbers and texts whose meaning only the capability knows.
        artifacts: keys in the artifacts bucket by name.
        notes: remarks for the owner although the work succeeded.
        seconds, cost_usd: what the attempt took and cost, as far as it is known.
        asset_created_at: of the asset, so that a listing brings results beside their asset.
        version: for optimistic locking; 0 before the record is stored.
    """

    tenant: str
    asset_id: str
    capability: str
    engine: str
    state: ResultState
    job_id: str
    attempt: int
    asset_created_at: datetime
    created_at: datetime
    updated_at: datetime
    reason_code: str | None = None
    reason: str | None = None
    notes: tuple[str, ...] = ()
    summary: dict[str, JsonValue] = Field(default_factory=dict)
    artifacts: dict[str, str] = Field(default_factory=dict)
    seconds: float | None = None
    cost_usd: float | None = None
    version: int = 0

    def changed(self, **fields: object) -> Result:
        """Return a copy with these fields, updated now."""
        return self.model_copy(update={**fields, "updated_at": now()})


class Box(FrozenModel):
    """A rectangle in fractions (0 to 1) of the upright picture, from its top left corner."""

    x: float
    y: float
    width: float
    height: float


class Finding(FrozenModel):
    """One thing that an engine found in an asset.

    Attributes:
        label: the class of the finding, defined by the capability.
        score: of the engine, 0 to 1.
        probability: calibrated, 0 to 1; None without a calibration.
        start_s, end_s: seconds from the start of the asset; None for a picture.
        evidence: the key of an artifact that shows it.
    """

    label: str
    score: float
    probability: float | None = None
    start_s: float | None = None
    end_s: float | None = None
    box: Box | None = None
    text: str | None = None
    evidence: str | None = None


def current(results: Iterable[Result]) -> tuple[Result, ...]:
    """Return the result of the latest attempt of each capability, sorted by capability.

    The latest attempt has the highest job id. The time of the last change does not tell, because
    the job of an outdated engine may end late.
    """
    latest: dict[str, Result] = {}
    for result in sorted(results, key=lambda result: (result.job_id, result.engine)):
        latest[result.capability] = result
    return tuple(latest[name] for name in sorted(latest))
