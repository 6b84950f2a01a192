"""File access of the process that decodes, cut down to its one file and to code (Landlock)."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable

from filmgate.sandbox import libc

# The same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1

# linux/landlock.h
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_ACCESS_BITS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many kinds of access to files each version knows; later ones know as many as the last."""
_BIND_AND_CONNECT = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11


def version() -> int:
    """The kernel's version of Landlock; 0 where it has none, or where it is switched off."""
    if sys.platform != "linux":
        return 0
    try:
        return libc.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    except OSError:
        return 0


def restrict(abi: int, readable: Iterable[str]) -> None:
    """Leave this thread, and all it starts, nothing but reading these files and folders.

    Also denies TCP from version 4 on, and signals to others from version 6 on. Needs
    PR_SET_NO_NEW_PRIVS. Paths that do not exist are passed over.

    Raises:
        OSError: the kernel refuses.
    """
    files = (1 << _ACCESS_BITS[min(abi, max(_ACCESS_BITS))]) - 1
    handled = struct.pack("=QQQ", files, _BIND_AND_CONNECT, _ABSTRACT_SOCKETS_AND_SIGNALS)
    known = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.create_string_buffer(handled, 24), known, 0)
    try:
        for path in readable:
            _allow(ruleset, path)
        libc.syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        is_folder = stat.S_ISDIR(os.fstat(parent).st_mode)
        rule = struct.pack("=Qi", _READ_FILE | (_READ_DIR if is_folder else 0), parent)
        held = ctypes.create_string_buffer(rule, len(rule))
        libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, held, 0)
    finally:
        os.close(parent)
