"""Record the failure of jobs that the workflow could not continue."""

from __future__ import annotations

import json

from filmgate.errors import FilmgateError
from filmgate.library.jobs import Job
from filmgate.library.ports import Runs
from filmgate.library.results import ResultState
from filmgate.pipeline.runs import Ending, end_running
from filmgate.pipeline.state import Failure, ToFinish

_MAX_DETAIL = 300
_OUR_ERRORS = {"FilmgateError"} | {kind.__name__ for kind in FilmgateError.__subclasses__()}
_NEXT_STEP = "Run it again; if it fails again, the logs of this job say more."


def finish(library: Runs, state: ToFinish) -> list[Job]:
    """End the jobs that still run as failed, and return them.

    Raises TransientError if storage did not answer.
    """
    code, reason = _plain(state.error)
    return end_running(library, state.work, Ending(ResultState.FAILED, code, reason))


def _plain(error: Failure) -> tuple[str, str]:
    """Return a code and a sentence for the error that the workflow caught."""
    if error.name in {"States.Timeout", "Sandbox.Timedout"}:
        return "timed_out", f"Processing took longer than a step may take. {_NEXT_STEP}"
    # Messages of libraries and of AWS quote keys, and roles of the deployment.
    detail = _message(error)[:_MAX_DETAIL] if error.name in _OUR_ERRORS else ""
    cause = f"{error.name}: {detail}" if detail else error.name
    return "failed", f"Processing failed ({cause}). {_NEXT_STEP}"


def _message(error: Failure) -> str:
    """Return the message of an error: of a Lambda it is a field in JSON, else plain text."""
    try:
        cause = json.loads(error.cause)
    except ValueError:
        return error.cause
    return str(cause.get("errorMessage", "")) if isinstance(cause, dict) else error.cause
