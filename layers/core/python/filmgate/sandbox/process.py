"""The parent's side: starts the process that forks, hands it files, and waits within bounds."""

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
"""All that a Python may need of the environment: where its own shared library is."""
_SINGLE = {"OPENBLAS_NUM_THREADS": "1", "VECLIB_MAXIMUM_THREADS": "1"}
"""As in the deployed functions; and only a process of one thread can be forked safely."""
_START_S = 60.0
_GRACE_S = 10.0
"""Seconds after a child's deadline in which the process that forks has to have ended it."""
_CHUNK = 256 * 1024


class _GoneError(Exception):
    """The process that forks is no more."""


class Zygote:
    """A process that imports decoders once and forks a confined child for each file.

    It starts with `start`, or with the first file, and again after it died. Safe for threads.
    """

    def __init__(self, jobs: str, on_ready: Callable[[Capabilities], None] | None = None) -> None:
        """Args:
        jobs: name of a module with `JOBS`, see `filmgate.sandbox.child.Job`.
        on_ready: called once, with what holds here, before the first file.
        """
        self._jobs, self._on_ready = jobs, on_ready
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._owner = 0
        self._held: Capabilities | None = None
        self._hidden = False

    def start(self) -> None:
        """Start it and return at once: its imports take a moment, which others may use."""
        with self._lock:
            self._started()

    @property
    def pid(self) -> int | None:
        """Of the process that forks; None before its start."""
        return self._process.pid if self._process else None

    def capabilities(self) -> Capabilities:
        """What holds here. Raises FilmgateError, TransientError as `run`."""
        with self._lock:
            return self._ready()[1]

    def run(self, request: Request) -> Ended:
        """Have a child do a job, and wait for it, at most until its deadline and a little more.

        Raises:
            TransientError: the process that forks died meanwhile; the next file gets a new one.
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
            # Tells the process that forks, if the child still runs, that nobody waits for it.
            channel.close()
            os.close(reading)

    def close(self) -> None:
        """End it, with all its children."""
        with self._lock:
            self._end()

    def _hand_over(self, far: socket.socket, writing: int) -> subprocess.Popen[bytes] | None:
        """Who got it. One that died since the last file is replaced without anybody noticing."""
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
        if self._held is None:
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
            self._held = ready.capabilities.model_copy(update={"parent_hidden": self._hidden})
            if self._on_ready is not None:
                self._on_ready(self._held)
                self._on_ready = None
        return connection, self._held

    def _started(self) -> socket.socket:
        if self._owner != os.getpid():
            # A fork of the process that started it: the connection is not this one's to use.
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
        given = {
            "fd": far.fileno(),
            "jobs": self._jobs,
            "path": [os.path.abspath(entry) for entry in sys.path],  # noqa: PTH100
        }
        kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        with far:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", "-S", "-B", "-c", _START, json.dumps(given)],
                env=kept | _SINGLE,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[far.fileno()],
                cwd="/",
                start_new_session=True,
            )
        self._connection, self._owner, self._held = near, os.getpid(), None
        atexit.register(self.close)

    def _end(self) -> None:
        atexit.unregister(self.close)
        if self._owner == os.getpid() and self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = self._held = None


def _awaited(channel: socket.socket, reading: int, request: Request) -> Ended:
    """Read the answer and the report until both have ended. Raises _GoneError."""
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
                    some = os.read(reading, _CHUNK)
                    answer += some
                    too_long = len(answer) > most
                    if too_long:
                        return Ended(b"", Exit(), too_long)
                    if not some:
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
