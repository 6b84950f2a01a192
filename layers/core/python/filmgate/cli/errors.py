"""Errors with a message, the next step and a stable exit code."""

from __future__ import annotations

import errno
from enum import IntEnum
from typing import TYPE_CHECKING

from filmgate.errors import FilmgateError

if TYPE_CHECKING:
    from filmgate.client.api import ApiError


class Code(IntEnum):
    """Exit codes. USAGE is also what the argument parser uses."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    INTERRUPTED = 130


EXIT_CODES = (
    "Exit codes: 0 done, refused files included; 1 something failed; 2 wrong usage; "
    "3 the stack is not running or cannot be reached; 130 stopped with Ctrl-C."
)


class CliError(FilmgateError):
    """An error to show: a sentence, the next step, and the exit code."""

    def __init__(self, message: str, hint: str = "", code: Code = Code.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


def not_running(detail: str = "The local stack is not running.") -> CliError:
    """The error for a service that cannot be reached."""
    return CliError(
        detail,
        "Start it with `filmgate up`, or set FILMGATE_API_URL and FILMGATE_API_KEY.",
        Code.UNREACHABLE,
    )


def explain(error: Exception) -> CliError:
    """Any exception as an error to show, without a traceback."""
    import httpx  # noqa: PLC0415 - only on the way out

    from filmgate.client.api import ApiError  # noqa: PLC0415

    if isinstance(error, CliError):
        return error
    if isinstance(error, ApiError):
        return _api_error(error)
    if isinstance(error, httpx.TransportError):
        return not_running(f"The service cannot be reached ({error}).")
    if type(error).__module__.startswith("botocore"):
        return _aws_error(error)
    return _other_error(error)


def _other_error(error: Exception) -> CliError:
    name = type(error).__name__
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        hint = _DISK_FULL if error.errno in {errno.ENOSPC, errno.EDQUOT} else _CHECK_PATH
        return CliError(f"{where}{error.strerror or error}", hint)
    # StackError belongs to filmgate_local, which is not imported here; it names the next step.
    if isinstance(error, FilmgateError) or name == "StackError":
        code = Code.USAGE if name in _USAGE else Code.FAILED
        return CliError(str(error), _HINTS.get(name, ""), code)
    return CliError(
        f"Unexpected {name}: {error}",
        "Run the command again with FILMGATE_DEBUG=1 to see the traceback, and report it.",
    )


_CHECK_PATH = "Check the path and its permissions."
_DISK_FULL = "Free some disk space there, or use another path."
_USAGE = {"FolderInvalid", "NotFilmgate", "SamplesTaken", "TargetInvalid", "TargetTaken"}
_HINTS = {
    "ScanStalled": "`filmgate status` shows the queues and `filmgate logs` the reason. Run the "
    "same command again to resume.",
    "FolderInvalid": "Check the path: `filmgate scan` takes a directory, `filmgate upload` files.",
    "NotFilmgate": "Check FILMGATE_API_URL; without it the commands use the local stack, which "
    "`filmgate up` starts.",
    "RecordUnusable": "Check the permissions there, or set XDG_STATE_HOME to another directory. A "
    "damaged record can be moved away: files may then be listed twice, under two folders.",
    "SamplesTaken": "Give a new or empty directory, or first move away the files in this one.",
    "TargetInvalid": "Give a file in an existing directory that you can write to.",
    "TargetTaken": "Give a new file name, or move that file away first. A command overwrites only "
    "its own earlier output.",
    "NotFound": "`filmgate assets` and `filmgate matches` list the known ids.",
}


def _api_error(error: ApiError) -> CliError:
    if error.status in {401, 403}:
        return CliError(
            "The service does not accept the API key.",
            "Check FILMGATE_API_KEY; an operator creates keys with `filmgate keys create TENANT`.",
        )
    if error.status == 404:
        return CliError(
            error.problem.detail, "`filmgate assets` and `filmgate matches` list the known ids."
        )
    if error.status in {502, 503, 504}:
        return not_running(f"The service does not answer ({error}).")
    if error.status in {400, 422}:
        hint = "Check these values; the command's --help says which are allowed."
        return CliError(f"The service rejected the request. {error.reason}", hint, Code.USAGE)
    return CliError(str(error), "`filmgate logs api` shows the details.")


def _aws_error(error: Exception) -> CliError:
    name = type(error).__name__
    if name in {"EndpointConnectionError", "ConnectTimeoutError", "ConnectionClosedError"}:
        return not_running()
    if name in {"NoCredentialsError", "NoRegionError", "ProfileNotFound"}:
        return CliError(str(error), "Set AWS_PROFILE or AWS_ACCESS_KEY_ID, and AWS_REGION.")
    return CliError(str(error))
