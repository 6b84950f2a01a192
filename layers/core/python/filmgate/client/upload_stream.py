"""A file on its way out, counted, and what ends the way of one file alone."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

from filmgate.errors import FilmgateError


class UploadRejected(FilmgateError):
    """The storage did not take one file, which says nothing about the others."""


class CountedFile(io.FileIO):
    """A file open for reading that tells how many bytes were taken from it.

    httpx streams it in blocks of 64 KiB and asks the operating system for its length.
    """

    def __init__(self, path: Path, progress: Callable[[int], None] | None) -> None:
        super().__init__(path)
        self._progress = progress
        self._taken = 0
        self._size_bytes = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1) -> bytes:
        """At most `size` bytes; empty at the end.

        Raises UploadRejected when the file is longer or shorter by now than when it was opened: its
        length was sent ahead.
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
        """httpx goes to the start before it reads; what was counted is taken back."""
        self.undo_progress()
        return super().seek(offset, whence)

    def undo_progress(self) -> None:
        """Tell one negative number for all that was told since the last time."""
        if self._progress and self._taken:
            self._progress(-self._taken)
        self._taken = 0
