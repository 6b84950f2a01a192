"""Made for the screen: credits, a weather map, a chart, a station's title."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator
from PIL import Image

from filmgate_samples.clip import Picture
from filmgate_samples.scenes.canvas import (
    Colour,
    Sheet,
    Size,
    Times,
    add_light,
    glow,
    grid,
    noise,
    ramp,
    random_colour,
    solid,
    vertical,
)

_SYLLABLES = (
    "ba",
    "lor",
    "mi",
    "ten",
    "sa",
    "ru",
    "vel",
    "ko",
    "dan",
    "ne",
    "fi",
    "gar",
    "lu",
    "po",
)
_ROLES = (
    "Director",
    "Story",
    "Camera",
    "Editing",
    "Sound",
    "Music",
    "Lights",
    "Costumes",
    "Gaffer",
    "Colour",
    "Stunts",
    "Catering",
    "Archive",
    "Titles",
)


def _name(rng: Generator) -> str:
    def word(parts: int) -> str:
        return "".join(rng.choice(_SYLLABLES, parts)).capitalize()

    return f"{word(int(rng.integers(1, 3)))} {word(int(rng.integers(2, 4)))}"


def credits_roll(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """A title that grows over a nebula, then names that roll by."""
    width, height = size
    cloud = noise(rng, (width * 2, height), 7, 6)
    back = ramp(cloud, (6, 6, 20), (20, 20, 60), (90, 40, 110), (230, 130, 120))
    title = f"The {_name(rng).split()[1]}"
    long = height * 3
    sheet = Sheet(np.zeros((long, width, 3), np.uint8))
    for row in range(long // 46):
        y = 30 + row * 46
        sheet.text((width * 0.46, y), str(rng.choice(_ROLES)), 15, (190, 180, 150), "rm")
        sheet.text((width * 0.54, y), _name(rng), 22, (255, 255, 255), "lm")
    roll = sheet.picture()
    for t in times.tolist():
        x = int(t * 14) % width
        frame = back[:, x : x + width]
        if t < 2.4:
            drawn = Sheet(frame)
            drawn.text((width / 2, height * 0.45), title, 40 + 14 * t, (255, 226, 160), "mm")
            drawn.text(
                (width / 2, height * 0.65),
                f"a film by {_name(np.random.default_rng(7))}",
                20,
                (240, 240, 240),
                "mm",
            )
            yield drawn.picture()
        else:
            top = int((t - 2.4) * 85) - height // 2
            part = np.zeros_like(frame)
            first, last = max(0, top), min(long, top + height)
            part[first - top : last - top] = roll[first:last]
            yield np.maximum(frame // 2, part)


_TOWNS = ("Arnhold", "Belmar", "Corvo", "Dunlin", "Estrel", "Fenwick", "Galene")


def weather(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """A forecast map: relief, moving rain bands, isobars, temperatures, a running clock."""
    width, height = size
    land = noise(rng, size, 4, 6)
    relief = ramp(
        land, (40, 90, 150), (70, 140, 190), (120, 170, 90), (170, 170, 100), (200, 180, 150)
    )
    slope = np.gradient(land, axis=1) - np.gradient(land, axis=0)
    shaded = relief.astype(np.float32) * np.clip(1 + 30 * slope, 0.6, 1.3)[..., None]
    isobars = (noise(rng, (width * 2, height), 3, 2) * 11) % 1
    rain = noise(rng, (width * 3, height), 12, 5)
    towns = [
        (
            0.04 + 0.13 * index + float(rng.uniform(0, 0.03)),
            float(rng.uniform(0.2, 0.85)),
            name,
            int(rng.integers(4, 27)),
        )
        for index, name in enumerate(_TOWNS)
    ]
    for t in times.tolist():
        x = int(t * 40)
        pressure = isobars[:, int(t * 12) : int(t * 12) + width]
        frame = shaded + (pressure < 0.06)[..., None] * np.float32(70)
        shower = np.clip(rain[:, x : x + width] * 3.0 - 1.85, 0, 1)
        colours = ramp(shower, (80, 160, 255), (60, 220, 120), (250, 230, 60), (240, 60, 40))
        cover = (np.clip(shower * 4, 0, 0.75))[..., None]
        sheet = Sheet(solid(frame * (1 - cover) + colours * cover))
        for px, py, name, degrees in towns:
            warm = degrees + round(3 * np.sin(t * 0.8 + px * 9))
            place = (px * width, py * height)
            sheet.circle(place, 4, (20, 20, 30))
            sheet.text((place[0] + 8, place[1]), name, 15, (20, 20, 30))
            sheet.box(place[0] + 6, place[1] + 9, place[0] + 44, place[1] + 30, (250, 250, 250))
            sheet.text((place[0] + 25, place[1] + 19), f"{warm}°", 17, (200, 50, 30), "mm")
        sheet.box(0, 0, width, 34, (24, 40, 80))
        hour = 6 + t * 2
        sheet.text(
            (14, 17),
            f"FORECAST   {int(hour) % 24:02d}:{int(hour % 1 * 60):02d}",
            19,
            (255, 255, 255),
        )
        yield sheet.picture()


_BAR_COLOURS: tuple[Colour, ...] = (
    (228, 87, 86),
    (76, 120, 168),
    (245, 133, 24),
    (84, 162, 75),
    (178, 121, 162),
    (114, 183, 178),
    (238, 202, 59),
    (157, 117, 93),
)


def chart(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """A race of bars that overtake one another, and a line that is drawn as time runs."""
    width, height = size
    names = [_name(rng).split()[1] for _ in range(8)]
    steps = np.abs(np.cumsum(rng.normal(1.2, 2.2, (8, 60)), axis=1)) + rng.uniform(5, 20, (8, 1))
    places = np.argsort(np.argsort(steps[:, 0])) + 1.0
    paper = vertical(size, (250, 248, 242), (238, 234, 226))
    for t in times.tolist():
        now = np.array([np.interp(t * 4, np.arange(60), row) for row in steps])
        order = np.argsort(np.argsort(now)) + 1.0
        places += (order - places) * 0.2
        sheet = Sheet(paper)
        sheet.text((24, 26), f"Harvest by town, {1950 + int(t * 8)}", 22, (50, 50, 60))
        for index in range(8):
            y = 44 + (8 - places[index]) * (height * 0.5 / 8)
            long = now[index] / now.max() * width * 0.6
            deep = height * 0.5 / 8 - 4
            sheet.box(110, y, 110 + long, y + deep, _BAR_COLOURS[index])
            sheet.text((104, y + deep / 2), names[index], 14, (60, 60, 70), "rm")
            sheet.text((116 + long, y + deep / 2), f"{now[index]:.1f}", 13, (90, 90, 100))
        low, tall = height * 0.95, height * 0.3
        for k in range(5):
            sheet.line(
                [(40, low - tall * k / 4), (width - 20, low - tall * k / 4)], 0.6, (200, 196, 190)
            )
        for index in range(3):
            xs = np.arange(0, t * 4 + 0.01, 0.25)
            line = np.interp(xs, np.arange(60), steps[index]) / now[:3].max()
            points = [
                (40 + float(x) * (width - 60) / 48, low - float(v) * tall)
                for x, v in zip(xs, line, strict=True)
            ]
            if len(points) > 1:
                sheet.line(points, 2.5, _BAR_COLOURS[index])
        yield sheet.picture()


def station_title(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """A broadcaster's title: rings that open, letters that slide in, then black."""
    width, height = size
    words = _name(rng).split()[0].upper() + " TV"
    back = vertical(size, (10, 30, 90), (30, 120, 180))
    x, y = grid(size)
    distance = np.hypot(x - width / 2, y - height / 2)
    for t in times.tolist():
        if t > 1.7:
            yield np.zeros((height, width, 3), np.uint8)
            continue
        rings = np.clip(np.sin(distance / 14 - t * 9), 0, 1) * np.exp(
            -(((distance - t * 170) / 90) ** 2)
        )
        frame = back + rings[..., None] * np.array([255, 220, 120])
        if t > 1.4:
            frame = frame * (1.7 - t) / 0.3
        sheet = Sheet(solid(frame))
        slide = max(0.0, 1 - t * 1.6)
        sheet.text((width * (0.5 + slide), height / 2), words, height * 0.2, (255, 255, 255), "mm")
        yield sheet.picture()


def flag(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """A quilted cloth that waves in the wind, its folds lit from one side."""
    width, height = size
    cloth = _quilt(rng, (width, height))
    x, y = grid(size)
    u, v = x / width, y / height
    sky = vertical(size, (120, 170, 220), (220, 230, 240)).astype(np.float32)
    for t in times.tolist():
        swing = 0.25 + u
        phase = u * 11 - t * 4.2 + v * 2
        dx = 0.02 * np.sin(phase * 0.9 + 1) * swing
        dy = 0.05 * np.sin(phase) * swing + 0.015 * np.sin(phase * 2.3 + t)
        slope = np.cos(phase) * swing + 0.4 * np.cos(phase * 2.3 + t)
        su, sv = (u - 0.06 + dx) / 0.88, (v - 0.12 + dy) / 0.76
        inside = (su >= 0) & (su < 1) & (sv >= 0) & (sv < 1)
        column = np.clip(su * width, 0, width - 1).astype(int)
        row = np.clip(sv * height, 0, height - 1).astype(int)
        light = (0.85 + 0.28 * slope)[..., None]
        frame = np.where(inside[..., None], cloth[row, column] * light, sky)
        frame[:, : int(width * 0.05)] = (90, 70, 50)
        yield solid(frame)


def _quilt(rng: Generator, size: Size) -> Picture:
    width, height = size
    sheet = Sheet(np.full((height, width, 3), 235, np.uint8))
    across, down = 10, 6
    colours = [random_colour(rng, 30, 235) for _ in range(6)]
    for i in range(across):
        for j in range(down):
            left, top = i * width / across, j * height / down
            right, bottom = left + width / across, top + height / down
            a, b = (colours[int(k)] for k in rng.choice(6, 2, replace=False))
            sheet.box(left, top, right, bottom, a)
            if rng.random() < 0.5:
                sheet.polygon([(left, top), (right, top), (left, bottom)], b)
            else:
                middle = ((left + right) / 2, (top + bottom) / 2)
                sheet.circle(middle, height / down * 0.36, b)
    weave = noise(rng, size, width // 3, 1)[..., None]
    return solid(sheet.picture() * (0.85 + 0.25 * weave))


def aurora_lights(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """Curtains of green and violet light over a frozen lake with stars."""
    width, height = size
    x, y = grid((width // 2, height // 2))
    u, v = x / (width // 2), y / (height // 2)
    hills = 0.66 - 0.14 * noise(rng, (width // 2, 4), 6, 5)[1]
    stars = rng.random((200, 3))
    phases = rng.uniform(0, 6, 4)
    dot = glow(1, 0.5)
    for t in times.tolist():
        frame = np.zeros((height // 2, width // 2, 3), np.float32) + np.array(
            [6, 10, 28], np.float32
        )
        for sx, sy, level in stars:
            add_light(frame, dot, (sx * width / 2, sy * height / 3), np.full(3, 200 * level))
        for k, phase in enumerate(phases.tolist()):
            line = (
                0.3
                + 0.08 * k
                + 0.08 * np.sin(u * (5 + k) + t * 0.7 + phase)
                + 0.04 * np.sin(u * 17 - t + phase)
            )
            curtain = (
                np.exp(-np.clip(line - v, 0, 1) * 7)
                * (v < line)
                * (0.5 + 0.5 * np.sin(u * 60 + 5 * np.sin(t + u * 9)))
            )
            tint = np.array([20 + 50 * k, 190 - 40 * k, 110 + 30 * k], np.float32)
            frame += curtain[..., None] * tint
        lake = v > 0.68
        flipped = frame[::-1]
        frame[lake] = flipped[lake] * 0.5 + np.array([8, 14, 30])
        frame[(v > hills) & ~lake] = (8, 10, 18)
        yield np.asarray(Image.fromarray(solid(frame)).resize(size, Image.Resampling.BICUBIC))
