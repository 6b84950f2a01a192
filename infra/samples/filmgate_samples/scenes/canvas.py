"""What the scenes share: noise, colour ramps, light sprites, text and smooth drawing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from filmgate_samples.clip import Picture

Size = tuple[int, int]
"""Width and height in pixels."""
Times = NDArray[np.float64]
Scene = Callable[[Generator, Size, Times], Iterator[Picture]]
Field = NDArray[np.float32]
Colour = tuple[int, int, int]
Point = tuple[float, float]


def noise(rng: Generator, size: Size, cells: int, octaves: int = 4, *, wrap: bool = False) -> Field:
    """Value noise in 0..1, shape (height, width); `cells` lattice cells across the width.

    With `wrap` the right edge continues at the left one.
    """
    width, height = size
    total = np.zeros((height, width), np.float32)
    weight = 1.0
    for octave in range(octaves):
        across = cells * 2**octave
        down = max(2, round(across * height / width))
        lattice = rng.random((down + 3, across + 3)).astype(np.float32)
        if wrap:
            lattice[:, -3:] = lattice[:, :3]
        grown = Image.fromarray(lattice).resize(
            (width, height), Image.Resampling.BICUBIC, box=(1, 1, across + 1, down + 1)
        )
        total += weight * np.asarray(grown)
        weight *= 0.5
    low, high = float(total.min()), float(total.max())
    return np.asarray((total - low) / (high - low + 1e-9), dtype=np.float32)


def ramp(values: NDArray[np.floating], *stops: Colour) -> Picture:
    """Colours for values in 0..1, evenly spaced stops, linear between them."""
    places = np.linspace(0, 255, len(stops))
    table = np.stack(
        [np.interp(np.arange(256), places, [stop[c] for stop in stops]) for c in range(3)], axis=1
    ).astype(np.uint8)
    return np.asarray(table[np.clip(values * 255, 0, 255).astype(np.uint8)])


def random_colour(rng: Generator, low: int = 0, high: int = 256) -> Colour:
    red, green, blue = rng.integers(low, high, 3)
    return int(red), int(green), int(blue)


def vertical(size: Size, *stops: Colour) -> Picture:
    """A vertical gradient, shape (height, width, 3)."""
    width, height = size
    column = ramp(np.linspace(0, 1, height), *stops)
    return np.repeat(column[:, None], width, axis=1)


def grid(size: Size) -> tuple[Field, Field]:
    """x and y of every pixel, float32 (height, width)."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return x, y


def glow(radius: int, power: float = 2.0) -> Field:
    """A round light, 1 in the middle and 0 at the rim, shape (2r+1, 2r+1)."""
    axis = np.arange(-radius, radius + 1, dtype=np.float32) / radius
    distance = np.sqrt(axis[:, None] ** 2 + axis[None, :] ** 2)
    return np.asarray(np.clip(1 - distance, 0, 1) ** power, dtype=np.float32)


def add_light(target: Field, sprite: Field, centre: Point, colour: NDArray[np.floating]) -> None:
    """Add a sprite in a colour (0..255 each) to a float32 picture, clipped at its edges."""
    height, width = target.shape[:2]
    top, left = round(centre[1]) - sprite.shape[0] // 2, round(centre[0]) - sprite.shape[1] // 2
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(height, top + sprite.shape[0]), min(width, left + sprite.shape[1])
    if y0 < y1 and x0 < x1:
        part = sprite[y0 - top : y1 - top, x0 - left : x1 - left]
        target[y0:y1, x0:x1] += part[..., None] * colour.astype(np.float32)


def solid(values: NDArray[np.floating]) -> Picture:
    """Float picture (0..255) to uint8."""
    return np.clip(values, 0, 255).astype(np.uint8)


def font(pixels: float) -> ImageFont.FreeTypeFont:
    """Pillow's built-in face; it is scalable where FreeType is there, as in every wheel."""
    face = ImageFont.load_default(pixels)
    assert isinstance(face, ImageFont.FreeTypeFont)
    return face


class Sheet:
    """Smooth-edged drawing: everything is drawn at twice the size and reduced once."""

    def __init__(self, base: Picture) -> None:
        self.height, self.width = base.shape[:2]
        self._image = Image.fromarray(base).resize(
            (self.width * 2, self.height * 2), Image.Resampling.NEAREST
        )
        self.draw = ImageDraw.Draw(self._image)

    def polygon(self, points: list[Point], fill: Colour) -> None:
        self.draw.polygon([(x * 2, y * 2) for x, y in points], fill)

    def circle(self, centre: Point, radius: float, fill: Colour) -> None:
        self.ellipse(centre, radius, radius, fill)

    def ellipse(self, centre: Point, across: float, down: float, fill: Colour) -> None:
        x, y = centre
        box = ((x - across) * 2, (y - down) * 2, (x + across) * 2, (y + down) * 2)
        self.draw.ellipse(box, fill)

    def box(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        if right > left and bottom > top:
            self.draw.rectangle((left * 2, top * 2, right * 2, bottom * 2), fill)

    def line(self, points: list[Point], width: float, fill: Colour) -> None:
        """A thick line with round ends and joints."""
        scaled = [(x * 2, y * 2) for x, y in points]
        self.draw.line(scaled, fill, max(1, round(width * 2)), joint="curve")
        if width > 2:
            for x, y in points:
                self.circle((x, y), width / 2, fill)

    def text(
        self, place: Point, words: str, pixels: float, fill: Colour, anchor: str = "lm"
    ) -> None:
        self.draw.text((place[0] * 2, place[1] * 2), words, fill, font(pixels * 2), anchor)

    def picture(self) -> Picture:
        return np.asarray(self._image.reduce(2))
