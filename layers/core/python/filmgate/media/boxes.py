"""How much an MP4's index would cost to read, told from its boxes before FFmpeg builds it.

FFmpeg keeps some forty bytes for each sample that an index claims, and a few bytes can claim
billions: one size for all samples, or one run of chunks. The boxes are those of ISO/IEC 14496-12.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from filmgate.errors import MediaRefused
from filmgate.media.limits import Limits

MAX_INDEX_BYTES = 64 * 1024**2
"""Of one `moov`: six hours of 60 pictures a second with sound take about 40 MB."""
_CONTAINERS = {
    b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"mvex", b"moof", b"traf",
    b"udta", b"tref", b"wave", b"sinf", b"schi",
}  # fmt: skip
_TABLES = {b"stts", b"ctts", b"stsc", b"stco", b"co64", b"stss", b"elst"}
_FIRST_FIELDS = 24
# What costs little is not refused; decoding stops by itself where its limit is lower.
_LEAST_ALLOWED = 100_000
# FFmpeg packs raw sound into index entries of about so many samples.
_PACKED = 1024


def check_index(path: Path, limits: Limits) -> None:
    """Refuse an MP4 or MOV whose index claims more than such a file can need.

    Allowed are twice ``Limits.max_decoded_frames`` samples, for pictures and sound, but never fewer
    than 100,000; as many boxes; and 64 MiB of ``moov``. Reads headers only, wherever they are.

    Raises:
        MediaRefused: ``too_large``.
    """
    with path.open("rb") as file:
        walk = _Walk(file, max(_LEAST_ALLOWED, 2 * limits.max_decoded_frames))
        walk.boxes(0, path.stat().st_size)
        walk.settle()


@dataclass(slots=True)
class _Track:
    """What the tables of one track claim; FFmpeg lets them stand anywhere after its `trak`."""

    handlers: set[bytes] = field(default_factory=set)
    one_tick_each: bool = False
    samples: int = 0
    edits: int = 0
    chunks: int = 0
    runs: tuple[int, int] | None = None

    @property
    def packed(self) -> bool:
        """Whether FFmpeg indexes raw sound by chunks, whatever the number of its samples."""
        return self.handlers == {b"soun"} and self.one_tick_each


class _Walk:
    def __init__(self, file: BinaryIO, allowed: int) -> None:
        self._file = file
        self._allowed = allowed
        self._boxes = 0
        self._claimed = 0
        self._track = _Track()

    def boxes(self, start: int, end: int) -> None:
        """Look at the boxes from one place to another, and into those that hold others."""
        pending = [(start, end)]
        while pending:
            at, end = pending.pop()
            self._file.seek(at)
            head = self._file.read(16)
            if at + 8 > end or len(head) < 8:
                continue
            self._boxes += 1
            self._bound(self._boxes)
            size, kind = struct.unpack_from(">I4s", head)
            inside = at + 8
            if size == 1 and len(head) == 16:
                size, inside = struct.unpack_from(">Q", head, 8)[0], at + 16
            after = end if size == 0 else min(at + size, end)
            if after < inside:
                # FFmpeg gives up here too.
                continue
            pending.append((after, end))
            if kind == b"moov" and after - at > MAX_INDEX_BYTES:
                raise _too_large(f"takes {(after - at) / 1e6:.0f} MB")
            if kind == b"trak":
                self.settle()
            if kind in _CONTAINERS:
                pending.append((inside, after))
            else:
                self._table(kind, inside, after)

    def settle(self) -> None:
        """Count what the track so far claims, and begin another."""
        track, self._track = self._track, _Track()
        entries = track.samples
        if track.packed:
            entries = self._packed_entries(*track.runs, track.chunks) if track.runs else 0
        # Each edit may show everything once more; the first is often an empty one.
        self._claim(entries * max(1, track.edits - 1))

    def _table(self, kind: bytes, inside: int, after: int) -> None:
        self._file.seek(inside)
        fields = self._file.read(min(_FIRST_FIELDS, after - inside)).ljust(_FIRST_FIELDS, b"\0")
        count = int.from_bytes(fields[4:8])
        track = self._track
        if kind in {b"stsz", b"stz2"}:
            track.samples = max(track.samples, int.from_bytes(fields[8:12]))
        elif kind == b"trun":
            self._claim(count)
        elif kind == b"hdlr":
            # QuickTime has another in each track, for where its data is.
            track.handlers |= {fields[8:12]} & {b"soun", b"vide"}
        elif kind in _TABLES:
            self._bound(count)
            if kind == b"stts":
                track.one_tick_each = count == 1 and int.from_bytes(fields[12:16]) == 1
            elif kind == b"elst":
                track.edits = max(track.edits, count)
            elif kind in {b"stco", b"co64"}:
                track.chunks = max(track.chunks, count)
            elif kind == b"stsc":
                track.runs = (inside + 8, min(count, (after - inside - 8) // 12))

    def _packed_entries(self, start: int, count: int, chunks: int) -> int:
        """Index entries of raw sound: of each chunk, one for every so many samples."""
        self._file.seek(start)
        runs = list(struct.iter_unpack(">III", self._file.read(12 * max(count, 0))))
        firsts = [first for first, _, _ in runs[1:]] + [chunks + 1]
        return sum(
            max(0, min(following, chunks + 1) - first) * -(-samples // _PACKED)
            for (first, samples, _), following in zip(runs, firsts, strict=False)
        )

    def _claim(self, samples: int) -> None:
        self._claimed += samples
        self._bound(self._claimed)

    def _bound(self, count: int) -> None:
        if count > self._allowed:
            raise _too_large(f"has more than {self._allowed:,} entries")


def _too_large(what: str) -> MediaRefused:
    return MediaRefused(
        "too_large",
        f"The file's index {what}, which is more than its pictures and sound can need. "
        "Encode it anew, or split it.",
    )
