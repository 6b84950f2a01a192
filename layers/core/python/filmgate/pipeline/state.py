"""What travels between the steps of the workflow: ids, keys and counts, never bytes."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from filmgate.model import FrozenModel

GONE_REASON = "The file was deleted before it could be read. Upload it again."


class Outcome(StrEnum):
    """How a step ends. REFUSED is an answer about the file."""

    OK = "ok"
    REFUSED = "refused"


class JobState(FrozenModel):
    """One job of a run: what the function that runs its engine gets.

    Attributes:
        engine: name and version.
        runner: the function that runs it, see `filmgate.engines.spec.EngineSpec`.
        artifacts: keys of the derived artifacts that the engine needs, by name; empty until they
            are derived.
    """

    tenant: str
    asset_id: str
    run_id: str
    correlation_id: str
    job_id: str
    capability: str
    engine: str
    runner: str
    artifacts: dict[str, str] = Field(default_factory=dict)


class RunState(FrozenModel):
    """One execution of the workflow over one asset."""

    tenant: str
    asset_id: str
    run_id: str
    correlation_id: str
    work: tuple[JobState, ...]


class Derived(RunState):
    """After `derive`: the work with its artifacts; no work where the file was refused."""

    outcome: Outcome
    reason_code: str | None = None


class Failure(FrozenModel):
    """What a step died of: the error's name and its cause, as the workflow caught them."""

    name: str
    cause: str = ""


class ToFinish(FrozenModel):
    """Jobs that cannot go on, and why."""

    work: tuple[JobState, ...]
    error: Failure
