"""Landscapes: a coast, a flight over terrain, a snowy village, a reef."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from filmgate_samples.clip import Picture
from filmgate_samples.scenes.canvas import (
    Colour,
    Field,
    Sheet,
    Size,
    Times,
    add_light,
    glow,
    grid,
    noise,
    ramp,
    solid,
    vertical,
)


def ridge(rng: Generator, width: int, base: float, swing: float, cells: int) -> NDArray[np.float64]:
    """A mountain line: the y of its edge for every x."""
    line = noise(rng, (width, 4), cells, 6)[1].astype(np.float64)
    return base - swing * line


def _layer(
    rng: Generator, size: Size, edge: NDArray[np.float64], stops: tuple[Colour, ...], grain: float
) -> Image.Image:
    """A strip of land below `edge`, with relief, as an RGBA picture."""
    width, height = size
    _, y = grid(size)
    depth = np.clip((y - edge) / (height * 0.45), 0, 1)
    relief = noise(rng, size, width // 40, 4) - 0.5
    colours = ramp(np.clip(depth + grain * relief, 0, 1), *stops)
    alpha = np.clip((y - edge) * 255, 0, 255).astype(np.uint8)
    return Image.fromarray(np.dstack([colours, alpha]), "RGBA")


def coast(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """A pan along an evening coast: clouds, three ranges, a glittering sea, near grass."""
    width, height = size
    long = width * 3
    sky = vertical(size, (38, 62, 120), (120, 130, 180), (247, 170, 110), (255, 214, 150))
    cloud = noise(rng, (long, height // 2), 14, 5)
    haze = ramp(cloud, (255, 190, 160), (255, 240, 225))
    mask = (np.clip(cloud * 2.6 - 1.25, 0, 1) * 220).astype(np.uint8)
    clouds = Image.fromarray(np.dstack([haze, mask]), "RGBA")
    far = _layer(
        rng,
        (long, height),
        ridge(rng, long, height * 0.62, height * 0.3, 10),
        ((110, 100, 150), (190, 150, 160)),
        0.15,
    )
    middle = _layer(
        rng,
        (long, height),
        ridge(rng, long, height * 0.66, height * 0.2, 18),
        ((56, 66, 84), (92, 104, 96), (60, 70, 70)),
        0.7,
    )
    edge = ridge(rng, long, height * 1.06, height * 0.24, 12)
    edge -= np.abs(rng.standard_normal(long)) * height * 0.02
    near = _layer(rng, (long, height), edge, ((20, 30, 20), (44, 62, 30), (24, 40, 22)), 0.9)
    shore = int(height * 0.64)
    swell = noise(rng, (long, (height - shore)), 90, 2)
    sun = glow(height // 3, 3.0)
    for t in times.tolist():
        base = sky.astype(np.float32)
        add_light(base, sun, (width * (0.72 - 0.015 * t), height * 0.5), np.array([255, 190, 90]))
        image = Image.fromarray(solid(base))
        for layer, speed in ((clouds, 9.0), (far, 16.0), (middle, 34.0)):
            x = int(t * speed * width / 640)
            part = layer.crop((x, 0, x + width, layer.height))
            image.paste(part, (0, 0), part)
        _sea(image, swell, shore, t)
        x = int(t * 95 * width / 640)
        part = near.crop((x, 0, x + width, height))
        image.paste(part, (0, 0), part)
        yield np.asarray(image)


def _sea(image: Image.Image, swell: Field, shore: int, t: float) -> None:
    width, height = image.size
    rows = np.arange(height - shore)
    shift = (t * (20 + rows * 0.9)).astype(int)[:, None]
    x = (np.arange(width)[None, :] + shift) % swell.shape[1]
    wave = swell[rows[:, None], x] + 0.12 * np.sin(rows[:, None] * 0.6 - t * 4)
    water = ramp(wave**2, (40, 50, 90), (90, 90, 130), (255, 200, 150))
    image.paste(Image.fromarray(water), (0, shore))


def canyon(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """A flight over red fractal land with a river, drawn column by column from a height map."""
    width, height = size
    side = 1024
    land = noise(rng, (side, side), 8, 7, wrap=True)
    land = np.abs(land - 0.5) * 2
    terraces = np.floor(land * 9) / 9 * 0.6 + land * 0.4
    heights = (np.maximum(terraces, 0.12) * 95).astype(np.float32)
    gy, gx = np.gradient(heights)
    light = np.clip(0.75 + 0.16 * gx - 0.10 * gy, 0.3, 1.3)[..., None]
    colours = ramp(
        terraces, (40, 90, 120), (120, 92, 60), (176, 84, 48), (214, 132, 84), (240, 206, 160)
    )
    colours = solid(colours * light)
    sky = vertical(size, (70, 120, 190), (170, 200, 225), (236, 214, 190), (236, 214, 190))
    depths = np.geomspace(6, 520, 150, dtype=np.float32)
    columns = np.linspace(-0.6, 0.6, width, dtype=np.float32)
    fog = np.clip(depths / 520, 0, 1)[:, None, None] ** 1.6
    air = np.array([236, 214, 190], np.float32)
    for t in times.tolist():
        heading = 0.5 * math.sin(t * 0.35)
        px, py = 200 + 55 * t + 20 * math.sin(t * 0.6), 300 + 34 * t
        angle = heading + columns
        x = (px + depths[:, None] * np.cos(angle)).astype(int) % side
        y = (py + depths[:, None] * np.sin(angle)).astype(int) % side
        camera = 108 + 12 * math.sin(t * 0.8)
        horizon = height * (0.32 + 0.04 * math.sin(t * 0.5)) + (
            columns * height * 0.25 * math.sin(t * 0.45)
        )
        rows = (camera - heights[y, x]) / depths[:, None] * height * 0.62 + horizon
        top = np.minimum.accumulate(np.clip(rows, 0, height).astype(int), axis=0)
        first = np.full((height + 1, width), len(depths), np.int16)
        for k in range(len(depths) - 1, -1, -1):
            first[top[k], np.arange(width)] = k
        nearest = np.minimum.accumulate(first[:height], axis=0)
        shades = colours[y, x] * (1 - fog) + air * fog
        shades = np.concatenate([shades.astype(np.uint8), np.zeros((1, width, 3), np.uint8)])
        frame = shades[nearest, np.arange(width)[None, :]]
        empty = nearest == len(depths)
        frame[empty] = sky[empty]
        yield frame


def _pine(sheet: Sheet, x: float, foot: float, tall: float, colour: Colour) -> None:
    sheet.box(x - tall * 0.04, foot - tall * 0.15, x + tall * 0.04, foot, (50, 36, 30))
    for level in range(4):
        top = foot - tall * (1 - level * 0.1) + level * tall * 0.1
        wide = tall * (0.14 + 0.07 * level)
        base = top + tall * 0.36
        sheet.polygon([(x, top), (x - wide, base), (x + wide, base)], colour)
        sheet.polygon(
            [
                (x, top),
                (x - wide * 0.5, top + tall * 0.16),
                (x, top + tall * 0.12),
                (x + wide * 0.4, top + tall * 0.15),
            ],
            (228, 236, 246),
        )


def _house(sheet: Sheet, rng: Generator, x: float, foot: float, wide: float) -> tuple[float, float]:
    tall = wide * 0.6
    wall: Colour = [(120, 60, 50), (90, 80, 100), (130, 100, 70)][int(rng.integers(3))]
    sheet.box(x, foot - tall, x + wide, foot, wall)
    peak = (x + wide / 2, foot - tall - wide * 0.42)
    sheet.polygon(
        [(x - wide * 0.12, foot - tall), peak, (x + wide * 1.12, foot - tall)], (236, 242, 250)
    )
    sheet.box(
        x + wide * 0.72,
        foot - tall - wide * 0.4,
        x + wide * 0.84,
        foot - tall - wide * 0.1,
        (80, 50, 48),
    )
    for column in (0.16, 0.6):
        left = x + wide * column
        sheet.box(left, foot - tall * 0.7, left + wide * 0.22, foot - tall * 0.3, (255, 206, 110))
        sheet.box(
            left + wide * 0.1,
            foot - tall * 0.7,
            left + wide * 0.12,
            foot - tall * 0.3,
            (110, 70, 50),
        )
    return x + wide * 0.78, foot - tall - wide * 0.4


def snow(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """A village at dusk in falling snow, smoke over the chimneys, a slow zoom."""
    width, height = size
    base = vertical(size, (30, 40, 78), (70, 84, 130), (150, 150, 180), (206, 210, 226))
    edge = ridge(rng, width, height * 0.66, height * 0.3, 5)
    _, y = grid(size)
    base = np.where(
        (y > edge)[..., None],
        ramp(np.clip((y - edge) / height * 3, 0, 1), (190, 200, 226), (120, 132, 170)),
        base,
    )
    ground = ridge(rng, width, height * 0.8, height * 0.1, 3)
    drift = ramp(noise(rng, size, 6, 3), (196, 206, 230), (244, 248, 255))
    base = np.where((y > ground)[..., None], drift, base).astype(np.uint8)
    sheet = Sheet(base)
    for x in np.sort(rng.uniform(0, width, 16)):
        _pine(sheet, float(x), height * float(rng.uniform(0.74, 0.8)), height * 0.24, (34, 62, 60))
    chimneys = [
        _house(sheet, rng, width * place, height * 0.86, width * 0.14)
        for place in (0.14, 0.42, 0.68)
    ]
    for x in (0.03, 0.33, 0.93):
        _pine(sheet, width * x, height * 0.98, height * 0.5, (22, 46, 44))
    scene = sheet.picture()
    flakes = [
        (rng.random((count, 2)), speed, r)
        for count, speed, r in ((260, 0.1, 2), (130, 0.2, 3), (50, 0.4, 5))
    ]
    warm = glow(height // 6, 2.0)
    for t in times.tolist():
        frame = scene.astype(np.float32)
        for index, (cx, cy) in enumerate(chimneys):
            flicker = 40 + 8 * np.sin(t * 7 + index * 2)
            add_light(
                frame, warm, (cx - width * 0.04, height * 0.8), np.array([1.0, 0.7, 0.3]) * flicker
            )
            for puff in range(9):
                age = (t * 0.4 + puff / 9) % 1
                drift_x = 30 * age + 6 * np.sin(t + puff)
                add_light(
                    frame,
                    glow(int(6 + 22 * age)),
                    (cx + drift_x, cy - 90 * age),
                    np.full(3, 50 * (1 - age)),
                )
        for places, speed, radius in flakes:
            sway = 0.02 * np.sin(t * 1.3 + places[:, 1] * 40)
            x = (places[:, 0] + sway + 0.03 * t) % 1 * width
            fall = (places[:, 1] + speed * t) % 1 * height
            dot = glow(radius, 0.8)
            for fx, fy in zip(x, fall, strict=True):
                add_light(frame, dot, (fx, fy), np.full(3, 170.0))
        yield _zoom(solid(frame), 1 + 0.02 * t)


def _zoom(picture: Picture, factor: float) -> Picture:
    height, width = picture.shape[:2]
    dx, dy = width * (1 - 1 / factor) / 2, height * (1 - 1 / factor) / 2
    image = Image.fromarray(picture).resize(
        (width, height), Image.Resampling.BILINEAR, box=(dx, dy, width - dx, height - dy)
    )
    return np.asarray(image)


def reef(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """Under water: dancing light, rays, weed, bubbles and shoals that swim both ways."""
    width, height = size
    small = (width // 2, height // 2)
    x, y = grid(small)
    x /= small[0]
    y /= small[1]
    depth = vertical(small, (70, 190, 210), (20, 110, 160), (8, 54, 100)).astype(np.float32)
    floor = np.clip((y - 0.78 - 0.05 * np.sin(x * 9)) * 30, 0, 1)[..., None]
    sand = ramp(noise(rng, small, 30, 3), (96, 120, 110), (150, 160, 130)).astype(np.float32)
    water = depth * (1 - floor) + sand * floor
    fish = [_fish_plan(rng) for _ in range(16)]
    weed = [
        (float(rng.uniform(0, 1)), float(rng.uniform(0.2, 0.42)), float(rng.uniform(0, 6)))
        for _ in range(22)
    ]
    bubbles = rng.random((30, 3))
    for t in times.tolist():
        u = x * 7 + 0.5 * np.sin(y * 6 + t)
        v = y * 6 + 0.5 * np.sin(x * 7 - t * 0.8)
        web = np.abs(np.sin(u + t * 0.7) + np.sin(v - t * 0.6) + np.sin(u * 0.7 + v * 0.8 + t))
        light = np.clip(1 - web * 0.9, 0, 1) ** 2
        rays = np.clip(
            np.sin((x + 0.35 * y) * 14 + t * 0.5) * np.sin((x + 0.35 * y) * 5 - t * 0.3), 0, 1
        )
        shine = light * (0.25 + 0.75 * floor[..., 0]) * 120 + rays * (1 - y) * 60
        frame = solid(water + shine[..., None] * np.array([0.8, 1.0, 0.9], np.float32))
        sheet = Sheet(np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR)))
        for place, tall, phase in weed:
            points = [
                (
                    width * (place + 0.02 * k * np.sin(t * 1.2 + phase + k * 0.5) / 2),
                    height * (1 - tall * k / 8),
                )
                for k in range(9)
            ]
            sheet.line(points, width * 0.012, (20, int(80 + 60 * tall), 60))
        for plan in fish:
            _draw_fish(sheet, plan, t)
        for bx, by, br in bubbles:
            rise = height * (1 - (by + t * (0.1 + 0.2 * br)) % 1)
            sheet.circle(
                (width * bx + 6 * np.sin(t * 3 + br * 9), rise), 1.5 + 3 * br, (190, 230, 240)
            )
        yield sheet.picture()


_FISH_COLOURS: tuple[tuple[Colour, Colour], ...] = (
    ((250, 140, 30), (255, 240, 220)),
    ((250, 220, 60), (40, 60, 140)),
    ((70, 90, 220), (240, 220, 80)),
    ((220, 70, 100), (250, 190, 190)),
    ((180, 200, 210), (90, 110, 130)),
)


def _fish_plan(rng: Generator) -> tuple[float, ...]:
    speed = rng.uniform(0.05, 0.16) * rng.choice([-1, 1])
    return (
        rng.uniform(0, 1.4),
        rng.uniform(0.12, 0.8),
        speed,
        rng.uniform(0.018, 0.06),
        float(rng.integers(5)),
        rng.uniform(0, 6),
    )


def _draw_fish(sheet: Sheet, plan: tuple[float, ...], t: float) -> None:
    start, level, speed, scale, colour, phase = plan
    body, stripe = _FISH_COLOURS[int(colour)]
    long = scale * sheet.width
    way = 1 if speed > 0 else -1
    x = ((start + speed * t) % 1.4 - 0.2) * sheet.width
    y = (level + 0.02 * np.sin(t * 1.5 + phase)) * sheet.height
    wag = long * 0.35 * np.sin(t * 11 + phase)
    tail = x - way * long * 0.8
    sheet.polygon(
        [
            (tail, y),
            (tail - way * long * 0.7, y - long * 0.4 + wag),
            (tail - way * long * 0.7, y + long * 0.4 + wag),
        ],
        body,
    )
    sheet.polygon(
        [
            (x, y - long * 0.3),
            (x - way * long * 0.5, y - long * 0.75),
            (x - way * long * 0.6, y - long * 0.2),
        ],
        stripe,
    )
    sheet.ellipse((x, y), long, long * 0.45, body)
    sheet.ellipse((x + way * long * 0.1, y), long * 0.14, long * 0.43, stripe)
    sheet.circle((x + way * long * 0.62, y - long * 0.08), max(1.2, long * 0.1), (250, 250, 250))
    sheet.circle((x + way * long * 0.65, y - long * 0.08), max(0.8, long * 0.05), (10, 10, 10))
