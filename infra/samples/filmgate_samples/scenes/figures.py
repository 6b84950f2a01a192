"""Scenes with actors: bouncing spheres, a room, a presenter."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.random import Generator

from filmgate_samples.clip import Picture
from filmgate_samples.scenes.canvas import (
    Field,
    Point,
    Sheet,
    Size,
    Times,
    grid,
    noise,
    ramp,
    solid,
    vertical,
)


def spheres(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """Shaded balls that bounce on a tiled floor under a turning camera."""
    width, height = size
    x, y = grid(size)
    horizon = height * 0.36
    depth = height * 1.1 / np.maximum(y - horizon, 1)
    across = (x - width / 2) / height * depth
    wall = vertical(size, (60, 30, 80), (200, 110, 120)).astype(np.float32)
    balls = [
        (
            float(rng.uniform(-1.6, 1.6)),
            float(rng.uniform(2.0, 4.8)),
            float(rng.uniform(0.22, 0.42)),
            float(rng.uniform(0.6, 1.5)),
            float(rng.uniform(0, 1)),
            rng.integers(60, 256, 3).astype(np.float32),
        )
        for _ in range(8)
    ]
    floor = y > horizon + 2
    fog = np.clip(depth / 14, 0, 1)[..., None]
    haze = fog * np.array([150, 90, 110], np.float32)
    for t in times.tolist():
        turn = 0.4 * math.sin(t * 0.4)
        fx = across * math.cos(turn) + depth * math.sin(turn)
        fz = depth * math.cos(turn) - across * math.sin(turn) + t * 0.4
        tiles = ((np.floor(fx * 1.4) + np.floor(fz * 1.4)) % 2)[..., None]
        ground = (tiles * 150 + 60) * (1 - fog) + haze
        frame = np.where(floor[..., None], ground, wall).astype(np.float32)
        _draw_balls(frame, balls, t, turn, horizon)
        yield solid(frame)


_Ball = tuple[float, float, float, float, float, Field]


def _draw_balls(frame: Field, balls: list[_Ball], t: float, turn: float, horizon: float) -> None:
    height, width = frame.shape[:2]
    seen = []
    for bx, bz, radius, top, phase, colour in balls:
        x = bx * np.cos(turn) - (bz - 3) * np.sin(turn)
        z = 3 + (bz - 3) * np.cos(turn) + bx * np.sin(turn)
        hop = (t / (0.7 * np.sqrt(top)) + phase) % 1
        seen.append((z, x, radius, top * 4 * hop * (1 - hop) * 0.6 + radius, colour))
    for z, x, radius, lift, colour in sorted(seen, key=lambda ball: -ball[0]):
        scale = height / z
        cx, cy = width / 2 + x * scale, horizon + (1.1 - lift) * scale
        _shadow(frame, (cx, horizon + 1.1 * scale), radius * scale * (1 + 0.3 * lift))
        _ball(frame, (cx, cy), radius * scale, colour)


def _window(
    frame: Field, centre: Point, across: float, down: float
) -> tuple[Field, Field, Field] | None:
    height, width = frame.shape[:2]
    x0, x1 = max(0, int(centre[0] - across)), min(width, int(centre[0] + across) + 1)
    y0, y1 = max(0, int(centre[1] - down)), min(height, int(centre[1] + down) + 1)
    if x0 >= x1 or y0 >= y1:
        return None
    u = ((np.arange(x0, x1) - centre[0]) / across).astype(np.float32)[None, :]
    v = ((np.arange(y0, y1) - centre[1]) / down).astype(np.float32)[:, None]
    return frame[y0:y1, x0:x1], u, v


def _shadow(frame: Field, centre: Point, radius: float) -> None:
    found = _window(frame, centre, radius, radius * 0.3)
    if found is not None:
        area, u, v = found
        area *= 1 - 0.55 * np.clip(1 - u**2 - v**2, 0, 1)[..., None]


def _ball(frame: Field, centre: Point, radius: float, colour: Field) -> None:
    found = _window(frame, centre, radius, radius)
    if found is None:
        return
    area, u, v = found
    inside = u**2 + v**2
    w = np.sqrt(np.clip(1 - inside, 0, 1))
    light = np.clip(-0.5 * u - 0.6 * v + 0.62 * w, 0, 1)
    shine = np.clip(-0.45 * u - 0.55 * v + 0.7 * w, 0, 1) ** 30
    shaded = colour * (0.15 + 0.85 * light[..., None]) + 220 * shine[..., None]
    cover = np.clip((1 - inside) * radius / 2, 0, 1)[..., None]
    area[:] = area * (1 - cover) + shaded * cover


def _room(size: Size) -> Picture:
    """One room, always the same: papered wall, window, shelf, table and rug."""
    rng = np.random.default_rng(77)
    width, height = size
    sheet = Sheet(vertical(size, (196, 180, 140), (170, 150, 116)))
    for k in range(0, width, 26):
        sheet.line([(k, 0), (k, height * 0.7)], 3, (182, 160, 120))
        for j in range(0, int(height * 0.68), 40):
            sheet.circle((k + 13, j + 18 + 20 * (k // 26 % 2)), 4, (150, 96, 84))
    sheet.box(0, height * 0.7, width, height, (120, 84, 60))
    for k in range(8):
        sheet.line(
            [(width * k / 7, height * 0.7), (width * (k / 7 * 1.8 - 0.4), height)], 2, (96, 64, 46)
        )
    sheet.box(width * 0.06, height * 0.1, width * 0.3, height * 0.5, (240, 240, 230))
    sheet.box(width * 0.08, height * 0.13, width * 0.28, height * 0.47, (150, 200, 236))
    sheet.box(width * 0.175, height * 0.13, width * 0.185, height * 0.47, (240, 240, 230))
    sheet.box(width * 0.68, height * 0.28, width * 0.96, height * 0.31, (90, 58, 40))
    x = width * 0.69
    while x < width * 0.93:
        wide, tall = float(rng.uniform(6, 14)), float(rng.uniform(0.1, 0.17)) * height
        r, g, b = (int(v) for v in rng.integers(40, 220, 3))
        sheet.box(x, height * 0.28 - tall, x + wide, height * 0.28, (r, g, b))
        x += wide + 2
    sheet.box(width * 0.7, height * 0.62, width * 0.98, height * 0.66, (140, 90, 50))
    sheet.box(width * 0.73, height * 0.66, width * 0.75, height * 0.86, (110, 70, 40))
    sheet.box(width * 0.93, height * 0.66, width * 0.95, height * 0.86, (110, 70, 40))
    sheet.ellipse((width * 0.44, height * 0.88), width * 0.3, height * 0.09, (150, 50, 60))
    sheet.ellipse((width * 0.44, height * 0.88), width * 0.24, height * 0.065, (210, 170, 110))
    return sheet.picture()


def room_juggler(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """The room, with a juggler."""
    width, height = size
    room = _room(size)
    colours = [(240, 60, 60), (60, 120, 240), (250, 210, 60), (90, 200, 90)]
    start = float(rng.uniform(0, 6))
    for t in (times + start).tolist():
        sheet = Sheet(room)
        x = width * 0.44 + 20 * np.sin(t * 0.9)
        sway = 5 * np.sin(t * 6)
        for side in (-1, 1):
            sheet.line(
                [(x + side * 14, height * 0.64), (x + side * 24, height * 0.88)], 20, (40, 60, 50)
            )
        sheet.line([(x, height * 0.64), (x + sway, height * 0.42)], 46, (90, 40, 120))
        sheet.circle((x + sway, height * 0.29), 28, (150, 104, 76))
        sheet.ellipse((x + sway, height * 0.22), 30, 14, (30, 24, 20))
        for side in (-1, 1):
            hand = (x + side * 62, height * 0.52 + 14 * np.sin(t * 8 + side))
            sheet.line(
                [(x + sway + side * 24, height * 0.4), (x + side * 52, height * 0.5), hand],
                13,
                (110, 60, 140),
            )
            sheet.circle(hand, 9, (150, 104, 76))
        for k, colour in enumerate(colours):
            way = (t * 0.9 + k / 4) % 1
            place = (x - 62 + 124 * way, height * 0.5 - height * 0.44 * 4 * way * (1 - way))
            sheet.circle(place, 11, colour)
        yield sheet.picture()


def room_robot(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """The same room, with a robot and a balloon instead."""
    width, height = size
    room = _room(size)
    start = float(rng.uniform(0, 6))
    for t in (times + start).tolist():
        sheet = Sheet(room)
        x = width * (0.45 + 0.3 * np.sin(t * 0.8))
        base = height * 0.9
        sheet.box(x - 40, base - 34, x + 40, base - 10, (70, 76, 86))
        for k in range(-1, 2):
            sheet.circle((x + k * 28, base - 8), 11, (30, 30, 34))
        sheet.box(x - 30, base - 110, x + 30, base - 34, (176, 186, 196))
        for k in range(3):
            on = int(t * 4 + k) % 3 == 0
            sheet.circle((x - 16 + 16 * k, base - 60), 5, (255, 90, 60) if on else (90, 40, 40))
        turn = 10 * np.sin(t * 2.2)
        sheet.box(x - 24 + turn, base - 152, x + 24 + turn, base - 114, (150, 160, 170))
        for side in (-1, 1):
            sheet.circle((x + turn * 1.4 + side * 11, base - 134), 7, (90, 230, 240))
        arm = -0.7 + 0.9 * np.sin(t * 3)
        hand = (x + 34 + 50 * np.cos(arm), base - 92 + 50 * np.sin(arm))
        sheet.line([(x + 30, base - 92), hand], 9, (120, 128, 138))
        balloon = (
            x * 0.5 + width * 0.28 + 30 * np.sin(t * 1.3),
            height * (0.26 + 0.1 * np.sin(t * 1.1)),
        )
        sheet.line(
            [(balloon[0], balloon[1] + 30), (balloon[0] + 8 * np.sin(t * 2), balloon[1] + 90)],
            1.5,
            (60, 60, 60),
        )
        sheet.ellipse(balloon, 28, 34, (40, 170, 120))
        yield sheet.picture()


def presenter(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """A presenter who talks at a desk before a map; every take moves and talks differently."""
    width, height = size
    fixed = np.random.default_rng(41)
    wall = ramp(noise(fixed, size, 5, 5), (30, 60, 90), (60, 110, 130), (150, 160, 120))
    nods, looks = rng.uniform(0.5, 1.6, 4), rng.uniform(0, 6, 4)
    beats = rng.uniform(0, 1, 400)
    for t in times.tolist():
        sheet = Sheet(wall)
        sheet.box(width * 0.62, height * 0.12, width * 0.95, height * 0.5, (230, 226, 210))
        sheet.text((width * 0.785, height * 0.2), "TODAY", 26, (40, 50, 70), "mm")
        for k in range(3):
            sheet.box(
                width * 0.66,
                height * (0.27 + 0.06 * k),
                width * (0.9 - 0.05 * k),
                height * (0.29 + 0.06 * k),
                (150, 150, 150),
            )
        cx = width * 0.36 + 22 * np.sin(t * nods[0] + looks[0])
        cy = height * 0.36 + 9 * np.sin(t * nods[1] * 2 + looks[1])
        look = 9 * np.sin(t * nods[2] + looks[2])
        sheet.polygon(
            [
                (cx - 130, height),
                (cx - 96, height * 0.64),
                (cx + 96, height * 0.64),
                (cx + 130, height),
            ],
            (50, 54, 84),
        )
        sheet.polygon(
            [(cx - 26, height * 0.62), (cx + 26, height * 0.62), (cx, height * 0.84)],
            (240, 240, 240),
        )
        sheet.line([(cx, cy + 60), (cx, height * 0.64)], 40, (206, 156, 122))
        sheet.ellipse((cx, cy - 14), 74, 88, (70, 44, 30))
        sheet.ellipse((cx, cy), 64, 80, (222, 172, 138))
        for side in (-1, 1):
            sheet.ellipse((cx + side * 26 + look * 0.6, cy - 12), 12, 9, (255, 255, 255))
            sheet.circle((cx + side * 26 + look, cy - 12), 5.5, (50, 60, 80))
        talk = float(np.interp(t * 9, np.arange(400), beats))
        sheet.ellipse((cx + look * 0.5, cy + 42), 22, 3 + 14 * talk, (130, 50, 50))
        wave = float(np.clip(np.sin(t * nods[3] + looks[3]) * 2 - 0.6, 0, 1))
        hand = (cx + 130 + 20 * np.sin(t * 5), height * (0.95 - 0.42 * wave))
        sheet.line([(cx + 100, height * 0.74), (cx + 140, height * 0.86), hand], 30, (44, 48, 74))
        sheet.circle(hand, 18, (222, 172, 138))
        sheet.box(0, height * 0.88, width, height, (110, 70, 44))
        yield sheet.picture()
