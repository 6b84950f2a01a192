"""Jobs of a decoder that a file took over: the file's text says what to try.

Imported by the process that forks, in place of `filmgate.sandbox.jobs`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import pickle
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filmgate.errors import MediaRefused
from filmgate.sandbox.child import Job

_ANSWER_FD = 3
_PTRACE_ATTACH, _PTRACE_SEIZE = 16, 0x4206
_SYS_PROCESS_VM_READV = {"x86_64": 310, "aarch64": 270}
_SYS_IO_URING_SETUP = 425
_SYS_CLONE3, _SYS_OPENAT2 = 435, 437
_NEWER_THAN_ALL = 460
_libc = ctypes.CDLL(None, use_errno=True)


def _called(number: int, *arguments: int) -> None:
    if _libc.syscall(ctypes.c_long(number), *(ctypes.c_long(value) for value in arguments)) < 0:
        raise OSError(ctypes.get_errno(), "syscall")


def _ptrace(request: int, pid: int) -> None:
    if _libc.ptrace(ctypes.c_long(request), ctypes.c_long(pid), None, None) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def _connect(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=2):
        pass


def _exec() -> None:
    os.execv("/bin/true", ["true"])


def _spawn() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _more_memory() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def attempts(path: Path, given: dict[str, Any]) -> dict[str, Callable[[], object]]:
    """What a child tries, by name."""
    product, forker = int(given["product"]), os.getppid()
    elsewhere = Path(given["elsewhere"])
    vm_readv = _SYS_PROCESS_VM_READV.get(os.uname().machine, 0)
    return {
        "open a TCP socket": lambda: socket.socket().close(),
        "open a Unix socket": lambda: socket.socket(socket.AF_UNIX).close(),
        "make a pair of sockets": socket.socketpair,
        "connect": lambda: _connect(int(given["port"])),
        "run a program": _exec,
        "make a process": _spawn,
        "read the product's environment": Path(f"/proc/{product}/environ").read_bytes,
        "read the product's memory": lambda: Path(f"/proc/{product}/mem").open("rb").close(),
        "read the forker's environment": Path(f"/proc/{forker}/environ").read_bytes,
        "trace the product": lambda: _ptrace(_PTRACE_ATTACH, product),
        "seize the forker": lambda: _ptrace(_PTRACE_SEIZE, forker),
        "read another's memory": lambda: _called(vm_readv, product, 0, 0, 0, 0, 0),
        "signal the product": lambda: os.kill(product, signal.SIGCONT),
        "signal the forker": lambda: os.kill(forker, signal.SIGCONT),
        "limit the product": lambda: resource.prlimit(product, resource.RLIMIT_CPU),
        "leave the group": os.setsid,
        "write elsewhere": lambda: elsewhere.with_name("new").write_bytes(b"x"),
        "write the file": lambda: path.open("ab").close(),
        "remove the file": path.unlink,
        "rename the file": lambda: path.rename(elsewhere.with_name("moved")),
        "change the file's mode": lambda: path.chmod(0o777),
        "make a folder": lambda: elsewhere.with_name("folder").mkdir(),
        "make memory a file": lambda: os.close(os.memfd_create("x")),
        "submit through a ring": lambda: _called(_SYS_IO_URING_SETUP, 1, 0),
        "clone by a structure": lambda: _called(_SYS_CLONE3, 0, 0),
        "open by a structure": lambda: _called(_SYS_OPENAT2, 0, 0, 0, 0),
        "call what came later": lambda: _called(_NEWER_THAN_ALL, 0),
        "raise a limit": _more_memory,
        "read elsewhere": elsewhere.read_bytes,
        "list a folder": lambda: list(elsewhere.parent.iterdir()),
        "read the file": path.read_bytes,
    }


def tried(attempt: Callable[[], object]) -> str:
    """How an attempt ends: `done`, or the name of the error."""
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    except ValueError:
        return "EPERM"
    return "done"


def _attempts(path: Path, given: dict[str, Any]) -> bytes:
    return json.dumps({name: tried(one) for name, one in attempts(path, given).items()}).encode()


def _surroundings(path: Path, given: dict[str, Any]) -> bytes:
    """What a child has of its own."""
    fds = []
    for fd in range(1024):
        try:
            os.fstat(fd)
        except OSError:
            continue
        fds.append(fd)
    found = {"environment": dict(os.environ), "fds": fds, "modules": sorted(sys.modules)}
    return json.dumps(found | {"pid": os.getpid(), "group": os.getpgid(0)}).encode()


def _echo(path: Path, given: dict[str, Any]) -> bytes:
    return str(given["words"]).encode()


def _crash(path: Path, given: dict[str, Any]) -> bytes:
    ctypes.string_at(0)
    return b"not reached"


def _abort(path: Path, given: dict[str, Any]) -> bytes:
    os.abort()


def _leave(path: Path, given: dict[str, Any]) -> bytes:
    os._exit(7)


def _burn(path: Path, given: dict[str, Any]) -> bytes:
    while True:
        pass


def _hang(path: Path, given: dict[str, Any]) -> bytes:
    os.write(_ANSWER_FD, str(os.getpid()).encode())
    while True:
        time.sleep(60)


def _private_bomb(path: Path, given: dict[str, Any]) -> bytes:
    held = [bytearray(16 * 1024**2) for _ in range(1024)]
    return str(len(held)).encode()


def _shared_bomb(path: Path, given: dict[str, Any]) -> bytes:
    held = []
    try:
        for _ in range(1024):
            held.append(mmap.mmap(-1, 16 * 1024**2))
            held[-1].write(b"x" * len(held[-1]))
    except OSError as error:
        raise MemoryError from error
    return b"not reached"


def _caught_bomb(path: Path, given: dict[str, Any]) -> bytes:
    """As decoders do: whatever went wrong, the picture is damaged."""
    try:
        return _private_bomb(path, given)
    except MemoryError as error:
        raise MediaRefused("damaged", "The picture is damaged.") from error


def _refuse(path: Path, given: dict[str, Any]) -> bytes:
    raise MediaRefused("playlist", "It is a playlist.\nWith a \x1b[31mcolour" + "!" * 1000)


def _fail(path: Path, given: dict[str, Any]) -> bytes:
    raise KeyError("a fault of ours")


def _raw(body: bytes) -> Callable[[Path, dict[str, Any]], bytes]:
    def answer(path: Path, given: dict[str, Any]) -> bytes:
        view = memoryview(body)
        while view:
            view = view[os.write(_ANSWER_FD, view) :]
        os._exit(0)

    return answer


def _endless(path: Path, given: dict[str, Any]) -> bytes:
    while True:
        os.write(_ANSWER_FD, b"\0" * 65536)


def _head(body: str, rest: bytes = b"") -> bytes:
    return len(body).to_bytes(4, "big") + body.encode() + rest


class _Opened:
    """Unpickled, it would leave a file behind."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("/tmp/filmgate-was-unpickled",)


ACTS: dict[str, Callable[[Path, dict[str, Any]], bytes]] = {
    "attempts": _attempts,
    "surroundings": _surroundings,
    "echo": _echo,
    "crash": _crash,
    "abort": _abort,
    "leave": _leave,
    "burn": _burn,
    "hang": _hang,
    "private bomb": _private_bomb,
    "shared bomb": _shared_bomb,
    "caught bomb": _caught_bomb,
    "refuse": _refuse,
    "fail": _fail,
    "endless": _endless,
    "nothing": _raw(b""),
    "noise": _raw(bytes(range(256)) * 100),
    "a pickle": _raw(pickle.dumps(_Opened())),
    "a pickle in a head": _raw(_head("", pickle.dumps(_Opened()))),
    "a long head": _raw((2**32 - 1).to_bytes(4, "big") + b"{"),
    "a deep head": _raw(_head("[" * 60_000)),
    "an unknown outcome": _raw(_head('{"outcome": "splendid"}')),
    "a field too many": _raw(_head('{"outcome": "done", "module": "os"}')),
    "a code with markup": _raw(_head('{"outcome": "refused", "code": "<b>", "reason": "x"}')),
    "a reason with escapes": _raw(
        _head('{"outcome": "refused", "code": "damaged", "reason": "\\u001b[2J"}')
    ),
    "a refusal without words": _raw(_head('{"outcome": "refused"}')),
    "parts too long": _raw(_head('{"outcome": "done", "parts": [1000000000000]}', b"x")),
    "parts below nothing": _raw(_head('{"outcome": "done", "parts": [-5, 6]}', b"x")),
    "no parts": _raw(_head('{"outcome": "done", "parts": []}')),
    "bytes after the end": _raw(_head('{"outcome": "done", "parts": [1]}', b"xyz")),
    "other facts": _raw(_head('{"outcome": "done", "parts": [2]}', b"{}")),
}


def act(path: Path, arguments: str) -> tuple[bytes, ...]:
    """Do what the file says, with the JSON in it."""
    words, _, given = path.read_text(encoding="utf-8").partition("\n")
    return (ACTS[words](path, json.loads(given or "{}")),)


JOBS: dict[str, Job] = {"act": act, "probe": act, "read": act}
