"""Made places and lights: a city at night, fireworks, a planet, a tunnel, a lava lamp."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image

from filmgate_samples.clip import Picture
from filmgate_samples.scenes.canvas import (
    Colour,
    Field,
    Point,
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


def skyline(rng: Generator, size: Size, foot: float, *, lit: float = 0.4) -> Picture:
    """Towers with lit windows before a night sky, their feet at y = `foot`."""
    width, height = size
    sheet = Sheet(vertical(size, (8, 10, 34), (28, 24, 66), (92, 50, 90), (60, 40, 70)))
    for row, (shade, tallest) in enumerate(((30, 0.62), (20, 0.5), (12, 0.34))):
        x = -20.0
        while x < width:
            wide = float(rng.uniform(0.05, 0.12)) * width
            top = foot - float(rng.uniform(0.3, 1.0)) * tallest * height
            sheet.box(x, top, x + wide - 2, foot, (shade, shade, shade + 16))
            if rng.random() < 0.3:
                sheet.line([(x + wide / 2, top), (x + wide / 2, top - 18)], 1.5, (60, 60, 80))
            _windows(sheet, rng, (x + 4, top + 5, x + wide - 6, foot - 4), lit / (1 + 0.4 * row))
            x += wide + float(rng.uniform(0, 0.02)) * width
    return sheet.picture()


def _windows(
    sheet: Sheet, rng: Generator, area: tuple[float, float, float, float], lit: float
) -> None:
    left, top, right, bottom = area
    tones: tuple[Colour, ...] = ((255, 214, 130), (255, 236, 190), (170, 210, 255), (255, 180, 90))
    tone = tones[int(rng.integers(4))]
    for y in np.arange(top, bottom - 4, 9):
        for x in np.arange(left, right - 3, 8):
            if rng.random() < lit:
                sheet.box(float(x), float(y), float(x) + 4, float(y) + 4.5, tone)


def night_city(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """Towers over a wet avenue; cars come and go, a sign blinks, the view drifts sideways."""
    width, height = size
    wide = (int(width * 1.3), height)
    foot = height * 0.6
    city = skyline(rng, wide, foot)
    road = int(foot)
    mirror = city[road - 1 : 2 * road - height - 1 : -1].astype(np.float32)
    asphalt = noise(rng, (wide[0], height - road), 60, 3)[..., None]
    base = city.astype(np.float32)
    # The wet road smears what it mirrors downwards.
    for shift in (1, 2, 4, 8):
        mirror[shift:] = (mirror[shift:] + mirror[:-shift]) / 2
    base[road:] = 18 + 14 * asphalt + mirror[: height - road] * 0.5
    cars = [
        (
            float(rng.random()),
            float(rng.uniform(0.1, 0.26)),
            int(rng.integers(4)),
            float(rng.random()),
        )
        for _ in range(18)
    ]
    lamps = {radius: glow(radius, 2.2) for radius in range(4, 60)}
    words = ["HOTEL", "CINEMA", "NOODLES", "RADIO"][int(rng.integers(4))]
    for t in times.tolist():
        pan = int((0.5 + 0.5 * np.sin(t * 0.35)) * width * 0.28)
        frame = base[:, pan : pan + width].copy()
        for start, speed, lane, phase in cars:
            _car(frame, lamps, (start + speed * t) % 1, lane, phase)
        sheet = Sheet(solid(frame))
        for start, speed, lane, _ in cars:
            x, y, radius, gap = _place(size, (start + speed * t) % 1, lane)
            if lane >= 2:
                sheet.box(x - gap * 1.5, y - gap * 1.6, x + gap * 1.5, y + gap * 0.5, (16, 16, 24))
                for side in (-gap, gap):
                    sheet.circle((x + side * 1.1, y), radius * 0.22, (255, 60, 50))
        if np.sin(t * 5) > -0.4:
            x = width * 0.75 - pan
            sheet.box(x, height * 0.2, x + width * 0.2, height * 0.3, (30, 8, 30))
            sheet.text((x + width * 0.1, height * 0.25), words, height * 0.07, (255, 70, 150), "mm")
        yield sheet.picture()


def _place(size: Size, way: float, lane: int) -> tuple[float, float, int, float]:
    """x, y, radius of a lamp and half the distance between two; lanes 0 and 1 come nearer."""
    width, height = size
    coming = lane < 2
    near = way**2.2 if coming else (1 - way) ** 2.2
    spread = (0.03 + 0.5 * near) * width
    side = (-0.35 - 0.5 * lane) if coming else (0.35 + 0.5 * (lane - 2))
    x, y = width * 0.5 + side * spread, height * (0.61 + 0.36 * near)
    return x, y, int(4 + 30 * near), 3 + 26 * near


def _car(frame: Field, lamps: dict[int, Field], way: float, lane: int, phase: float) -> None:
    height, width = frame.shape[:2]
    coming = lane < 2
    x, y, radius, gap = _place((width, height), way, lane)
    colour = np.array([255.0, 240, 200]) if coming else np.array([255.0, 30, 20])
    if phase < 0.15 and coming:
        colour = np.array([150.0, 190, 255])
    for shift in (-gap, gap):
        add_light(frame, lamps[radius], (x + shift, y), colour)
        add_light(frame, lamps[min(59, radius + 8)] * 0.25, (x + shift, y + radius * 1.4), colour)


def fireworks(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """Rockets burst over a dark town and a lake; trails fade by a decaying light buffer."""
    width, height = size
    small = (width // 2, height // 2)
    back = (
        np.asarray(
            Image.fromarray(skyline(rng, size, height * 0.8, lit=0.15)).resize(small)
        ).astype(np.float32)
        * 0.55
    )
    shore = int(small[1] * 0.8)
    step = 1 / 24
    seconds = float(times[-1]) + 2
    bursts = [
        _burst(rng, float(start), small)
        for start in np.sort(rng.uniform(-1.2, seconds, int(seconds * 2.2)))
    ]
    buffer = np.zeros((small[1], small[0], 3), np.float32)
    clock = -0.5
    for t in times.tolist():
        while clock < t:
            clock += step
            buffer *= 0.88
            for burst in bursts:
                _sparks(buffer, burst, clock - burst.start)
        frame = back + buffer
        frame[shore:] = (
            back[shore:] * 0.4
            + frame[shore - 1 : 2 * shore - small[1] - 1 : -1][: small[1] - shore] * 0.5
        )
        soft = Image.fromarray(solid(frame))
        yield np.asarray(soft.resize(size, Image.Resampling.BICUBIC))


@dataclass(frozen=True)
class _Burst:
    """A rocket that bursts at `start` seconds; velocities (n, 2) in pixels, colours (n, 3)."""

    start: float
    origin: Point
    velocity: Field
    colour: Field
    life: float


def _burst(rng: Generator, start: float, size: Size) -> _Burst:
    count = int(rng.integers(160, 340))
    angle = rng.uniform(0, 2 * np.pi, count)
    kind = rng.integers(3)
    power = rng.uniform(70, 130) * size[1] / 180
    radius = power * (np.sqrt(rng.random(count)) if kind == 0 else 0.9 + 0.1 * rng.random(count))
    if kind == 2:
        radius *= 0.55 + 0.45 * np.abs(np.cos(angle * 2.5))
    velocity = np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None]
    hue = np.array(
        [
            [255, 90, 70],
            [255, 210, 80],
            [90, 200, 255],
            [160, 255, 120],
            [230, 120, 255],
            [255, 255, 255],
        ],
        np.float32,
    )
    picks = hue[rng.integers(0, 6, 2)]
    colour = picks[(rng.random(count) < 0.3).astype(int)]
    origin = (float(rng.uniform(0.15, 0.85)) * size[0], float(rng.uniform(0.15, 0.45)) * size[1])
    life = float(rng.uniform(1.0, 1.7))
    return _Burst(start, origin, velocity.astype(np.float32), colour, life)


def _sparks(buffer: Field, burst: _Burst, age: float) -> None:
    height, width = buffer.shape[:2]
    if age < 0 and age > -0.6:
        y = burst.origin[1] + (height * 0.8 - burst.origin[1]) * (-age / 0.6)
        add_light(buffer, glow(2), (burst.origin[0], y), np.array([160.0, 130, 80]))
    if not 0 <= age < burst.life:
        return
    reach = (1 - np.exp(-2.4 * age)) / 1.4
    x = (burst.origin[0] + burst.velocity[:, 0] * reach).astype(int)
    y = (burst.origin[1] + burst.velocity[:, 1] * reach + 16 * age**2).astype(int)
    seen = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    fade = (1 - age / burst.life) * 210
    np.add.at(buffer, (y[seen], x[seen]), burst.colour[seen] / 255 * fade)


def planet(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """A turning planet with clouds, its moon and stars that drift."""
    width, height = size
    radius = height * 0.36
    span = int(radius * 2) | 1
    axis = np.linspace(-1, 1, span)
    u, v = np.meshgrid(axis, axis)
    inside = u**2 + v**2 < 1
    w = np.sqrt(np.clip(1 - u**2 - v**2, 0, 1))
    longitude = np.arctan2(u, w + 1e-6) / (2 * np.pi)
    latitude = np.clip(np.arcsin(np.clip(v, -1, 1)) / np.pi + 0.5, 0, 0.999)
    land = noise(rng, (720, 360), 6, 6, wrap=True)
    skin = ramp(land, (12, 40, 110), (24, 80, 160), (60, 130, 70), (150, 130, 80), (240, 240, 240))
    clouds = np.clip(noise(rng, (720, 360), 9, 5, wrap=True) * 2.4 - 1.2, 0, 1)
    shade = np.clip(-0.6 * u - 0.3 * v + 0.7 * w, 0.03, 1)[..., None]
    stars = rng.random((260, 3))
    dot = glow(2, 1.0)
    for t in times.tolist():
        frame = np.zeros((height, width, 3), np.float32)
        for sx, sy, level in stars:
            place = ((sx + 0.006 * t * (0.5 + level)) % 1 * width, sy * height)
            add_light(frame, dot, place, np.full(3, 60 + 195 * level))
        column = ((longitude + t * 0.045) % 1 * 720).astype(int)
        row = (latitude * 360).astype(int)
        cover = clouds[row, (column + int(t * 9)) % 720][..., None]
        globe = (skin[row, column] * (1 - cover) + 250 * cover) * shade
        left, top = int(width * (0.3 + 0.02 * t)) - span // 2 + width // 10, (height - span) // 2
        area = frame[top : top + span, left : left + span]
        area[inside] = globe[inside]
        moon = (
            left + span / 2 + np.cos(t * 0.5) * width * 0.36,
            height * (0.45 + 0.2 * np.sin(t * 0.5)),
        )
        sheet = Sheet(solid(frame))
        sheet.circle(moon, height * 0.05, (170, 166, 160))
        sheet.circle((moon[0] + 3, moon[1] + 2), height * 0.012, (120, 118, 114))
        yield sheet.picture()


def tunnel(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """A ride through a tiled tunnel with lamps, by mapping a texture in polar coordinates."""
    width, height = size
    x, y = grid(size)
    side = 512
    bricks = ramp(noise(rng, (side, side), 32, 3, wrap=True), (60, 44, 36), (150, 110, 84)).astype(
        np.float32
    )
    rows, columns = np.mgrid[0:side, 0:side]
    joint = (rows % 32 < 3) | ((columns + 32 * (rows // 32 % 2)) % 64 < 3)
    bricks[joint] *= 0.45
    bricks[(rows % 256 < 24) & (columns % 128 < 40)] = (255, 236, 170)
    far = np.array([10, 12, 24], np.float32)
    for t in times.tolist():
        cx = width * (0.5 + 0.13 * math.sin(t * 0.9))
        cy = height * (0.5 + 0.12 * math.sin(t * 1.3))
        dx, dy = x - cx, (y - cy) * 1.15
        radius = np.sqrt(dx**2 + dy**2) + 1
        angle = np.arctan2(dy, dx) / (2 * np.pi)
        depth = 34000 / height * (height / 2) / radius
        v = (depth + t * 260).astype(int) % side
        u = ((angle + 0.02 * math.sin(t)) * side * 2).astype(int) % side
        fade = np.clip(radius / (height * 0.55), 0, 1)[..., None]
        yield solid(bricks[v, u] * fade + far * (1 - fade))


def lava(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """Slow coloured blobs that merge and part."""
    width, height = size
    small = (width // 4, height // 4)
    x, y = grid(small)
    x *= 1.78 / small[0]
    y /= small[1]
    blobs = rng.uniform(0.2, 1, (9, 6))
    first, second, third = (random_colour(rng) for _ in range(3))
    for t in times.tolist():
        total = np.zeros(x.shape, np.float32)
        for a, b, c, d, e, f in blobs.tolist():
            cx = 0.89 + 0.8 * math.sin(t * a * 0.7 + 9 * b)
            cy = 0.5 + 0.5 * math.sin(t * c * 0.9 + 9 * d)
            total += (0.06 + 0.1 * e) ** 2 / ((x - cx) ** 2 + (y - cy) ** 2 + 0.004) * (0.5 + f)
        large = Image.fromarray(np.tanh(total).astype(np.float32)).resize(
            size, Image.Resampling.BICUBIC
        )
        yield ramp(np.asarray(large) ** 2, (16, 10, 40), first, second, third)
