"""A folder for the file of one invocation, and the end of those that killed invocations left.

A Lambda keeps its disk when an invocation runs out of time or memory, so what that left would take
the room of the next file. Elsewhere several workers share one folder for temporary files: each
holds a lock on its own as long as it lives, and only what nobody holds is removed.
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
    """A new empty folder, removed at the end; first removes those whose owner is gone.

    Raises:
        TransientError: there is no room on the disk, also inside the ``with`` block.
    """
    root = Path(tempfile.gettempdir())
    sweep(root)
    try:
        folder, held = _locked(root)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(held)
    except OSError as error:
        if error.errno in _FULL:
            raise TransientError("there is no room on the disk for the file") from error
        raise


def sweep(root: Path) -> None:
    """Remove this user's folders that no living process holds."""
    for folder in root.glob(f"{PREFIX}*"):
        with suppress(OSError):
            held = _opened(folder)
            try:
                if os.fstat(held).st_uid == os.geteuid():
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(held)


def _locked(root: Path) -> tuple[Path, int]:
    """A new folder, and the descriptor that holds it."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
        with suppress(FileNotFoundError):
            held = _opened(folder)
            # Between its making and here another worker may take it for a leftover.
            fcntl.flock(held, fcntl.LOCK_EX)
            if folder.exists():
                return folder, held
            os.close(held)


def _opened(folder: Path) -> int:
    """Not followed, should somebody have put a link there; not inherited by other programs."""
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
