"""Record how a job ended."""

from __future__ import annotations

import json
from dataclasses import dataclass

from filmgate.clock import now
from filmgate.errors import TransientError
from filmgate.library.model import Asset, AssetStatus, Job, JobStatus
from filmgate.library.ports import Assets
from filmgate.pipeline.state import Failure, Outcome, ToFinish

_TRIES = 5
_MAX_DETAIL = 300
_STATUS = {
    Outcome.OK: AssetStatus.DONE,
    Outcome.REFUSED: AssetStatus.REFUSED,
    Outcome.FAILED: AssetStatus.FAILED,
}
_AGAIN = "Run it again; if it fails again, the logs of this job tell more."


@dataclass(frozen=True, slots=True)
class Finished:
    """How a job ended and how long it took, in seconds from its start."""

    status: AssetStatus
    workflow: str
    duration_s: float
    matches: int
    reason_code: str | None


def finish(library: Assets, state: ToFinish) -> Finished:
    """Give the asset and the job their final state.

    A job ends once: the first end stands, whatever comes late. The asset keeps its state when a
    later job has taken it over meanwhile.

    Raises:
        NotFound: the asset or the job is gone.
        TransientError: storage did not answer.
    """
    outcome = Outcome.FAILED if state.error else state.outcome
    code, reason = state.reason_code, state.reason
    if outcome is Outcome.FAILED:
        code, reason = _plain(state.error)
    for _ in range(_TRIES):
        job = library.job(state.tenant, state.job_id)
        asset = library.asset(state.tenant, state.asset_id)
        if job.status is not JobStatus.RUNNING:
            # It ended before: a step that came late, or again, changes nothing.
            return _told(job, asset)
        ended = {
            "status": JobStatus.FAILED if outcome is Outcome.FAILED else JobStatus.SUCCEEDED,
            "finished_at": now(),
            "error": reason if outcome is Outcome.FAILED else None,
            "matches": state.matches,
            "passed_over": state.passed_over,
        }
        job = job.model_copy(update=ended)
        own = None
        if asset.job_id == state.job_id:
            own = asset.changed(
                status=_STATUS[outcome],
                reason_code=code,
                reason=reason,
                passed_over=state.passed_over,
            )
        if library.end(job, asset, own):
            return _told(job, own or asset)
    raise TransientError("the asset was changed by others again and again")


def _told(job: Job, asset: Asset) -> Finished:
    """By the records of an ended job and its asset, which may belong to a later job by now."""
    own = asset.job_id == job.job_id
    other = AssetStatus.FAILED if job.status is JobStatus.FAILED else AssetStatus.DONE
    return Finished(
        status=asset.status if own else other,
        workflow=job.workflow,
        duration_s=((job.finished_at or job.started_at) - job.started_at).total_seconds(),
        matches=job.matches or 0,
        reason_code=asset.reason_code if own else None,
    )


def _plain(error: Failure | None) -> tuple[str, str]:
    """A code and a sentence for what the workflow caught."""
    if error is None:
        return "failed", f"Processing failed. {_AGAIN}"
    if error.name in {"States.Timeout", "Sandbox.Timedout"}:
        return "timed_out", f"Processing took longer than a step may take. {_AGAIN}"
    detail = _message(error)[:_MAX_DETAIL]
    told = f"{error.name}: {detail}" if detail else error.name
    return "failed", f"Processing failed ({told}). {_AGAIN}"


def _message(error: Failure) -> str:
    """A Lambda's cause is JSON with the message among other things; others are plain text."""
    try:
        cause = json.loads(error.cause)
    except ValueError:
        return error.cause
    return str(cause.get("errorMessage", "")) if isinstance(cause, dict) else error.cause
