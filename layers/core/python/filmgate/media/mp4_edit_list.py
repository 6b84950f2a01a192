"""How many index entries an edit list makes of a track's own.

FFmpeg copies, for each edit, the entries from the sync sample before it to one of those after it
(ISO/IEC 14496-12, 8.6: edit lists, decoding times, composition offsets, sync samples). So a track
cut into pieces costs little more than the whole, and one that shows everything a thousand times
costs a thousandfold. This tells which, by the tables of the track.
"""

from __future__ import annotations

import struct
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from itertools import pairwise as pairs
from operator import mul
from typing import Protocol

_NEVER = 1 << 62
# FFmpeg goes on past the end of an edit to the next sync sample, and with composition offsets to
# the second after that.
_SYNCS_AFTER = 3


@dataclass(frozen=True, slots=True)
class Edit:
    """What is shown next, in units of the media: from where, or -1 for nothing, and how long."""

    start: int
    duration: int


class Places(Protocol):
    """From a time, in units of the media, to an index entry."""

    entries: int

    def before(self, time: int) -> int:
        """An entry at or before this time, and none later."""

    def after(self, time: int) -> int:
        """An entry after this time, and none earlier."""


class SamplePlaces:
    """Samples that each have an entry; by the runs of `stts`: (count, ticks each)."""

    def __init__(self, counts: Sequence[int], deltas: Sequence[int], samples: int) -> None:
        """Raises OverflowError where the times are beyond all reason."""
        self.entries = samples
        self._deltas = deltas
        self._firsts = array("q", accumulate(counts, initial=0))
        self._starts = array("q", accumulate(map(mul, counts, deltas), initial=0))

    def before(self, time: int) -> int:
        run = max(bisect_left(self._starts, max(time, 0)) - 1, 0)
        if run >= len(self._deltas):
            return min(self._firsts[-1], self.entries)
        return self._within(run, time)

    def after(self, time: int) -> int:
        run = bisect_right(self._starts, max(time, 0)) - 1
        return self._within(run, time) + 1

    def _within(self, run: int, time: int) -> int:
        if run >= len(self._deltas):
            return self.entries
        steps = max(0, time - self._starts[run]) // max(1, self._deltas[run])
        return min(self._firsts[run] + steps, self._firsts[run + 1], self.entries)


class PackedPlaces:
    """Raw sound, indexed by chunk in pieces of so many samples; a sample is one tick.

    By the runs of `stsc`: (first chunk, samples a chunk), chunks counted from 1.
    """

    def __init__(self, runs: Sequence[tuple[int, int]], chunks: int, piece: int) -> None:
        firsts = [*(first for first, _ in runs), chunks + 1]
        counts = [max(0, min(b, chunks + 1) - a) for a, b in pairs(firsts)]
        self._piece = piece
        self._sizes = [samples for _, samples in runs]
        self._costs = [-(-samples // piece) for samples in self._sizes]
        self._firsts = list(accumulate(map(mul, counts, self._costs), initial=0))
        self._starts = list(accumulate(map(mul, counts, self._sizes), initial=0))
        self.entries = self._firsts[-1]

    def before(self, time: int) -> int:
        run = max(bisect_right(self._starts, max(time, 0)) - 1, 0)
        if run >= len(self._sizes):
            return self.entries
        chunk, inside = divmod(max(time, 0) - self._starts[run], max(1, self._sizes[run]))
        return self._firsts[run] + chunk * self._costs[run] + inside // self._piece

    def after(self, time: int) -> int:
        return min(self.before(time) + 1, self.entries)


def edited_entries(
    edits: Iterator[Edit],
    places: Places,
    syncs: Sequence[int] | None,
    *,
    slack: int,
    lead: int,
    most: int,
) -> int:
    """Index entries after the edits, at most; counted no further than past `most`.

    Args:
        syncs: samples that decoding can begin at, from 0, rising; None where all are.
        slack: ticks by which samples may be shown earlier or later than they are decoded.
        lead: ticks before an edit that are kept to begin decoding in.
    """
    claimed, begun = 0, False
    for edit in edits:
        begun = begun or edit.start >= 0
        if not begun:
            continue
        end = edit.start + edit.duration + slack if edit.duration else _NEVER
        first, last = places.before(edit.start - slack - lead), places.after(end)
        if syncs is not None:
            first, last = _from_sync(syncs, first), _to_sync(syncs, last, places.entries)
        else:
            first, last = max(0, first - 1), min(places.entries, last + _SYNCS_AFTER)
        claimed += 1 + max(0, last - first)
        if claimed > most:
            break
    return claimed


def _from_sync(syncs: Sequence[int], sample: int) -> int:
    at = bisect_right(syncs, sample) - 1
    return syncs[at] if at >= 0 else 0


def _to_sync(syncs: Sequence[int], sample: int, entries: int) -> int:
    at = bisect_left(syncs, sample) + _SYNCS_AFTER - 1
    return min(syncs[at] + 1, entries) if at < len(syncs) else entries


def edits_in(body: bytes, media_scale: int, movie_scale: int) -> Iterator[Edit]:
    """The edits of an `elst`, from after its name; durations in the media's units, rounded up."""
    form = struct.Struct(">QqI" if body[:1] == b"\1" else ">IiI")
    count = int.from_bytes(body[4:8])
    for number in range(min(count, (len(body) - 8) // form.size)):
        duration, start, _ = form.unpack_from(body, 8 + number * form.size)
        yield Edit(start, -(-duration * media_scale // max(1, movie_scale)))


def numbers_in(body: bytes, *, signed: bool = False) -> array[int]:
    """The 32-bit numbers of a table, from after its version, flags and count."""
    found = array("i" if signed else "I")
    found.frombytes(body[8 : len(body) - len(body) % 4])
    if sys.byteorder == "little":
        found.byteswap()
    return found


def syncs_in(body: bytes) -> array[int]:
    """The samples of an `stss`, from 0, as far as they rise: FFmpeg sees none after."""
    listed = numbers_in(body)
    if not listed:
        return array("q")
    base = 1 if listed[0] > 0 else 0
    rising = sum(1 for _ in takewhile(lambda two: two[0] < two[1], pairs(listed))) + 1
    return array("q", (number - base for number in listed[:rising]))
