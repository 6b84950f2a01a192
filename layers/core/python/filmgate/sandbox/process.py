"""The parent's side: starts the process that forks, sends it requests, and waits for answers."""

from __future__ import annotations

import atexit
import json
import os
import selectors
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from filmgate.errors import FilmgateError, TransientError
from filmgate.sandbox.confine import hide
from filmgate.sandbox.model import Capabilities, Ended, Exit, Ready, Request
from filmgate.sandbox.wire import WireError, frame, receive

_START = (
    "import json, sys; given = json.loads(sys.argv[1]); sys.path[:] = given['path']; "
    "from filmgate.sandbox.zygote import main; main(given['fd'], given['jobs'])"
)
_INHERITED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""The only variables that Python may need: the location of its own shared library."""
_SINGLE = {"OPENBLAS_NUM_THREADS": "1", "VECLIB_MAXIMUM_THREADS": "1"}
"""One thread, as in the deployed functions; only a process with one thread can be forked safely."""
_START_S = 60.0
_GRACE_S = 10.0
"""Seconds after a child's deadline within which the process that forks must have ended it."""
_CHUNK = 256 * 1024


class _GoneError(Exception):
    """The process that forks has ended."""


class Zygote:
    """A process that imports decoders once and forks a confined child for each file.

    It starts with `start` or with the first file, and again after it has died. Thread-safe.
    """

    def __init__(self, jobs: str, on_ready: Callable[[Capabilities], None] | None = None) -> None:
        """Args:
        jobs: name of a module with `JOBS`, see `filmgate.sandbox.child.Job`.
        on_ready: called once before the first file, with the restrictions that apply.
        """
        self._jobs, self._on_ready = jobs, on_ready
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._owner = 0
        self._capabilities: Capabilities | None = None
        self._hidden = False

    def start(self) -> None:
        """Start the process without waiting for its imports."""
        with self._lock:
            self._started()

    @property
    def pid(self) -> int | None:
        """The id of the process that forks; None before its start."""
        return self._process.pid if self._process else None

    def capabilities(self) -> Capabilities:
        """Return the restrictions that apply. Raises FilmgateError, TransientError like `run`."""
        with self._lock:
            return self._ready()[1]

    def run(self, request: Request) -> Ended:
        """Run a job in a child and wait for it, until shortly after its deadline at most.

        Raises:
            TransientError: the process that forks has died; the next file starts a new one.
            FilmgateError: it cannot be started.
        """
        reading, writing = os.pipe()
        channel, far = socket.socketpair()
        process = None
        try:
            try:
                channel.sendall(frame(request))
                process = self._hand_over(far, writing)
            finally:
                os.close(writing)
                far.close()
            return _awaited(channel, reading, request)
        except _GoneError as error:
            with self._lock:
                # Another thread may have started a new one already.
                if process is self._process:
                    self._end()
            raise TransientError("the process that decodes ended unexpectedly") from error
        finally:
            # If the child still runs, this tells the process that forks that nobody waits for it.
            channel.close()
            os.close(reading)

    def close(self) -> None:
        """End the process and all its children."""
        with self._lock:
            self._end()

    def _hand_over(self, far: socket.socket, writing: int) -> subprocess.Popen[bytes] | None:
        """Send a request, and return the process that received it.

        If the process has died since the last file, a new one is started.
        """
        with self._lock:
            try:
                return self._sent(far, writing)
            except OSError:
                self._end()
            try:
                return self._sent(far, writing)
            except OSError as error:
                raise _GoneError from error

    def _sent(self, far: socket.socket, writing: int) -> subprocess.Popen[bytes] | None:
        connection, _ = self._ready()
        socket.send_fds(connection, [b"\0"], [far.fileno(), writing])
        return self._process

    def _ready(self) -> tuple[socket.socket, Capabilities]:
        connection = self._started()
        if self._capabilities is None:
            try:
                body = receive(connection)
            except (OSError, WireError) as error:
                self._end()
                raise TransientError("the process that decodes did not start in time") from error
            if body is None:
                self._end()
                raise TransientError("the process that decodes ended while it started")
            ready = Ready.model_validate_json(body)
            if ready.capabilities is None:
                self._end()
                raise FilmgateError(f"the process that decodes cannot start: {ready.error}")
            self._capabilities = ready.capabilities.model_copy(
                update={"parent_hidden": self._hidden}
            )
            if self._on_ready is not None:
                self._on_ready(self._capabilities)
                self._on_ready = None
        return connection, self._capabilities

    def _started(self) -> socket.socket:
        if self._owner != os.getpid():
            # This process is a fork of the one that owns the connection, and must not use it.
            self._process = self._connection = None
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._connection is None:
            self._spawn()
        assert self._connection is not None
        return self._connection

    def _spawn(self) -> None:
        self._hidden = hide()
        near, far = socket.socketpair()
        near.settimeout(_START_S)
        arguments = {
            "fd": far.fileno(),
            "jobs": self._jobs,
            "path": [os.path.abspath(entry) for entry in sys.path],  # noqa: PTH100
        }
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        with far:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", "-S", "-B", "-c", _START, json.dumps(arguments)],
                env=inherited | _SINGLE,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[far.fileno()],
                cwd="/",
                start_new_session=True,
            )
        self._connection, self._owner, self._capabilities = near, os.getpid(), None
        atexit.register(self.close)

    def _end(self) -> None:
        atexit.unregister(self.close)
        if self._owner == os.getpid() and self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = self._capabilities = None


def _awaited(channel: socket.socket, reading: int, request: Request) -> Ended:
    """Read the answer and the report until both are complete. Raises _GoneError."""
    deadline = monotonic() + request.budget.wall_s + _GRACE_S
    answer, too_long = bytearray(), False
    most = request.budget.answer_bytes
    channel.settimeout(_GRACE_S)
    with selectors.DefaultSelector() as selector:
        selector.register(reading, selectors.EVENT_READ)
        selector.register(channel, selectors.EVENT_READ)
        how: Exit | None = None
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - monotonic()))
            if not ready:
                raise _GoneError
            for key, _ in ready:
                if key.fd == reading:
                    chunk = os.read(reading, _CHUNK)
                    answer += chunk
                    too_long = len(answer) > most
                    if too_long:
                        return Ended(b"", Exit(), too_long)
                    if not chunk:
                        selector.unregister(reading)
                else:
                    selector.unregister(channel)
                    how = _report(channel)
    assert how is not None
    return Ended(bytes(answer), how)


def _report(channel: socket.socket) -> Exit:
    with suppress(OSError, WireError):
        if body := receive(channel):
            return Exit.model_validate_json(body)
    raise _GoneError
