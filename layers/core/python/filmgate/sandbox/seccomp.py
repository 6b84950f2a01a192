"""A filter of system calls for the process that decodes (seccomp-BPF).

Denied calls return EPERM instead of killing the process, so a decoder that makes an unusual call
can handle the error and still decode the file. The denied calls are in `filmgate.sandbox.syscalls`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from functools import cache

from filmgate.sandbox import libc, syscalls

# linux/audit.h
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""The column in `syscalls` and the AUDIT_ARCH of each machine."""

# linux/bpf_common.h, linux/seccomp.h
_LOAD, _EQUAL, _GREATER, _GREATER_EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_SECCOMP = (317, 277)
_MODE_FILTER = 1
_KEEP_SPECULATION = 1 << 2
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_X32_BIT = 0x40000000

_CLONE_THREAD = 0x00010000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_DENY = _ERRNO | errno.EPERM
_NO_SUCH_CALL = _ERRNO | errno.ENOSYS

_INSTRUCTION = struct.Struct("=HBBI")
Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, constant."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def supported() -> bool:
    """Return whether there is a filter for this machine; the kernel may still refuse it."""
    return sys.platform == "linux" and platform.machine() in _ARCHITECTURES


def install(pid: int) -> None:
    """Permanently filter the calls of this thread and of all threads that it starts.

    Needs PR_SET_NO_NEW_PRIVS.

    Args:
        pid: the id of this process, the only one that it may signal.

    Raises:
        OSError: the kernel does not support filters, or does not allow them here.
    """
    machine = platform.machine()
    column, _ = _ARCHITECTURES[machine]
    body = whole(machine, pid)
    buffer = ctypes.create_string_buffer(body, len(body))
    program = _Program(len(body) // _INSTRUCTION.size, ctypes.cast(buffer, ctypes.c_void_p))
    # Older kernels would also switch off speculation, which slows decoding by a fifth and only
    # protects programs that run foreign code in their own memory.
    libc.syscall(_SECCOMP[column], _MODE_FILTER, _KEEP_SPECULATION, ctypes.byref(program))


def whole(machine: str, pid: int) -> bytes:
    """Return the instructions of the whole filter as bytes."""
    column, _ = _ARCHITECTURES[machine]
    return prepared(machine) + _packed(_by_arguments(column, pid))


@cache
def prepared(machine: str) -> bytes:
    """Return the instructions that are the same for every child, computed once before forking."""
    return _packed(_by_number(machine))


def _packed(rules: list[Instruction]) -> bytes:
    return b"".join(_INSTRUCTION.pack(*rule) for rule in rules)


def _by_number(machine: str) -> list[Instruction]:
    """Return the rules that only check the number of a call; the kernel runs them in order.

    Calls that are newer than the lists do not exist for the child, so no unreviewed call is
    allowed. 32-bit calls have other numbers and end the process.
    """
    column, architecture = _ARCHITECTURES[machine]
    rules = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER_AT),
        *([(_GREATER_EQUAL, 0, 1, _X32_BIT), (_RETURN, 0, 0, _DENY)] if column == 0 else []),
        (_GREATER, 0, 1, syscalls.NEWEST),
        (_RETURN, 0, 0, _NO_SUCH_CALL),
    ]
    for numbers, answer in ((syscalls.DENIED, _DENY), (syscalls.ABSENT, _NO_SUCH_CALL)):
        for name in numbers:
            if (number := numbers[name][column]) is not None:
                rules += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, answer)]
    return rules


def _by_arguments(column: int, pid: int) -> list[Instruction]:
    """Return the rules that check arguments; all other calls are allowed.

    Files may only be opened for reading, processes may not be created, and signals and limits may
    only concern the child itself. Each group of checks ends with a result.
    """
    checked = {
        "open": _unless_any(1, _WRITING),
        "openat": _unless_any(2, _WRITING),
        "clone": [
            _argument(0),
            (_ANY_BIT, 1, 0, _CLONE_THREAD),
            (_RETURN, 0, 0, _DENY),
            (_RETURN, 0, 0, _ALLOW),
        ],
        "kill": _if_one_of(0, pid),
        "tgkill": _if_one_of(0, pid),
        "prlimit64": _if_one_of(0, 0, pid),
    }
    rules: list[Instruction] = []
    for name, checks in checked.items():
        if (number := syscalls.CHECKED[name][column]) is not None:
            rules += [(_EQUAL, 0, len(checks), number), *checks]
    return [*rules, (_RETURN, 0, 0, _ALLOW)]


def _argument(position: int) -> Instruction:
    """Load the lower half of an argument, which comes first on both machines."""
    return (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * position)


def _unless_any(position: int, bits: int) -> list[Instruction]:
    return [
        _argument(position),
        (_ANY_BIT, 0, 1, bits),
        (_RETURN, 0, 0, _DENY),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _if_one_of(position: int, *values: int) -> list[Instruction]:
    checks: list[Instruction] = [_argument(position)]
    for value in values:
        checks += [(_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
    return [*checks, (_RETURN, 0, 0, _DENY)]
