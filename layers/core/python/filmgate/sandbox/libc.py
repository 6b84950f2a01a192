"""Calls of the C library that Python does not provide. Linux only."""

from __future__ import annotations

import ctypes
import os

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, *arguments: int) -> None:
    """`prctl(2)`. Raises OSError."""
    given = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    if _libc.prctl(ctypes.c_int(option), *given) != 0:
        raise _error("prctl")


def syscall(number: int, *arguments: object) -> int:
    """`syscall(2)`; integers and ctypes pointers. Raises OSError."""
    given = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    answer = int(_libc.syscall(ctypes.c_long(number), *given))
    if answer < 0:
        raise _error(f"syscall {number}")
    return answer


def _error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")
