"""Jobs: attempts of capabilities on assets."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from threading import Lock

from pydantic import Field
from ulid import ULID

from filmgate.model import FrozenModel


class JobState(StrEnum):
    """The state of a job. It runs until it ends for the first time; later ends are ignored."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    FAILED = "failed"


class Progress(FrozenModel):
    """How far a job is: its current step, and the share of its work that is done (0 to 1)."""

    step: str
    share: float = Field(ge=0.0, le=1.0)


class Job(FrozenModel):
    """One attempt of one capability on one asset.

    Attributes:
        job_id: a ULID, so ids sort by time.
        run_id: the workflow execution that this job belongs to; jobs planned together share one.
        engine: name and version.
        attempt: 1 for the first run of this engine on this asset.
        external_call: the id of the call to an external service that does the work.
        error: why it failed; None otherwise.
        seconds, cost_usd: duration and cost; None if unknown.
        version: for optimistic locking; 0 before the record is stored.
    """

    tenant: str
    job_id: str
    run_id: str
    asset_id: str
    capability: str
    engine: str
    state: JobState
    attempt: int
    started_at: datetime
    workflow: str
    finished_at: datetime | None = None
    progress: Progress | None = None
    external_call: str | None = None
    error: str | None = None
    seconds: float | None = None
    cost_usd: float | None = None
    version: int = 0


class _Ids:
    """Generates ULIDs in increasing order, even within one millisecond."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = 0

    def new(self) -> ULID:
        with self._lock:
            self._last = max(int(ULID()), self._last + 1)
            return ULID.from_int(self._last)


_ids = _Ids()


def new_id() -> str:
    """Return a new ULID: 26 characters, the first ten of which are the time in milliseconds.

    ULIDs of one process sort in the order in which they were generated.
    """
    return str(_ids.new())
