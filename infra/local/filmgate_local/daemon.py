"""Starts, finds and stops the background process; loopback only, with its own environment."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from filmgate_local.credentials import RootKeys, ensure_root_keys
from filmgate_local.layout import (
    ACCOUNT,
    CHECKOUT,
    DEFAULT_PORT,
    IDENTITY_PATH,
    REGION,
    STACK,
    Home,
    StackError,
)
from filmgate_local.progress import Progress, heartbeat
from filmgate_local.space import DEFAULT_RESERVE_MB, RESERVE_ENV

HOST = "127.0.0.1"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0
POLL_S = 0.05
ANSWER_S = 10.0
"""On a busy machine our own daemon may take a while to answer."""
STRANGER_ANSWER_S = 2.0


@dataclass(frozen=True)
class Daemon:
    """A running local AWS."""

    pid: int
    port: int

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"


def chosen_port() -> int:
    """The port in FILMGATE_PORT, else 4566. Raises StackError when it is not a port number."""
    given = os.environ.get("FILMGATE_PORT", str(DEFAULT_PORT))
    if given.isdigit() and 0 < int(given) < 65536:
        return int(given)
    raise StackError(f"FILMGATE_PORT is {given!r}, which is not a port number.")


def find(home: Home) -> Daemon | None:
    """The daemon of this home if it runs and answers, else None."""
    try:
        recorded = json.loads(home.process.read_text())
        daemon = Daemon(pid=int(recorded["pid"]), port=int(recorded["port"]))
    except (OSError, ValueError, KeyError):
        return None
    return daemon if _identity(daemon.port) == (daemon.pid, str(home.root)) else None


def start(home: Home) -> Daemon:
    """Start a daemon for this home and wait until it answers. Raises StackError."""
    port = chosen_port()
    _refuse_taken(port, home)
    home.create()
    shutil.rmtree(home.scratch, ignore_errors=True)
    for folder in (home.scratch, home.state, home.objects):
        folder.mkdir(parents=True, exist_ok=True)
    with home.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "filmgate_local.launcher"],
            cwd=home.folder,
            env=environment(home, port, ensure_root_keys(home)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    home.process.write_text(json.dumps({"pid": process.pid, "port": port}))
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if _identity(port) == (process.pid, str(home.root)):
            return Daemon(process.pid, port)
        time.sleep(POLL_S)
    else:
        _end(process.pid)
    raise StackError(f"The local AWS did not start. Its log is {home.log}.\n{_tail(home.log)}")


def stop(home: Home, progress: Progress = lambda _: None) -> bool:
    """Stop this home's daemon and wait until its state is saved. False when none runs."""
    with heartbeat(progress, "Looking for the running service"):
        daemon = find(home)
        pid = daemon.pid if daemon else _left_over(home)
    if pid is not None:
        progress("Stopping the service; it saves its state")
        with heartbeat(progress, "Stopping the service"):
            _end(pid)
    home.process.unlink(missing_ok=True)
    shutil.rmtree(home.scratch, ignore_errors=True)
    return pid is not None


def environment(home: Home, port: int, keys: RootKeys) -> dict[str, str]:
    """The whole environment of the daemon. Handlers get it too, with keys of their own role."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": str(home.scratch),
        "TMPDIR": str(home.scratch),
        "PYTHONDONTWRITEBYTECODE": "1",
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        **keys.environment,
        # Signatures, roles and bucket policies count here as they do on AWS.
        "AUTH": "true",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(home.state),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(home.objects),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_ACCOUNT_CONCURRENCY": "0",
        "DOCKER_HOST": f"unix://{home.scratch}/no-docker.sock",
        "FILMGATE_LOCAL_ROOT": str(home.root),
        "FILMGATE_LOCAL_SLOTS": os.environ.get("FILMGATE_LOCAL_SLOTS", str(default_slots())),
        RESERVE_ENV: os.environ.get(RESERVE_ENV, str(DEFAULT_RESERVE_MB)),
        "FILMGATE_LOCAL_INTERACTIVE": f"{STACK}-api",
        "FILMGATE_LOCAL_ORDER": ",".join(f"{STACK}-{name}" for name in in_turn(CHECKOUT)),
    }


def in_turn(checkout: Path) -> list[str]:
    """Functions in the order they get free slots: what is nearly done goes before what is new.

    It is the ``turn`` of each ``functions/NAME/function.yml``; those without one come before all
    others, so they are left out here.
    """
    turns = {}
    for file in checkout.glob("functions/*/function.yml"):
        turn = yaml.safe_load(file.read_text(encoding="utf-8")).get("turn")
        if turn is not None:
            turns[file.parent.name.replace("_", "-")] = int(turn)
    return sorted(turns, key=lambda name: (turns[name], name))


def default_slots() -> int:
    """How many functions of a pool may run at once: as many as cores, but at least 2, at most 4."""
    return max(2, min(4, os.cpu_count() or 2))


def _identity(port: int, timeout_s: float = ANSWER_S) -> tuple[int, str] | None:
    """(pid, root) of the local stack that listens on the port; None when there is none."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout_s)
    try:
        connection.request("GET", IDENTITY_PATH)
        answer = json.loads(connection.getresponse().read())
        return int(answer["pid"]), str(answer["root"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()


def _refuse_taken(port: int, home: Home) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(STRANGER_ANSWER_S)
        if probe.connect_ex((HOST, port)) != 0:
            return
    other = _identity(port, STRANGER_ANSWER_S)
    holder = f"the local stack of {other[1]}" if other else "another program"
    raise StackError(
        f"Port {port} is taken by {holder}. "
        f"Stop it, or choose another with FILMGATE_PORT (this stack is {home.root})."
    )


def _left_over(home: Home) -> int | None:
    """The pid of a daemon that is alive but does not answer (just started, or hung)."""
    try:
        pid = int(json.loads(home.process.read_text())["pid"])
    except (OSError, ValueError, KeyError):
        return None
    command = ["/bin/ps", "-ww", "-p", str(pid), "-o", "command="]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return pid if "filmgate_local.launcher" in shown.stdout else None


def _end(pid: int) -> None:
    """Send SIGTERM, wait while it saves, then kill the rest of its session, workers included."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while time.monotonic() < deadline and _alive(pid):
        time.sleep(POLL_S)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        # A child of this process looks alive until this process reaps it.
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _tail(log: Path, lines: int = 15) -> str:
    with contextlib.suppress(OSError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    return ""
