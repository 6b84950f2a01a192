"""Pictures for the report, cut from the assets' tile sheets."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from filmgate.client.scan_result import ScanMatch

if TYPE_CHECKING:
    from PIL import Image

    from filmgate.media.storyboard import StoryboardIndex

TileSource = Callable[[str], "tuple[bytes, StoryboardIndex] | None"]
"""Asset id to its tile sheet (JPEG) and index; None where it has no pictures."""

SHOWN_PAIRS = 6
ENOUGH_PAIRS = 4
CLOSE_S = 0.75
_CACHED_SHEETS = 16
_JPEG_QUALITY = 80


@dataclass(frozen=True, slots=True)
class Moment:
    """Times in two files, in seconds, that show the same content."""

    a_time: float
    b_time: float


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture: a data URI and the time it was taken at, seconds."""

    uri: str
    time_s: float
    width: int
    height: int


class Pictures:
    """Cuts tiles, keeping a few sheets decoded, and stops when the byte budget is spent."""

    def __init__(self, source: TileSource, *, budget_bytes: int) -> None:
        self._source = source
        self._left = budget_bytes
        self._sheet = lru_cache(maxsize=_CACHED_SHEETS)(self._load)

    @property
    def spent(self) -> bool:
        return self._left <= 0

    def nearest(self, asset_id: str, time_s: float) -> Tile | None:
        """The tile closest to a time; None without tiles or when the budget is spent."""
        sheet = self._sheet(asset_id)
        if sheet is None or self.spent:
            return None
        image, index = sheet
        number = _nearest(index.times_s, time_s)
        return self._cut(image, index, number)

    def middle(self, asset_id: str) -> Tile | None:
        """A tile from the middle of the file, after any opening titles."""
        sheet = self._sheet(asset_id)
        if sheet is None:
            return None
        times = sheet[1].times_s
        return self.nearest(asset_id, times[len(times) // 2])

    def moments(self, match: ScanMatch) -> list[Moment]:
        """Up to six aligned moments for which both sheets have a tile close by.

        Measured frame pairs come first; where they are few, moments from the aligned segments
        are added. Where no tile is close, the one best moment.
        """
        sheets = self._sheet(match.asset_a), self._sheet(match.asset_b)
        if sheets[0] is None or sheets[1] is None:
            return []
        times_a, times_b = sheets[0][1].times_s, sheets[1][1].times_s
        measured = [Moment(pair.a_time, pair.b_time) for pair in match.pairs]
        # Of identical bytes nothing is aligned: every time is the same in both.
        same = match.transform.identical_bytes
        read_off = [Moment(t, t) for t in times_a] if same else _from_segments(match, times_a)
        for moments in (measured, measured + read_off):
            close = [m for m in moments if _error(m, times_a, times_b) <= CLOSE_S]
            distinct = _distinct(close, times_a)
            if len(distinct) >= ENOUGH_PAIRS:
                return _spread(distinct, SHOWN_PAIRS)
        if distinct:
            return distinct
        best = min(measured + read_off, key=lambda m: _error(m, times_a, times_b), default=None)
        return [best] if best else []

    def _load(self, asset_id: str) -> tuple[Image.Image, StoryboardIndex] | None:
        from PIL import Image  # noqa: PLC0415 - only a report needs it

        found = self._source(asset_id)
        if found is None or not found[1].times_s:
            return None
        with Image.open(io.BytesIO(found[0]), formats=("JPEG",)) as sheet:
            return sheet.convert("RGB"), found[1]

    def _cut(self, image: Image.Image, index: StoryboardIndex, number: int) -> Tile:
        row, column = divmod(number, index.columns)
        left, top = column * index.tile_width, row * index.tile_height
        tile = image.crop((left, top, left + index.tile_width, top + index.tile_height))
        out = io.BytesIO()
        tile.save(out, "JPEG", quality=_JPEG_QUALITY, optimize=True)
        uri = "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
        self._left -= len(uri)
        return Tile(uri, index.times_s[number], index.tile_width, index.tile_height)


def _nearest(times: Sequence[float], time_s: float) -> int:
    return min(range(len(times)), key=lambda i: abs(times[i] - time_s))


def _error(moment: Moment, times_a: Sequence[float], times_b: Sequence[float]) -> float:
    """How far, in seconds, the tiles that would be shown are from being aligned."""
    shift_a = times_a[_nearest(times_a, moment.a_time)] - moment.a_time
    shift_b = times_b[_nearest(times_b, moment.b_time)] - moment.b_time
    return abs(shift_a - shift_b)


def _from_segments(match: ScanMatch, times_a: Sequence[float]) -> list[Moment]:
    """The tiles of a inside an aligned stretch, with the time in b they fall on."""
    moments = []
    for segment in match.segments:
        length = segment.a_end - segment.a_start
        if length <= 0:
            continue
        rate = (segment.b_end - segment.b_start) / length
        moments += [
            Moment(time, segment.b_start + (time - segment.a_start) * rate)
            for time in times_a
            if segment.a_start <= time <= segment.a_end
        ]
    return moments


def _distinct(moments: list[Moment], times_a: Sequence[float]) -> list[Moment]:
    """One moment a tile of a, in order of time."""
    by_tile: dict[int, Moment] = {}
    for moment in moments:
        by_tile.setdefault(_nearest(times_a, moment.a_time), moment)
    return [by_tile[tile] for tile in sorted(by_tile)]


def _spread(moments: list[Moment], count: int) -> list[Moment]:
    """At most `count` of them, evenly spread, the ends left out where there are many."""
    if len(moments) <= count:
        return moments
    step = len(moments) / count
    return [moments[int((i + 0.5) * step)] for i in range(count)]
