"""A file as an upload's byte stream, with progress, and the error for one rejected file."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

from filmgate.errors import FilmgateError


class UploadRejected(FilmgateError):
    """The storage rejected one file; other files may be accepted."""


class CountedFile(io.FileIO):
    """A file open for reading that reports how many bytes were read.

    httpx streams it in blocks of 64 KiB and asks the operating system for its length.
    """

    def __init__(self, path: Path, progress: Callable[[int], None] | None) -> None:
        super().__init__(path)
        self._progress = progress
        self._taken = 0
        self._size_bytes = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1) -> bytes:
        """At most `size` bytes; empty at the end.

        Raises UploadRejected if the length of the file changed after it was opened, since the
        length was sent first.
        """
        block = super().read(size)
        left = self._size_bytes - self._taken
        if len(block or b"") > left or (left and not block):
            raise UploadRejected("its length changed during the upload")
        if block:
            self._taken += len(block)
            if self._progress:
                self._progress(len(block))
        return block or b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """httpx seeks to the start before it reads; the progress so far is undone."""
        self.undo_progress()
        return super().seek(offset, whence)

    def undo_progress(self) -> None:
        """Report the bytes counted since the last undo as one negative number."""
        if self._progress and self._taken:
            self._progress(-self._taken)
        self._taken = 0
