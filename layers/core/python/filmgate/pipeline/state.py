"""The data passed between the steps of the workflow: ids, keys and counts, never bytes."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from filmgate.model import FrozenModel

GONE_REASON = "The file was deleted before it could be read. Upload it again."


class Outcome(StrEnum):
    """The outcome of a step. REFUSED is an answer about the file."""

    OK = "ok"
    REFUSED = "refused"


class JobState(FrozenModel):
    """One job of a run: the input of the function that runs its engine.

    Attributes:
        engine: name and version.
        runner: the function that runs it, see `filmgate.engines.spec.EngineSpec`.
        artifacts: keys of the derived artifacts that the engine needs, by name; empty before
            `derive`.
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
    """The result of `derive`: the work with its artifacts; no work if the file was refused."""

    outcome: Outcome
    reason_code: str | None = None


class Failure(FrozenModel):
    """The error of a step: its name and its cause, as caught by the workflow."""

    name: str
    cause: str = ""


class ToFinish(FrozenModel):
    """Jobs that cannot continue, and why."""

    work: tuple[JobState, ...]
    error: Failure
