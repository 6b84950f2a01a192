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
from filmgate.media.mp4_edit_list import (
    PackedPlaces,
    Places,
    SamplePlaces,
    edited_entries,
    edits_in,
    numbers_in,
    syncs_in,
)

MAX_INDEX_BYTES = 64 * 1024**2
"""Of one `moov`: six hours of 60 pictures a second with sound take about 40 MB."""
_CONTAINERS = {
    b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"mvex", b"moof", b"traf",
    b"udta", b"tref", b"wave", b"sinf", b"schi",
}  # fmt: skip
_TABLES = {
    b"stts": 8, b"ctts": 8, b"stsc": 12, b"stco": 4, b"co64": 8, b"stss": 4, b"elst": 20,
}  # fmt: skip
"""Tables, and how many bytes an entry of each takes at most."""
_FIRST_FIELDS = 24
# What costs little is not refused; decoding stops by itself where its limit is lower.
_LEAST_ALLOWED = 100_000
# FFmpeg packs raw sound into index entries of about so many samples.
_PACKED = 1024
_MOST_EDITS = 100_000


def check_index(path: Path, limits: Limits) -> None:
    """Refuse an MP4 or MOV whose index claims more than such a file can need.

    Allowed are twice ``Limits.max_decoded_frames`` samples, for pictures and sound, but never fewer
    than 100,000, counted as often as edits show them; as many boxes; 100,000 edits; and 64 MiB of
    ``moov``. Reads headers only, wherever they are, and of a track with several edits its tables.

    Raises:
        MediaRefused: ``too_large``.
    """
    claimed_entries(path, max(_LEAST_ALLOWED, 2 * limits.max_decoded_frames))


def claimed_entries(path: Path, allowed: int) -> int:
    """How many index entries FFmpeg would make of the file, at most.

    Raises:
        MediaRefused: ``too_large``, where they are more than allowed.
    """
    with path.open("rb") as file:
        walk = _Walk(file, allowed)
        walk.boxes(0, path.stat().st_size)
        walk.settle()
        return walk.claimed


@dataclass(slots=True)
class _Track:
    """What the tables of one track claim; FFmpeg lets them stand anywhere after its `trak`."""

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
        places = self._packed_places(track) if track.packed else None
        entries = places.entries if places else track.samples
        edits = max((self._count(place) for place in track.tables.get(b"elst", [])), default=0)
        # One edit shows everything once at most; most files have one.
        if edits > 1:
            entries = self._edited(track, places, entries, edits)
        self._claim(entries)

    def _edited(self, track: _Track, places: Places | None, entries: int, edits: int) -> int:
        if any(len(found) > 1 for found in track.tables.values()) or not self._scales:
            # Which of two tables counts is FFmpeg's affair: each edit may show everything.
            return entries * edits
        try:
            ticks = numbers_in(self._body(track, b"stts"))
            places = places or SamplePlaces(ticks[0::2], ticks[1::2], entries)
            offsets = numbers_in(self._body(track, b"ctts"), signed=True)[1::2]
            return edited_entries(
                edits_in(self._body(track, b"elst"), track.scale, min(self._scales)),
                places,
                syncs_in(self._body(track, b"stss")) if b"stss" in track.tables else None,
                slack=2 * max(map(abs, offsets), default=0),
                lead=track.scale if b"soun" in track.handlers else 0,
                most=self._allowed,
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
            # QuickTime has another in each track, for where its data is.
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
            if kind == b"elst" and count > _MOST_EDITS:
                raise _too_large(f"has more than {_MOST_EDITS:,} edits")
            if kind == b"stts":
                track.one_tick_each = count == 1 and int.from_bytes(fields[12:16]) == 1
            elif kind in {b"stco", b"co64"}:
                track.chunks = max(track.chunks, count)

    def _packed_places(self, track: _Track) -> PackedPlaces:
        """Index entries of raw sound: of each chunk, one for every so many samples."""
        runs = numbers_in(self._body(track, b"stsc"))
        whole = len(runs) - len(runs) % 3
        chunks = list(zip(runs[0:whole:3], runs[1:whole:3], strict=True))
        return PackedPlaces(chunks, track.chunks, _PACKED)

    def _body(self, track: _Track, kind: bytes) -> bytes:
        """The last table of a kind, as long as it says; empty where there is none."""
        if kind not in track.tables:
            return b""
        inside, after = place = track.tables[kind][-1]
        wanted = 8 + self._count(place) * _TABLES[kind]
        self._file.seek(inside)
        return self._file.read(max(0, min(after - inside, wanted)))

    def _count(self, place: tuple[int, int]) -> int:
        self._file.seek(place[0] + 4)
        return int.from_bytes(self._file.read(4))

    def _claim(self, samples: int) -> None:
        self.claimed += samples
        self._bound(self.claimed)

    def _bound(self, count: int) -> None:
        if count > self._allowed:
            raise _too_large(f"has more than {self._allowed:,} entries")


def _too_large(what: str) -> MediaRefused:
    return MediaRefused(
        "too_large",
        f"The file's index {what}, which is more than its pictures and sound can need. "
        "Encode it anew, or split it.",
    )
