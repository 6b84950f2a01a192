"""Bound the index of an MP4 by its boxes, before FFmpeg builds it.

FFmpeg keeps about forty bytes for each sample that an index claims, and a few bytes can claim
billions: one size for all samples, or one run of chunks. The boxes are those of ISO/IEC 14496-12.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from filmgate.errors import MediaRefused
from filmgate.media.limits import Limits
from filmgate.media.mp4_edit_list import (
    PackedIndex,
    SampleIndex,
    TimeIndex,
    edited_entries,
    read_edits,
    read_numbers,
    sync_samples,
)

MAX_INDEX_BYTES = 64 * 1024**2
"""Size of one `moov`; that of six hours of 60 pictures a second with sound takes about 40 MB."""
_CONTAINERS = {
    b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"mvex", b"moof", b"traf",
    b"udta", b"tref", b"wave", b"sinf", b"schi",
}  # fmt: skip
"""Boxes that contain boxes, of ISO/IEC 14496-12 and of QuickTime."""
_TABLES = {
    b"stts": 8, b"ctts": 8, b"stsc": 12, b"stco": 4, b"co64": 8, b"stss": 4, b"elst": 20,
}  # fmt: skip
"""Tables, and the bytes that an entry of each takes at most."""
_FIRST_FIELDS = 24
"""Bytes after the name of a box that hold all the fields read here."""
_MIN_ALLOWED = 100_000
"""Index entries, four megabytes of memory, that are never refused; decoding stops by itself where
its limit is lower."""
_PACKED_SAMPLES = 1024
"""Samples of raw sound that FFmpeg packs into one index entry, at least."""
_MAX_EDITS = 100_000
"""Edits of one track; FFmpeg walks the list for each of them. Editing software writes hundreds."""


def check_index(path: Path, limits: Limits) -> None:
    """Refuse an MP4 or MOV whose index claims more than such a file can need.

    Twice ``Limits.max_decoded_frames`` samples are allowed, for pictures and sound, but at least
    100,000; a sample counts as often as edits show it. So are as many boxes, 100,000 edits, and
    64 MiB of ``moov``. This reads headers only, wherever they are, and the tables of tracks with
    several edits.

    Raises:
        MediaRefused: ``too_large``.
    """
    claimed_entries(path, max(_MIN_ALLOWED, 2 * limits.max_decoded_frames))


def claimed_entries(path: Path, allowed: int) -> int:
    """Return how many index entries FFmpeg would make of the file, at most.

    Raises:
        MediaRefused: ``too_large``, where there are more than allowed.
    """
    with path.open("rb") as file:
        walk = _Walk(file, allowed)
        walk.boxes(0, path.stat().st_size)
        walk.finish_track()
        return walk.claimed


@dataclass(slots=True)
class _Track:
    """What the tables of one track claim; FFmpeg accepts them anywhere after its `trak`."""

    handlers: set[bytes] = field(default_factory=set)
    samples: int = 0
    chunks: int = 0
    scale: int = 0
    tables: dict[bytes, list[tuple[int, int]]] = field(default_factory=dict)
    one_tick_each: bool = False

    @property
    def packed(self) -> bool:
        """Whether FFmpeg indexes raw sound by chunks, whatever the number of its samples."""
        return self.handlers == {b"soun"} and self.one_tick_each


class _Walk:
    def __init__(self, file: BinaryIO, allowed: int) -> None:
        self._file = file
        self._allowed = allowed
        self._boxes = 0
        self.claimed = 0
        self._scales: list[int] = []
        self._track = _Track()

    def boxes(self, start: int, end: int) -> None:
        """Read the boxes between two positions, and the boxes inside them."""
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
                # FFmpeg stops here too.
                continue
            pending.append((after, end))
            if kind == b"moov" and after - at > MAX_INDEX_BYTES:
                raise _too_large(f"takes {(after - at) / 1e6:.0f} MB")
            if kind == b"trak":
                self.finish_track()
            if kind in _CONTAINERS:
                pending.append((inside, after))
            else:
                self._table(kind, inside, after)

    def finish_track(self) -> None:
        """Add what the current track claims, and begin another."""
        track, self._track = self._track, _Track()
        index = self._packed_index(track) if track.packed else None
        entries = index.entries if index else track.samples
        edits = max((self._count(place) for place in track.tables.get(b"elst", [])), default=0)
        # A single edit, as most files have, shows everything once at most.
        if edits > 1:
            entries = self._edited(track, index, entries, edits)
        self._claim(entries)

    def _edited(self, track: _Track, index: TimeIndex | None, entries: int, edits: int) -> int:
        if any(len(boxes) > 1 for boxes in track.tables.values()) or not self._scales:
            # FFmpeg alone decides which of two tables counts: each edit may show everything.
            return entries * edits
        try:
            ticks = read_numbers(self._body(track, b"stts"))
            index = index or SampleIndex(ticks[0::2], ticks[1::2], entries)
            offsets = read_numbers(self._body(track, b"ctts"), signed=True)[1::2]
            return edited_entries(
                read_edits(self._body(track, b"elst"), track.scale, min(self._scales)),
                index,
                sync_samples(self._body(track, b"stss")) if b"stss" in track.tables else None,
                max_reorder=2 * max(map(abs, offsets), default=0),
                preroll=track.scale if b"soun" in track.handlers else 0,
                limit=self._allowed,
            )
        except OverflowError:
            return entries * edits

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
            # QuickTime has a second handler in each track, for the location of its data.
            track.handlers |= {fields[8:12]} & {b"soun", b"vide"}
        elif kind in {b"mvhd", b"mdhd"}:
            scale = int.from_bytes(fields[20:24] if fields[0] == 1 else fields[12:16])
            if kind == b"mdhd":
                track.scale = max(track.scale, scale)
            else:
                self._scales.append(max(scale, 1))
        elif kind in _TABLES:
            self._bound(count)
            track.tables.setdefault(kind, []).append((inside, after))
            if kind == b"elst" and count > _MAX_EDITS:
                raise _too_large(f"has more than {_MAX_EDITS:,} edits")
            if kind == b"stts":
                track.one_tick_each = count == 1 and int.from_bytes(fields[12:16]) == 1
            elif kind in {b"stco", b"co64"}:
                track.chunks = max(track.chunks, count)

    def _packed_index(self, track: _Track) -> PackedIndex:
        """Return the index entries of raw sound: one for each piece of a chunk."""
        runs = read_numbers(self._body(track, b"stsc"))
        whole = len(runs) - len(runs) % 3
        chunks = list(zip(runs[0:whole:3], runs[1:whole:3], strict=True))
        return PackedIndex(chunks, track.chunks, _PACKED_SAMPLES)

    def _body(self, track: _Track, kind: bytes) -> bytes:
        """Return the last table of a kind with its stated length; empty where there is none."""
        if kind not in track.tables:
            return b""
        inside, after = place = track.tables[kind][-1]
        stated = 8 + self._count(place) * _TABLES[kind]
        self._file.seek(inside)
        return self._file.read(max(0, min(after - inside, stated)))

    def _count(self, place: tuple[int, int]) -> int:
        self._file.seek(place[0] + 4)
        return int.from_bytes(self._file.read(4))

    def _claim(self, samples: int) -> None:
        self.claimed += samples
        self._bound(self.claimed)

    def _bound(self, count: int) -> None:
        if count > self._allowed:
            raise _too_large(f"has more than {self._allowed:,} entries")


def _too_large(excess: str) -> MediaRefused:
    return MediaRefused(
        "too_large",
        f"The file's index {excess}, which is more than its pictures and sound can need. "
        "Encode it again, or split it.",
    )
