"""Count the index entries that an edit list makes of those of a track.

FFmpeg copies, for each edit, the entries from the sync sample before it to one of those after it
(ISO/IEC 14496-12, 8.6: edit lists, decoding times, composition offsets, sync samples). A track
cut into pieces therefore costs little more than the whole, and one that shows everything a
thousand times costs a thousand times as much. The tables of the track tell which is the case.
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
"""A time later than any that 32-bit tables can state."""
_SYNCS_AFTER = 3
"""FFmpeg continues past the end of an edit to the next sync sample, and with composition offsets
to the second after that."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A part of the track that is shown next.

    Attributes:
        start: in units of the media; -1 shows nothing.
        duration: in units of the media.
    """

    start: int
    duration: int


class TimeIndex(Protocol):
    """Maps a time, in units of the media, to an index entry."""

    entries: int

    def before(self, time: int) -> int:
        """Return an entry at or before this time, never a later one."""

    def after(self, time: int) -> int:
        """Return an entry after this time, never an earlier one."""


class SampleIndex:
    """An index with an entry for each sample, from the runs of `stts`: (count, ticks each)."""

    def __init__(self, counts: Sequence[int], deltas: Sequence[int], samples: int) -> None:
        """Raise OverflowError where the times exceed 64 bits."""
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


class PackedIndex:
    """The index of raw sound: an entry for each piece of a chunk; a sample is one tick.

    From the runs of `stsc`: (first chunk, samples per chunk), with chunks counted from 1.
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
    index: TimeIndex,
    syncs: Sequence[int] | None,
    *,
    max_reorder: int,
    preroll: int,
    limit: int,
) -> int:
    """Return the number of index entries after the edits, at most; counting stops past `limit`.

    Args:
        syncs: samples at which decoding can begin, from 0, ascending; None where all are.
        max_reorder: ticks by which a sample may be shown earlier or later than it is decoded.
        preroll: ticks before an edit that are kept so that decoding can begin in them.
    """
    claimed, started = 0, False
    for edit in edits:
        started = started or edit.start >= 0
        if not started:
            continue
        end = edit.start + edit.duration + max_reorder if edit.duration else _NEVER
        first, last = index.before(edit.start - max_reorder - preroll), index.after(end)
        if syncs is not None:
            first, last = _from_sync(syncs, first), _to_sync(syncs, last, index.entries)
        else:
            first, last = max(0, first - 1), min(index.entries, last + _SYNCS_AFTER)
        claimed += 1 + max(0, last - first)
        if claimed > limit:
            break
    return claimed


def _from_sync(syncs: Sequence[int], sample: int) -> int:
    at = bisect_right(syncs, sample) - 1
    return syncs[at] if at >= 0 else 0


def _to_sync(syncs: Sequence[int], sample: int, entries: int) -> int:
    at = bisect_left(syncs, sample) + _SYNCS_AFTER - 1
    return min(syncs[at] + 1, entries) if at < len(syncs) else entries


def read_edits(body: bytes, media_scale: int, movie_scale: int) -> Iterator[Edit]:
    """Yield the edits of the body of an `elst`; durations in units of the media, rounded up."""
    form = struct.Struct(">QqI" if body[:1] == b"\1" else ">IiI")
    count = int.from_bytes(body[4:8])
    for number in range(min(count, (len(body) - 8) // form.size)):
        duration, start, _ = form.unpack_from(body, 8 + number * form.size)
        yield Edit(start, -(-duration * media_scale // max(1, movie_scale)))


def read_numbers(body: bytes, *, signed: bool = False) -> array[int]:
    """Return the 32-bit numbers of the body of a table, after its version, flags and count."""
    numbers = array("i" if signed else "I")
    numbers.frombytes(body[8 : len(body) - len(body) % 4])
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def sync_samples(body: bytes) -> array[int]:
    """Return the samples of an `stss`, from 0, as far as they ascend: FFmpeg reads none after."""
    listed = read_numbers(body)
    if not listed:
        return array("q")
    base = 1 if listed[0] > 0 else 0
    ascending = sum(1 for _ in takewhile(lambda pair: pair[0] < pair[1], pairs(listed))) + 1
    return array("q", (number - base for number in listed[:ascending]))
