"""The process that imports the decoders once and forks a child for each file.

It never opens a file of a tenant. It has no environment, no credentials, and one connection to the
process that started it. When the connection ends, this process and its children end too.

Each byte on the connection is a request with two file descriptors: a channel, which transmits the
request and the report of how the child ended, and the pipe for the child's answer.
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
    """Import the jobs, report the restrictions, and serve requests until the connection ends."""
    connection = socket.socket(fileno=connection_fd)
    connection.set_inheritable(False)
    try:
        dropped, strays_killed = _settle()
        jobs: Mapping[str, Job] = importlib.import_module(jobs_module).JOBS
        readable = code_paths()
        own = {"capabilities_dropped": dropped, "strays_killed": strays_killed}
        capabilities = _trial(readable).model_copy(update=own)
    except Exception as error:  # noqa: BLE001 - the parent must learn why there is no sandbox
        reason = one_line(f"{type(error).__name__}: {error}")
        connection.sendall(frame(Ready(error=reason)))
        return
    # Existing objects are permanent: freezing them keeps their pages shared with the children.
    gc.collect()
    gc.freeze()
    connection.sendall(frame(Ready(capabilities=capabilities)))
    _Server(connection, jobs, readable, capabilities).serve()


def _settle() -> tuple[bool, bool]:
    """Prepare this process for its untrusted children.

    It is killed first when memory is short, is hidden from the children, drops its capabilities,
    and becomes the parent of processes that the children leave behind. Returns whether the last
    two succeeded.
    """
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
    """Return the restrictions that a trial child could apply."""
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
    """Return the ids of the child processes; None if the system does not provide them."""
    try:
        listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    except OSError:
        return None
    return {int(pid) for pid in listed.split()}


@dataclass(slots=True)
class _Running:
    """A running child. `channel` connects to the thread that waits for it."""

    channel: socket.socket
    deadline: float
    overdue: bool = False


class _Server:
    """Forks children, kills those that are overdue or not needed any more, and reports their
    end."""

    def __init__(
        self,
        connection: socket.socket,
        jobs: Mapping[str, Job],
        readable: tuple[str, ...],
        capabilities: Capabilities,
    ) -> None:
        self._connection = connection
        self._jobs, self._readable, self._capabilities = jobs, readable, capabilities
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
        """Serve requests until the connection ends."""
        open_ = True
        while open_:
            for key, _ in self._selector.select(self._patience()):
                if key.fileobj is self._connection:
                    open_ = self._accept()
                elif key.fileobj is self._woken:
                    with suppress(BlockingIOError):
                        self._woken.recv(4096)
                elif key.data in self._running:
                    # The channel was closed, so nobody waits for this child any more.
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
        """Receive a request; False at the end of the connection."""
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
            child.run(self._jobs, request, answer_fd, self._readable, self._capabilities)
        os.close(answer_fd)
        with suppress(OSError):
            # The child does the same, so it is done whichever comes first.
            os.setpgid(pid, pid)
        self._running[pid] = _Running(channel, monotonic() + request.budget.wall_s)
        self._selector.register(channel, selectors.EVENT_READ, pid)

    def _end_overdue(self) -> None:
        for pid, one in self._running.items():
            if not one.overdue and monotonic() >= one.deadline:
                one.overdue = True
                _kill(pid)

    def _reap(self) -> None:
        """Report ended children, and kill the processes that they left behind."""
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
        """Kill processes that children have started. Returns whether there were any."""
        strays = (_children() or set()) - set(self._running)
        for pid in strays:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(strays)


def _ended() -> tuple[int, Exit] | None:
    """Reap an ended child and kill its process group. Returns None if all still run.

    Raises ChildProcessError if there are no children.
    """
    if hasattr(os, "waitid"):
        child_info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if child_info is None:
            return None
        # Until it is reaped, its process id and group id are not reused.
        _kill(child_info.si_pid)
        pid, status, used = os.wait4(child_info.si_pid, 0)
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
    """Do nothing: the signal only wakes the loop."""


def _kill(pid: int) -> None:
    """Kill a child and its process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
