"""A temporary folder for the file of one invocation, and the removal of left-over folders.

A Lambda keeps its disk when an invocation is killed, so a left-over file would take the space of
the next one. Elsewhere several workers share one folder for temporary files, so each holds a lock
on its own folder, and only unlocked folders are removed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filmgate.errors import TransientError

PREFIX = "filmgate-upload-"
_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def scratch() -> Iterator[Path]:
    """Create an empty folder that is removed at the end. Left-over folders are removed first.

    Raises:
        TransientError: the disk is full, also if this happens inside the ``with`` block.
    """
    root = Path(tempfile.gettempdir())
    sweep(root)
    try:
        folder, lock = _locked(root)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
    except OSError as error:
        if error.errno in _FULL:
            raise TransientError("the disk has no space for the file") from error
        raise


def sweep(root: Path) -> None:
    """Remove this user's folders that no process has locked."""
    for folder in root.glob(f"{PREFIX}*"):
        with suppress(OSError):
            lock = _opened(folder)
            try:
                if os.fstat(lock).st_uid == os.geteuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _locked(root: Path) -> tuple[Path, int]:
    """Create a folder, and return it with the descriptor of its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
        with suppress(FileNotFoundError):
            lock = _opened(folder)
            # Another worker may have removed the folder before it was locked.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _opened(folder: Path) -> int:
    """Open a folder, but not if it is a link. Other programs do not inherit the descriptor."""
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
