"""What travels between the steps of a workflow: ids, keys and counts, never bytes."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from filmgate.dedupe.matching.model import Comparison

GONE_REASON = "The file was deleted before it could be read. Upload it again."


class Outcome(StrEnum):
    """How a job ends. REFUSED is a result, FAILED is a fault of ours or of what we stand on."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"


class _State(BaseModel):
    model_config = ConfigDict(frozen=True)


class JobState(_State):
    """One run over one asset; every step gets it and hands it on."""

    tenant: str
    asset_id: str
    job_id: str
    correlation_id: str

    def job(self) -> dict[str, str]:
        """These four fields alone."""
        return {name: getattr(self, name) for name in JobState.model_fields}


class Fingerprinted(JobState):
    """What fingerprinting told. Refused: a code and a reason. Otherwise: the keys."""

    outcome: Outcome
    reason_code: str | None = None
    reason: str | None = None
    fingerprint_key: str | None = None
    tiles_key: str | None = None


class ToMatch(JobState):
    """What matching needs."""

    fingerprint_key: str


class Matched(JobState):
    """Where the comparisons are, with how many candidates, and how many there was no time for."""

    comparisons_key: str
    candidates: int
    passed_over: int = 0


class Decided(JobState):
    """How many candidates turned out to be matches, and how many are matches no longer."""

    matches: int
    withdrawn: int = 0


class Failure(_State):
    """What a step died of: the error's name and its cause, as the workflow caught them."""

    name: str
    cause: str = ""


class ToFinish(JobState):
    """Everything the steps left behind that the final records need."""

    outcome: Outcome
    reason_code: str | None = None
    reason: str | None = None
    matches: int | None = None
    passed_over: int = 0
    error: Failure | None = None


class ComparedPair(_State):
    """Two assets, `a` the smaller id, and what was measured between them."""

    a: str
    b: str
    comparison: Comparison


class Comparisons(_State):
    """The comparisons of one run, as stored in artifacts."""

    engine: str
    pairs: tuple[ComparedPair, ...]
