"""Segments on the local disk, mapped into memory."""

from __future__ import annotations

import os
import tempfile
import threading
import uuid
from collections.abc import Collection
from pathlib import Path

import numpy as np

from filmgate.dedupe.index.segment import Segment
from filmgate.dedupe.index.stores import SegmentInfo, SegmentStore

_SUFFIX = ".seg"


class SegmentCache:
    """Fetches a segment once and keeps it mapped.

    Segments never change and their ids are never used again, so the cache never goes stale.
    Several processes may share the directory: files appear whole, and one that is deleted stays
    readable where it is mapped.
    """

    def __init__(self, store: SegmentStore, directory: Path | None, max_bytes: int) -> None:
        self._store = store
        self._directory = directory or Path(tempfile.gettempdir()) / "filmgate-segments"
        self._max_bytes = max_bytes
        self._open: dict[str, Segment] = {}
        self._lock = threading.Lock()

    def segment(self, tenant: str, info: SegmentInfo) -> Segment:
        """Raises NotFound when the segment was removed, PackingError when it is damaged."""
        with self._lock:
            segment = self._open.get(info.id)
            if segment is None:
                segment = self._open[info.id] = Segment.read(self._mapped(tenant, info))
            return segment

    def forget(self, live: Collection[str]) -> None:
        """Close the segments that are not among these."""
        with self._lock:
            for segment_id in self._open.keys() - set(live):
                del self._open[segment_id]

    def _mapped(self, tenant: str, info: SegmentInfo) -> np.memmap[tuple[int], np.dtype[np.uint8]]:
        path = self._directory / f"{info.id}{_SUFFIX}"
        try:
            os.utime(path)
            return np.memmap(path, dtype=np.uint8, mode="r")
        except FileNotFoundError:  # never fetched, or another process made room just now
            self._fetch(tenant, info, path)
        return np.memmap(path, dtype=np.uint8, mode="r")

    def _fetch(self, tenant: str, info: SegmentInfo, path: Path) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._make_room(info.size_bytes)
        part = path.with_suffix(f".{uuid.uuid4().hex}.part")
        try:
            self._store.fetch(tenant, info.id, part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _make_room(self, wanted_bytes: int) -> None:
        """Delete the least recently used files."""
        files = []
        for path in self._directory.glob(f"*{_SUFFIX}"):
            try:
                status = path.stat()
            except FileNotFoundError:  # another process was first
                continue
            files.append((status.st_mtime, status.st_size, path))
        used = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if used + wanted_bytes <= self._max_bytes:
                return
            path.unlink(missing_ok=True)
            used -= size
