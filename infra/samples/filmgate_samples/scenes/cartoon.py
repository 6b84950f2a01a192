"""A cartoon walk in several shots with hard cuts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator

from filmgate_samples.clip import Picture
from filmgate_samples.scenes.canvas import (
    Colour,
    Point,
    Sheet,
    Size,
    Times,
    random_colour,
    vertical,
)


def _limb(start: Point, angle: float, bend: float, long: float) -> list[Point]:
    knee = (start[0] + long * np.sin(angle), start[1] + long * np.cos(angle))
    foot = (knee[0] + long * np.sin(angle - bend), knee[1] + long * np.cos(angle - bend))
    return [start, knee, foot]


def walker(sheet: Sheet, foot: Point, tall: float, stride: float, coat: Colour) -> None:
    """A figure in a coat that walks to the right; `stride` is the phase of its step in radians."""
    x, ground = foot
    hip = (x, ground - tall * 0.46 - abs(np.sin(stride)) * tall * 0.02)
    chest = (x + tall * 0.02, hip[1] - tall * 0.3)
    skin: Colour = (236, 190, 150)
    for side, shade in ((np.pi, 0.7), (0.0, 1.0)):
        swing = np.sin(stride + side)
        bend = 0.25 + 0.5 * max(0.0, float(np.cos(stride + side)))
        dark: Colour = (int(50 * shade), int(60 * shade), int(100 * shade))
        leg = _limb(hip, 0.5 * swing, bend, tall * 0.23)
        sheet.line(leg, tall * 0.085, dark)
        sheet.ellipse((leg[2][0] + tall * 0.03, leg[2][1]), tall * 0.065, tall * 0.03, (60, 34, 24))
        arm = _limb((chest[0], chest[1] + tall * 0.03), -0.6 * swing, -0.4, tall * 0.16)
        tone: Colour = (int(coat[0] * shade), int(coat[1] * shade), int(coat[2] * shade))
        sheet.line(arm, tall * 0.07, tone)
        sheet.circle(arm[2], tall * 0.04, skin)
    sheet.line([hip, chest], tall * 0.19, coat)
    head = (chest[0] + tall * 0.03, chest[1] - tall * 0.17)
    sheet.circle(head, tall * 0.115, skin)
    sheet.polygon(
        [
            (head[0] - tall * 0.13, head[1] - tall * 0.04),
            (head[0] + tall * 0.17, head[1] - tall * 0.04),
            (head[0] + tall * 0.08, head[1] - tall * 0.14),
            (head[0] - tall * 0.1, head[1] - tall * 0.14),
        ],
        (150, 40, 50),
    )
    sheet.circle((head[0] + tall * 0.06, head[1] + tall * 0.0), tall * 0.014, (20, 20, 20))


def cartoon(rng: Generator, size: Size, times: Times) -> Iterator[Picture]:
    """A walk through a town in four shots with hard cuts: street, face, feet, park."""
    coat: Colour = (220, 150, 40)
    houses = [(random_colour(rng, 90, 240), float(rng.uniform(0.3, 0.62))) for _ in range(24)]
    length = float(times[-1]) + 1e-6
    for t in times.tolist():
        shot = int(t / length * 4)
        stride = t * 7
        if shot == 0:
            yield _street(size, t, stride, coat, houses)
        elif shot == 1:
            yield _face(size, t, coat)
        elif shot == 2:
            yield _feet(size, t, stride)
        else:
            yield _park(size, t, stride, coat)


def _street(
    size: Size, t: float, stride: float, coat: Colour, houses: list[tuple[Colour, float]]
) -> Picture:
    width, height = size
    sheet = Sheet(vertical(size, (130, 200, 240), (220, 240, 250)))
    sheet.circle((width * 0.8, height * 0.2), height * 0.09, (255, 240, 150))
    wide = width * 0.2
    for index, (wall, tall) in enumerate(houses):
        x = index * wide - t * width * 0.22
        if not -wide < x < width:
            continue
        top = height * (0.8 - tall)
        sheet.box(x, top, x + wide * 0.96, height * 0.8, wall)
        sheet.polygon(
            [(x, top), (x + wide * 0.48, top - height * 0.1), (x + wide * 0.96, top)], (150, 70, 60)
        )
        for k in range(3):
            for j in range(2):
                left, high = x + wide * (0.14 + 0.42 * j), top + height * (0.05 + 0.16 * k)
                if high + height * 0.09 < height * 0.78:
                    sheet.box(left, high, left + wide * 0.24, high + height * 0.09, (240, 250, 255))
                    sheet.box(
                        left + wide * 0.11,
                        high,
                        left + wide * 0.13,
                        high + height * 0.09,
                        (90, 90, 90),
                    )
    sheet.box(0, height * 0.8, width, height, (150, 150, 156))
    for k in range(12):
        x = (k * width * 0.18 - t * width * 0.35) % (width * 1.6) - width * 0.2
        sheet.box(x, height * 0.93, x + width * 0.08, height * 0.95, (245, 245, 220))
    walker(sheet, (width * (0.3 + 0.02 * t), height * 0.88), height * 0.5, stride, coat)
    return sheet.picture()


def _face(size: Size, t: float, coat: Colour) -> Picture:
    width, height = size
    sheet = Sheet(vertical(size, (250, 210, 120), (240, 140, 110)))
    for k in range(7):
        x = (k * width / 5 - t * 60) % (width * 1.4) - width * 0.2
        sheet.box(x, 0, x + width * 0.07, height, (240, 170, 100))
    cx, cy = width * 0.5 + 8 * np.sin(t * 5), height * 0.5 + 6 * abs(np.sin(t * 7))
    sheet.polygon(
        [(cx - 190, height), (cx - 120, cy + 90), (cx + 120, cy + 90), (cx + 190, height)], coat
    )
    sheet.ellipse((cx, cy), height * 0.28, height * 0.34, (236, 190, 150))
    blink = np.sin(t * 2.3) > 0.95
    for side in (-1, 1):
        eye = (cx + side * 42 + 10, cy - 20)
        sheet.ellipse(eye, 20, 3 if blink else 16, (255, 255, 255))
        if not blink:
            sheet.circle((eye[0] + 7 * np.sin(t * 1.7), eye[1] + 2), 8, (50, 80, 40))
        sheet.line(
            [(eye[0] - 20, eye[1] - 28), (eye[0] + 20, eye[1] - 32 + 5 * side)], 6, (90, 50, 30)
        )
    sheet.polygon([(cx + 6, cy), (cx + 34, cy + 36), (cx + 4, cy + 38)], (220, 168, 130))
    sheet.ellipse((cx + 8, cy + 72), 38, 6 + 10 * abs(np.sin(t * 6)), (140, 40, 50))
    sheet.polygon(
        [(cx - 150, cy - 78), (cx + 170, cy - 78), (cx + 96, cy - 160), (cx - 100, cy - 160)],
        (150, 40, 50),
    )
    return sheet.picture()


def _feet(size: Size, t: float, stride: float) -> Picture:
    width, height = size
    sheet = Sheet(np.full((height, width, 3), (178, 172, 168), np.uint8))
    for k in range(14):
        x = (k * 90 - t * 260) % (width + 180) - 90
        sheet.line([(x, height * 0.45), (x - 60, height)], 3, (140, 134, 130))
    sheet.box(0, 0, width, height * 0.45, (110, 150, 90))
    for k in range(60):
        x = (k * 23 - t * 260) % (width + 30) - 15
        sheet.line(
            [(x, height * 0.45), (x + 6 * np.sin(k), height * 0.45 - 14 - 10 * (k % 3))],
            2,
            (60, 120, 50),
        )
    for side, dark in ((np.pi, (36, 44, 76)), (0.0, (50, 60, 104))):
        swing = np.sin(stride + side)
        lift = max(0.0, float(np.cos(stride + side))) * 46
        x, y = width * 0.5 + 150 * swing, height * 0.84 - lift
        sheet.line([(width * 0.5 + 40 * swing, -20), (x - 10, y - 40)], 58, dark)
        sheet.ellipse((x + 26, y), 66, 26, (96, 52, 34))
        sheet.box(x - 40, y + 14, x + 90, y + 26, (40, 24, 18))
    return sheet.picture()


def _park(size: Size, t: float, stride: float, coat: Colour) -> Picture:
    width, height = size
    sheet = Sheet(vertical(size, (150, 170, 220), (250, 200, 190)))
    sheet.ellipse((width * 0.5, height * 0.95), width * 0.9, height * 0.4, (110, 170, 90))
    for k, place in enumerate((0.1, 0.26, 0.66, 0.88)):
        x, tall = width * place - t * 14, height * (0.34 + 0.06 * (k % 2))
        sheet.box(x - 7, height * 0.72 - tall * 0.4, x + 7, height * 0.74, (100, 66, 44))
        for dx, dy in ((-30, 0), (30, 4), (0, -30), (0, 6)):
            sway = 4 * np.sin(t * 2 + k)
            sheet.circle(
                (x + dx + sway, height * 0.66 - tall * 0.6 + dy), 36, (60 + 20 * k, 130, 60)
            )
    sheet.ellipse((width * 0.46, height * 0.9), width * 0.2, height * 0.05, (120, 170, 220))
    bird = (width * (1.2 - 0.09 * t), height * (0.2 + 0.03 * np.sin(t * 2)))
    flap = 14 * np.sin(t * 14)
    sheet.line(
        [(bird[0] - 20, bird[1] - flap), bird, (bird[0] + 20, bird[1] - flap)], 4, (40, 40, 60)
    )
    walker(sheet, (width * (-0.2 + 0.11 * t), height * 0.8), height * 0.26, stride, coat)
    return sheet.picture()
