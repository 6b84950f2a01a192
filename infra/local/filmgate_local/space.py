"""Keeps uploads from filling the disk.

An object that no longer fits would stay in memory only, and be lost at the next stop.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filmgate_local.layout import StackError

RESERVE_ENV = "FILMGATE_LOCAL_RESERVE_MB"
DEFAULT_RESERVE_MB = 256
"""Left free for the state of the stack and for the functions' scratch files."""

logger = logging.getLogger("filmgate_local")


class DiskFullError(Exception):
    """An upload does not fit on the disk beside the reserve."""


def reserve_bytes() -> int:
    """How many bytes of the disk uploads may not use. Raises StackError when it is not a number."""
    given = os.environ.get(RESERVE_ENV, str(DEFAULT_RESERVE_MB))
    if not given.isdigit():
        raise StackError(f"{RESERVE_ENV} is {given!r}, which is not a number of megabytes.")
    return int(given) * 1_000_000


def free_bytes(folder: Path) -> int:
    """Free bytes of the disk that holds the folder."""
    return shutil.disk_usage(folder).free


def size_text(count: int) -> str:
    """A number of bytes for a person, in MB or, from a billion bytes, in GB."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


class Space:
    """The free space of one disk, shared by all uploads under way.

    ``free`` returns the free bytes of the disk, ``reserve`` is how many of them uploads may not
    use.
    """

    def __init__(self, free: Callable[[], int], reserve: int) -> None:
        self._free = free
        self._reserve = reserve
        self._arriving = 0
        self._full = False
        self._lock = threading.Lock()

    @contextmanager
    def held(self, size: int) -> Iterator[None]:
        """Set ``size`` bytes aside for the block. Raises DiskFullError when they do not fit."""
        with self._lock:
            free = self._free()
            fits = self._arriving + size + self._reserve <= free
            self._log_change(fits, size, free)
            if not fits:
                raise DiskFullError(
                    f"{size_text(size)} do not fit on the disk: {size_text(free)} are free, "
                    f"of which {size_text(self._reserve + self._arriving)} are reserved."
                )
            self._arriving += size
        try:
            yield
        finally:
            with self._lock:
                self._arriving -= size

    def _log_change(self, fits: bool, size: int, free: int) -> None:
        """Log the first refusal and the first upload after it, not each of thousands."""
        if fits and self._full:
            logger.warning("The disk has space again; uploads are accepted.")
        if not fits and not self._full:
            logger.error(
                "The disk is full: an upload of %s was refused, %s are free. "
                "Uploads are answered with status 507 until there is space.",
                size_text(size),
                size_text(free),
            )
        self._full = not fits
