"""Distinguish a lack of memory from damage to a file."""

from __future__ import annotations

import errno
import mmap
from collections.abc import Iterator
from contextlib import contextmanager

from filmgate.errors import TransientError

RESERVE_BYTES = 512 * 1024**2
"""Address space without which a process counts as out of memory: a little more than the largest
thing that a decoder allocates at once, the canvas of a WebP of 100 megapixels. Some decoders
report a failure to do so like damage."""


def memory_is_short() -> bool:
    """Whether the process cannot even reserve ``RESERVE_BYTES`` more.

    Decoders report a failed allocation in many ways, and a file that claims gigabytes makes one
    fail in a process that has memory enough. The reserved pages are never touched. They are
    private, since a limit on data (RLIMIT_DATA) does not count shared ones.
    """
    try:
        mmap.mmap(-1, RESERVE_BYTES, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except (OSError, MemoryError):
        return True
    return False


def raise_if_out_of_memory(error: BaseException) -> None:
    """Raise `TransientError` where an error of a decoder comes from a lack of memory."""
    if isinstance(error, MemoryError) or memory_is_short():
        raise out_of_memory() from error


def out_of_memory() -> TransientError:
    """The error to raise when memory ran out; another try, or another machine, may succeed."""
    return TransientError("memory ran out while the file was decoded")


@contextmanager
def transient_memory_errors() -> Iterator[None]:
    """Turn errors of the ``with`` block that name a lack of memory into a `TransientError`."""
    try:
        yield
    except MemoryError as error:
        raise out_of_memory() from error
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        raise out_of_memory() from error
