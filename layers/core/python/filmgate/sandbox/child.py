"""The child process for one file: it confines itself, does its job, and ends."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from filmgate.errors import MediaRefused, TransientError
from filmgate.sandbox import libc
from filmgate.sandbox.confine import confine
from filmgate.sandbox.model import Capabilities, Request
from filmgate.sandbox.wire import Head, one_line, packed, write_all

Job = Callable[[Path, str], tuple[bytes, ...]]
"""Takes a file and JSON arguments; returns the parts of the answer. May raise MediaRefused."""

_ANSWER_FD = 3
_MOST_FDS = 1024


def run(
    jobs: Mapping[str, Job],
    request: Request,
    answer_fd: int,
    readable: tuple[str, ...],
    required: Capabilities | None,
) -> NoReturn:
    """Do a job in this forked process, and end the process.

    Args:
        answer_fd: for the answer; every other file descriptor is closed.
        readable: see `filmgate.sandbox.confine.confine`.
        required: the required restrictions; None for the first child, whose answer is the list of
            available restrictions.
    """
    status = 1
    try:
        _separate(answer_fd)
        size = Path(request.path).stat().st_size if request.path else 0
        active = confine(request.budget, (*readable, request.path), size)
        if required is None:
            answer = packed(Head(outcome="done"), (active.model_dump_json().encode(),))
        elif missing := _missing(required, active):
            answer = _failed(f"a child could not be confined: {missing}")
        else:
            answer = _answer(jobs, request)
        write_all(_ANSWER_FD, answer)
        status = 0
    except BrokenPipeError:
        # The parent has stopped reading.
        status = 0
    finally:
        os._exit(status)


def _separate(answer_fd: int) -> None:
    """Create a process group, remove signal handlers, and close all file descriptors but four."""
    os.setpgid(0, 0)
    if sys.platform == "linux":
        libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if answer_fd != _ANSWER_FD:
        os.dup2(answer_fd, _ANSWER_FD)
    os.closerange(_ANSWER_FD + 1, _MOST_FDS)


def _missing(required: Capabilities, active: Capabilities) -> str:
    """Return the restrictions that the first child had and this one does not have."""
    names = ("limits", "no_new_privileges", "system_calls_filtered", "landlock")
    return ", ".join(name for name in names if getattr(required, name) != getattr(active, name))


def _answer(jobs: Mapping[str, Job], request: Request) -> bytes:
    try:
        parts = jobs[request.job](Path(request.path), request.arguments)
        return packed(Head(outcome="done"), parts)
    except (MemoryError, TransientError):
        # Without a network and a writable disk, only a lack of memory is transient.
        return packed(Head(outcome="memory"), ())
    except MediaRefused as refusal:
        if _ran_out(refusal):
            return packed(Head(outcome="memory"), ())
        head = Head(outcome="refused", code=refusal.code, reason=one_line(refusal.reason))
        return packed(head, ())
    except Exception as error:  # noqa: BLE001 - every error is reported to the parent
        return _failed(f"{type(error).__name__}: {error}")


def _ran_out(error: BaseException) -> bool:
    """Return whether a refusal was caused by a lack of memory and not by the file."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return True
        cause = cause.__cause__
    return False


def _failed(reason: str) -> bytes:
    return packed(Head(outcome="failed", reason=one_line(reason)), ())
