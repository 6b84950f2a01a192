"""Make a storyboard: small pictures of a video in one JPEG, with their times."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from filmgate.media.model import Frame

if TYPE_CHECKING:
    from PIL.Image import Image

COLUMNS = 10
"""Tiles in a row: at 160 pixels each they fill a page of 1600 pixels."""
_MAX_HEIGHT_RATIO = 2.0
"""Height of a tile in widths, at most: a phone held upright has 2.2, and is shown a little smaller;
a sliver would make the sheet endless."""
_JPEG_QUALITY = 78
"""At this quality a sheet of 120 tiles takes about 300 kB and shows no blocks."""


class StoryboardIndex(BaseModel):
    """The position of each tile: tile i starts at pixel (i % columns * tile_width,
    i // columns * tile_height) and shows the picture at ``times_s[i]`` seconds.
    """

    model_config = ConfigDict(frozen=True)

    columns: int
    tile_width: int
    tile_height: int
    times_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RenderedStoryboard:
    """A finished storyboard: a JPEG file and its index."""

    jpeg: bytes
    index: StoryboardIndex


class Storyboard:
    """Collects pictures for a storyboard as they are decoded.

    When there are more than ``max_tiles``, every second tile is dropped and from then on half as
    many pictures are taken, so that the tiles stay evenly spread over any length.
    """

    def __init__(self, max_tiles: int = 120, tile_width: int = 160) -> None:
        if max_tiles < 2 or tile_width < 1:
            raise ValueError("max_tiles must be at least 2 and tile_width at least 1")
        self._max_tiles = max_tiles
        self._tile_width = tile_width
        self._tile_height = 0
        self._stride = 1
        self._offered = 0
        self._tiles: list[tuple[float, Image]] = []

    def add(self, frame: Frame) -> None:
        """Offer the next picture, in order of time."""
        position = self._offered
        self._offered += 1
        if position % self._stride:
            return
        if len(self._tiles) == self._max_tiles:
            self._tiles = self._tiles[::2]
            self._stride *= 2
            if position % self._stride:
                return
        self._tiles.append((frame.time_s, self._tile(frame)))

    def finish(self) -> RenderedStoryboard:
        """Return the storyboard.

        Raises:
            ValueError: no picture was added.
        """
        from PIL import Image  # noqa: PLC0415

        if not self._tiles:
            raise ValueError("a storyboard needs at least one picture")
        columns = min(COLUMNS, len(self._tiles))
        rows = -(-len(self._tiles) // columns)
        width, height = self._tile_width, self._tile_height
        sheet = Image.new("RGB", (columns * width, rows * height))
        for position, (_, tile) in enumerate(self._tiles):
            left = position % columns * width + (width - tile.width) // 2
            top = position // columns * height + (height - tile.height) // 2
            sheet.paste(tile, (left, top))
        out = BytesIO()
        sheet.save(out, "JPEG", quality=_JPEG_QUALITY)
        index = StoryboardIndex(
            columns=columns,
            tile_width=width,
            tile_height=height,
            times_s=tuple(round(time_s, 3) for time_s, _ in self._tiles),
        )
        return RenderedStoryboard(out.getvalue(), index)

    def _tile(self, frame: Frame) -> Image:
        """Fit a picture into a tile; the first picture sets the height of all tiles."""
        from PIL import Image  # noqa: PLC0415

        picture = Image.fromarray(frame.rgb)
        if not self._tile_height:
            height = round(self._tile_width * picture.height / picture.width)
            self._tile_height = min(max(1, height), int(self._tile_width * _MAX_HEIGHT_RATIO))
        scale = min(self._tile_width / picture.width, self._tile_height / picture.height)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        return picture.resize(size, Image.Resampling.BILINEAR)
