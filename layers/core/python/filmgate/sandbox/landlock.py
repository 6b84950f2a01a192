"""Restrict file access of the process that decodes to its one file and to code (Landlock)."""

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
"""Number of kinds of file access by version; later versions have as many as the last."""
_BIND_AND_CONNECT = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11


def version() -> int:
    """Return the kernel's version of Landlock; 0 if it is missing or switched off."""
    if sys.platform != "linux":
        return 0
    try:
        return libc.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    except OSError:
        return 0


def restrict(abi: int, readable: Iterable[str]) -> None:
    """Allow this thread, and all threads that it starts, only to read these files and folders.

    From version 4 on TCP is denied too, and from version 6 on signals to other processes. Needs
    PR_SET_NO_NEW_PRIVS. Paths that do not exist are skipped.

    Raises:
        OSError: the kernel refuses.
    """
    files = (1 << _ACCESS_BITS[min(abi, max(_ACCESS_BITS))]) - 1
    handled = struct.pack("=QQQ", files, _BIND_AND_CONNECT, _ABSTRACT_SOCKETS_AND_SIGNALS)
    attribute_bytes = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = libc.syscall(
        _CREATE_RULESET, ctypes.create_string_buffer(handled, 24), attribute_bytes, 0
    )
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
        attributes = ctypes.create_string_buffer(rule, len(rule))
        libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, attributes, 0)
    finally:
        os.close(parent)
