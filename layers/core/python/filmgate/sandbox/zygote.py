"""The process that forks: decoders are imported once, and each file gets a copy of it.

It never touches a file of a tenant. It has no environment, no credentials, and one connection, to
the process that started it; when that ends, so does this, with its children.

On the connection each byte is a request and carries two file descriptors: a channel, on which the
request comes and on which the end of the child is reported, and the pipe for the child's answer.
"""

from __future__ import annotations

import gc
import importlib
import os
import platform
import selectors
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import FrameType

from filmgate.sandbox import child, libc, seccomp
from filmgate.sandbox.child import Job
from filmgate.sandbox.confine import code_paths, drop_capabilities, hide
from filmgate.sandbox.model import MIB, Budget, Capabilities, Exit, Ready, Request
from filmgate.sandbox.wire import WireError, frame, one_line, receive, unpacked

_TRIAL = Budget(memory_bytes=4096 * MIB, cpu_s=10, wall_s=10, answer_bytes=0)
_LONGEST_WAIT_S = 3600.0
_FDS = 2


def main(connection_fd: int, jobs_module: str) -> None:
    """Import the jobs, say what holds here, then serve until the connection ends."""
    connection = socket.socket(fileno=connection_fd)
    connection.set_inheritable(False)
    try:
        dropped, strays_killed = _settle()
        jobs: Mapping[str, Job] = importlib.import_module(jobs_module).JOBS
        readable = code_paths()
        found = {"capabilities_dropped": dropped, "strays_killed": strays_killed}
        held = _trial(readable).model_copy(update=found)
    except Exception as error:  # noqa: BLE001 - the parent has to hear why there is no sandbox
        reason = one_line(f"{type(error).__name__}: {error}")
        connection.sendall(frame(Ready(error=reason)))
        return
    # What is here is for good; a child that collects garbage leaves its pages shared.
    gc.collect()
    gc.freeze()
    connection.sendall(frame(Ready(capabilities=held)))
    _Server(connection, jobs, readable, held).serve()


def _settle() -> tuple[bool, bool]:
    """Be the first to go when memory is short, be closed to the children, have no powers that they
    could get, and inherit whatever they leave behind; whether the last two are so."""
    if sys.platform != "linux":
        return False, False
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    if seccomp.supported():
        seccomp.prepared(platform.machine())
    hide()
    dropped = drop_capabilities()
    try:
        libc.prctl(libc.PR_SET_CHILD_SUBREAPER, 1)
    except OSError:
        return dropped, False
    return dropped, _children() is not None


def _trial(readable: tuple[str, ...]) -> Capabilities:
    """What a child finds that it can give up."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        request = Request(job="", path="", arguments="", budget=_TRIAL)
        child.run({}, request, writing, readable, None)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        body = pipe.read()
    os.waitpid(pid, 0)
    return Capabilities.model_validate_json(unpacked(body).parts[0])


def _children() -> set[int] | None:
    """The processes whose parent this is; None where the system does not say."""
    try:
        listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    except OSError:
        return None
    return {int(pid) for pid in listed.split()}


@dataclass(slots=True)
class _Running:
    """A child at work. `channel` leads to whoever waits for it."""

    channel: socket.socket
    deadline: float
    overdue: bool = False


class _Server:
    """Forks children, ends those that are overdue or not wanted any more, and reports."""

    def __init__(
        self,
        connection: socket.socket,
        jobs: Mapping[str, Job],
        readable: tuple[str, ...],
        held: Capabilities,
    ) -> None:
        self._connection = connection
        self._jobs, self._readable, self._held = jobs, readable, held
        self._running: dict[int, _Running] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(connection, selectors.EVENT_READ)
        # A child that ends wakes the loop.
        woken, waker = socket.socketpair()
        woken.setblocking(False)
        waker.setblocking(False)
        self._woken, self._waker = woken, waker
        self._selector.register(woken, selectors.EVENT_READ)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _noted)

    def serve(self) -> None:
        """Until the connection ends."""
        open_ = True
        while open_:
            for key, _ in self._selector.select(self._patience()):
                if key.fileobj is self._connection:
                    open_ = self._accept()
                elif key.fileobj is self._woken:
                    with suppress(BlockingIOError):
                        self._woken.recv(4096)
                elif key.data in self._running:
                    # Nobody waits for it any more, for nothing else comes on a channel.
                    self._selector.unregister(self._running[key.data].channel)
                    _kill(key.data)
            self._end_overdue()
            self._reap()
        for pid in self._running:
            _kill(pid)

    def _patience(self) -> float:
        """Seconds until the next deadline."""
        times = [one.deadline for one in self._running.values() if not one.overdue]
        return max(0.0, min(times, default=monotonic() + _LONGEST_WAIT_S) - monotonic())

    def _accept(self) -> bool:
        """Take a request; False when there will be no more."""
        byte, fds, _, _ = socket.recv_fds(self._connection, 1, _FDS)
        if not byte:
            return False
        if len(fds) != _FDS:
            raise WireError(f"{len(fds)} file descriptors came with a request")
        for fd in fds:
            os.set_inheritable(fd, False)
        channel, answer_fd = socket.socket(fileno=fds[0]), fds[1]
        body = receive(channel)
        if body is None:
            os.close(answer_fd)
            channel.close()
        else:
            self._fork(Request.model_validate_json(body), channel, answer_fd)
        return True

    def _fork(self, request: Request, channel: socket.socket, answer_fd: int) -> None:
        pid = os.fork()
        if pid == 0:
            child.run(self._jobs, request, answer_fd, self._readable, self._held)
        os.close(answer_fd)
        with suppress(OSError):
            # As the child does it too, it is done whoever comes first.
            os.setpgid(pid, pid)
        self._running[pid] = _Running(channel, monotonic() + request.budget.wall_s)
        self._selector.register(channel, selectors.EVENT_READ, pid)

    def _end_overdue(self) -> None:
        for pid, one in self._running.items():
            if not one.overdue and monotonic() >= one.deadline:
                one.overdue = True
                _kill(pid)

    def _reap(self) -> None:
        """Report who has ended; what they left behind ends with them."""
        while self._running or _children():
            try:
                ended = _ended()
            except ChildProcessError:
                return
            strays = self._kill_strays()
            if ended is not None:
                self._report(*ended)
            elif not strays:
                return

    def _report(self, pid: int, how: Exit) -> None:
        one = self._running.pop(pid, None)
        if one is None:
            return
        with suppress(KeyError, ValueError):
            self._selector.unregister(one.channel)
        with suppress(OSError):
            one.channel.sendall(frame(how.model_copy(update={"overdue": one.overdue})))
        one.channel.close()

    def _kill_strays(self) -> bool:
        """Kill children that nobody asked for: they were some child's own. Whether any was."""
        strays = (_children() or set()) - set(self._running)
        for pid in strays:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(strays)


def _ended() -> tuple[int, Exit] | None:
    """A child that has ended, and how; its group ends with it. None where all still run.

    Raises ChildProcessError: there are no children.
    """
    if hasattr(os, "waitid"):
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            return None
        # While it is not reaped, its number is nobody else's, and so is that of its group.
        _kill(found.si_pid)
        pid, status, used = os.wait4(found.si_pid, 0)
    else:
        # macOS before Python 3.13.
        pid, status, used = os.wait4(-1, os.WNOHANG)
        if not pid:
            return None
        _kill(pid)
    code = os.waitstatus_to_exitcode(status)
    # Linux counts the peak in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return pid, Exit(
        code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        cpu_s=used.ru_utime + used.ru_stime,
        peak_bytes=used.ru_maxrss * unit,
    )


def _noted(_number: int, _frame: FrameType | None) -> None:
    """That the signal came is all there is to know."""


def _kill(pid: int) -> None:
    """A child with all of its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
