"""Single pictures: a lake, fruit, stained glass, a galaxy, dunes, a poster, an island, a fractal.

Each takes a random generator and a size and returns one picture.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from filmgate_samples.clip import Picture
from filmgate_samples.scenes.canvas import (
    Sheet,
    Size,
    add_light,
    glow,
    grid,
    noise,
    ramp,
    solid,
    vertical,
)
from filmgate_samples.scenes.outdoors import ridge


def lake(rng: Generator, size: Size) -> Picture:
    """Snowy mountains and their reflection at dawn."""
    width, height = size
    half = height // 2
    upper = vertical((width, half), (60, 110, 190), (190, 190, 220), (255, 214, 180))
    _, y = grid((width, half))
    for base, swing, tones in (
        (0.95, 0.8, ((236, 240, 250), (150, 160, 190), (90, 100, 140))),
        (1.05, 0.5, ((100, 110, 130), (60, 80, 80))),
        (1.08, 0.22, ((30, 60, 44), (16, 36, 30))),
    ):
        edge = ridge(rng, width, half * base, half * swing, 5)
        depth = np.clip((y - edge) / half + 0.5 * (noise(rng, (width, half), 40, 4) - 0.5), 0, 1)
        upper = np.where((y > edge)[..., None], ramp(depth * 1.4, *tones), upper)
    rows = np.arange(height - half)
    source = np.clip(half - 1 - rows, 0, half - 1)
    shift = (4 * np.sin(rows * 0.5) * rows / half * 2).astype(int)
    columns = np.clip(np.arange(width)[None, :] + shift[:, None], 0, width - 1)
    lower = upper[source[:, None], columns] * 0.7 + np.array([10, 20, 34])
    return np.concatenate([upper.astype(np.uint8), solid(lower)])


def fruit(rng: Generator, size: Size) -> Picture:
    """A still life: a heap of shaded fruit on a cloth."""
    width, height = size
    wall = ramp(noise(rng, size, 4, 5), (40, 30, 30), (96, 70, 60)).astype(np.float32)
    stripes = (np.arange(width) // 36 % 2)[None, :, None] * 60.0
    wall[int(height * 0.62) :] = 170 + stripes
    x, y = grid(size)
    tones = ((210, 40, 40), (240, 160, 40), (150, 190, 60), (120, 50, 110), (240, 210, 80))
    for _ in range(15):
        cx, cy = width * rng.normal(0.5, 0.15), height * rng.uniform(0.45, 0.72)
        radius = height * rng.uniform(0.08, 0.13)
        u, v = (x - cx) / radius, (y - cy) / radius
        inside = u**2 + v**2
        wall *= (
            1
            - 0.35 * np.exp(-((x - cx) ** 2 + ((y - cy - radius) * 3) ** 2) / radius**2)[..., None]
        )
        w = np.sqrt(np.clip(1 - inside, 0, 1))
        light = np.clip(0.5 * u - 0.5 * v + 0.6 * w, 0.08, 1)[..., None]
        speck = 1 - 0.15 * noise(rng, size, 60, 2)[..., None]
        body = np.array(tones[int(rng.integers(5))]) * light * speck + 200 * light**24
        wall = np.where((inside < 1)[..., None], body, wall)
    return solid(wall)


def glass(rng: Generator, size: Size) -> Picture:
    """Stained glass: Voronoi cells with lead between them, lit from the middle."""
    width, height = size
    x, y = grid(size)
    count = 70
    seeds = rng.random((count, 2)) * (width, height)
    first = np.full((height, width), np.inf, np.float32)
    second = first.copy()
    owner = np.zeros((height, width), int)
    for index, (sx, sy) in enumerate(seeds):
        distance = np.hypot(x - sx, y - sy)
        nearer = distance < first
        second = np.where(nearer, first, np.minimum(second, distance))
        owner[nearer] = index
        first = np.minimum(first, distance)
    tones = rng.integers(30, 256, (count, 3)) * rng.choice([0.3, 1, 1], (count, 3))
    light = 1.15 - 0.7 * np.hypot(x / width - 0.5, y / height - 0.5)
    panes = tones[owner] * (light * (0.8 + 0.4 * noise(rng, size, 30, 3)))[..., None]
    return solid(np.where((second - first < 6)[..., None], 18, panes))


def galaxy(rng: Generator, size: Size) -> Picture:
    """A spiral of forty thousand stars with dust."""
    width, height = size
    frame = np.zeros((height, width, 3), np.float32) + np.array([5, 5, 14])
    count = 40_000
    reach = rng.exponential(0.32, count)
    angle = (
        3.1 * np.log(reach + 0.05) + np.pi * rng.integers(0, 2, count) + rng.normal(0, 0.3, count)
    )
    px = width / 2 + reach * np.cos(angle) * height * 0.62
    py = height / 2 + reach * np.sin(angle) * height * 0.34
    seen = (px >= 0) & (px < width) & (py >= 0) & (py < height)
    warm = np.clip(1.2 - reach, 0, 1)[:, None]
    tint = warm * np.array([255, 214, 160]) + (1 - warm) * np.array([130, 160, 255])
    np.add.at(frame, (py[seen].astype(int), px[seen].astype(int)), tint[seen] * 0.9)
    add_light(frame, glow(height // 4, 4.0), (width / 2, height / 2), np.array([255.0, 220, 170]))
    dust = noise(rng, size, 8, 5)[..., None]
    for sx, sy, level in rng.random((300, 3)):
        add_light(
            frame, glow(1 + int(level > 0.9)), (sx * width, sy * height), np.full(3, 220 * level)
        )
    return solid(frame * (0.6 + 0.7 * dust))


def dunes(rng: Generator, size: Size) -> Picture:
    """Rows of dunes with rippled sand under a pale sky."""
    width, height = size
    frame = vertical(size, (90, 150, 200), (220, 225, 220), (240, 220, 190)).astype(np.float32)
    _, y = grid(size)
    for row in range(6):
        crest = noise(rng, (width, 4), 3 + row % 2, 2)[1]
        edge = height * (0.42 + 0.12 * row) - height * 0.17 * crest
        slope = np.clip(np.gradient(edge) * 1.5 + 0.5, 0, 1)[None, :, None]
        below = y > edge
        ripple = np.sin((y - edge) * 0.55 / (1 + row * 0.3) + 8 * noise(rng, size, 7, 3))
        tone = slope * np.array([240, 184, 116]) + (1 - slope) * np.array([150, 92, 60])
        shade = (0.85 + 0.05 * row + 0.07 * ripple - 0.0006 * (y - edge))[..., None]
        frame = np.where(below[..., None], tone * shade, frame)
    return solid(frame)


def poster(rng: Generator, size: Size) -> Picture:
    """A concert poster: rings, bold words, small print."""
    width, height = size
    sheet = Sheet(vertical(size, (250, 236, 200), (244, 200, 150)))
    for k in range(11, 0, -1):
        tone = (220, 70, 50) if k % 2 else (30, 60, 90)
        sheet.circle((width * 0.6, height * 0.54), k * height * 0.024, tone)
    sheet.polygon([(0, height), (0, height * 0.55), (width * 0.55, height)], (30, 60, 90))
    sheet.text((width * 0.06, height * 0.09), "SOUND", height * 0.12, (30, 60, 90))
    sheet.text((width * 0.06, height * 0.2), "& SEA", height * 0.12, (220, 70, 50))
    sheet.text(
        (width * 0.94, height * 0.88), "four nights on the pier", height * 0.042, (40, 40, 50), "rm"
    )
    sheet.text(
        (width * 0.94, height * 0.94),
        f"{int(rng.integers(1, 28))} June",
        height * 0.05,
        (40, 40, 50),
        "rm",
    )
    return sheet.picture()


def island(rng: Generator, size: Size) -> Picture:
    """An old map: an island with contours, a grid and a compass."""
    width, height = size
    x, y = grid(size)
    shape = noise(rng, size, 5, 6) - 0.9 * np.hypot(x / width - 0.5, (y / height - 0.5) * 0.9)
    level = np.clip((shape + 0.05) / 0.6, 0, 1)
    paper = ramp(noise(rng, size, 20, 4), (214, 196, 156), (238, 224, 190)).astype(np.float32)
    land = ramp(level, (196, 190, 140), (160, 170, 110), (180, 140, 90), (150, 110, 80))
    frame = np.where((level > 0.08)[..., None], land * 0.8 + paper * 0.2, paper)
    lines = ((level * 14) % 1 < 0.1) & (level > 0.08)
    frame[lines] *= 0.6
    frame[(np.abs(level - 0.08) < 0.012)] = (60, 40, 30)
    frame[::80] *= 0.9
    frame[:, ::80] *= 0.9
    sheet = Sheet(solid(frame))
    cx, cy, r = width * 0.87, height * 0.82, height * 0.1
    for k in range(8):
        angle, long = k * np.pi / 4, r * (1 if k % 2 == 0 else 0.6)
        tip = (cx + long * np.sin(angle), cy - long * np.cos(angle))
        side = (cx + r * 0.16 * np.sin(angle + 0.8), cy - r * 0.16 * np.cos(angle + 0.8))
        sheet.polygon([(cx, cy), side, tip], (90, 40, 30))
    sheet.text((width * 0.08, height * 0.1), "Isle of Corvo", height * 0.07, (70, 44, 30))
    return sheet.picture()


def fractal(rng: Generator, size: Size) -> Picture:
    """A Julia set in a smooth ramp of colours."""
    width, height = size
    x, y = grid(size)
    z = ((x / width - 0.5) * 3.0 + 1j * (y / height - 0.5) * 3.0 * height / width).astype(
        np.complex64
    )
    c = np.complex64(complex(-0.8, rng.uniform(0.15, 0.162)))
    count = np.zeros(z.shape, np.float32)
    alive = np.ones(z.shape, bool)
    for _ in range(90):
        z[alive] = z[alive] ** 2 + c
        alive &= np.abs(z) < 8
        count += alive
    smooth = count - np.log2(np.maximum(np.log2(np.abs(z) + 1.1), 0.1)) * ~alive
    return ramp(
        (np.clip(smooth, 0, 90) / 90) ** 0.45,
        (10, 6, 40),
        (30, 60, 150),
        (90, 200, 220),
        (255, 230, 150),
        (220, 90, 40),
        (30, 10, 20),
    )
