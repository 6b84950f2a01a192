"""Changes to one picture: what a copier does to every frame alike.

An edit draws its parameters from a random generator, and then is a pure function of picture and
parameters, so that what a copy was made with can be written down and made again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from filmgate.dedupe.tuning.truth import Parameters
from filmgate_samples.clip import Picture
from filmgate_samples.scenes.canvas import font, noise, ramp


@dataclass(frozen=True)
class Edit:
    """`draw` picks parameters, `change` applies them to a picture."""

    draw: Callable[[Generator], Parameters]
    change: Callable[[Picture, Parameters], Picture]


def _number(parameters: Parameters, name: str) -> float:
    return float(parameters[name])


def _round(rng: Generator, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 3)


def _resized(picture: Picture, width: float, height: float) -> Picture:
    size = (max(2, round(width / 2) * 2), max(2, round(height / 2) * 2))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def _resize(picture: Picture, parameters: Parameters) -> Picture:
    height, width = picture.shape[:2]
    scale = _number(parameters, "scale")
    return _resized(picture, width * scale, height * scale)


def _crop(picture: Picture, parameters: Parameters) -> Picture:
    height, width = picture.shape[:2]
    lost = _number(parameters, "share")
    left = int(width * lost * _number(parameters, "x"))
    top = int(height * lost * _number(parameters, "y"))
    return picture[top : top + int(height * (1 - lost)), left : left + int(width * (1 - lost))]


def _draw_crop(low: float, high: float) -> Callable[[Generator], Parameters]:
    return lambda rng: {
        "share": _round(rng, low, high),
        "x": _round(rng, 0, 1),
        "y": _round(rng, 0, 1),
    }


def _letterbox(picture: Picture, parameters: Parameters) -> Picture:
    height, width = picture.shape[:2]
    bar = round(_number(parameters, "share") * (height if parameters["wide"] else width) / 2)
    pad = ((bar, bar), (0, 0), (0, 0)) if parameters["wide"] else ((0, 0), (bar, bar), (0, 0))
    return np.pad(picture, pad)


def _mirror(picture: Picture, _: Parameters) -> Picture:
    return picture[:, ::-1]


def _turn(picture: Picture, parameters: Parameters) -> Picture:
    return np.rot90(picture, k=-int(parameters["degrees"]) // 90)


def _rotate(picture: Picture, parameters: Parameters) -> Picture:
    image = Image.fromarray(picture)
    turned = image.rotate(-_number(parameters, "degrees"), Image.Resampling.BICUBIC)
    return np.asarray(turned)


def _logo(picture: Picture, parameters: Parameters) -> Picture:
    height, width = picture.shape[:2]
    side = int(_number(parameters, "side") * min(width, height))
    mark = Image.new("RGBA", (side * 2, side * 2))
    draw = ImageDraw.Draw(mark)
    hue = (int(parameters["red"]), 60, 220 - int(parameters["red"]) // 2, 220)
    draw.ellipse((0, 0, side * 2 - 1, side * 2 - 1), hue)
    draw.polygon([(side * 0.6, side * 0.4), (side * 0.6, side * 1.6), (side * 1.7, side)], "white")
    mark = mark.reduce(2)
    image = Image.fromarray(picture)
    margin = side // 4
    x = width - side - margin if parameters["right"] else margin
    y = height - side - margin if parameters["bottom"] else margin
    image.paste(mark, (x, y), mark)
    return np.asarray(image)


def _banner(picture: Picture, parameters: Parameters) -> Picture:
    height, width = picture.shape[:2]
    deep = int(height * _number(parameters, "share"))
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    top = height - deep if parameters["bottom"] else 0
    draw.rectangle((0, top, width, top + deep), (170, 20, 30))
    draw.rectangle((0, top, width * 0.22, top + deep), (240, 240, 240))
    draw.text((width * 0.11, top + deep / 2), "LIVE", (170, 20, 30), font(deep * 0.5), "mm")
    words = str(parameters["words"])
    draw.text((width * 0.25, top + deep / 2), words, "white", font(deep * 0.42), "lm")
    return np.asarray(image)


_HEADLINES = ("Watch till the end", "You will not believe this", "Breaking: the whole story")


def _colour(picture: Picture, parameters: Parameters) -> Picture:
    levels = np.arange(256) / 255
    curve = np.clip((levels - 0.5) * _number(parameters, "contrast") + 0.5, 0, 1)
    curve = curve ** _number(parameters, "gamma")
    gains = [_number(parameters, name) for name in ("red", "green", "blue")]
    tables = [np.clip(curve * gain * 255, 0, 255).astype(np.uint8) for gain in gains]
    return np.dstack([tables[band][picture[..., band]] for band in range(3)])


def _draw_colour(rng: Generator) -> Parameters:
    names = {"contrast": (0.75, 1.3), "gamma": (0.7, 1.4)}
    names |= dict.fromkeys(("red", "green", "blue"), (0.8, 1.2))
    return {name: _round(rng, *limits) for name, limits in names.items()}


def _grey(picture: Picture, _: Parameters) -> Picture:
    return np.asarray(Image.fromarray(picture).convert("L").convert("RGB"))


def _noise(picture: Picture, parameters: Parameters) -> Picture:
    # A fresh pattern for every frame, yet the same one on every run: seeded by the frame's content.
    rng = np.random.default_rng(int(picture[::7, ::7].sum()))
    grain = rng.standard_normal(picture.shape[:2], np.float32) * _number(parameters, "sigma")
    return np.clip(picture + grain[..., None], 0, 255).astype(np.uint8)


def _picture_in_picture(picture: Picture, parameters: Parameters) -> Picture:
    height, width = picture.shape[:2]
    rng = np.random.default_rng(int(parameters["background"]))
    stops = [(int(a), int(b), int(c)) for a, b, c in rng.integers(0, 256, (3, 3))]
    scale = _number(parameters, "scale")
    small = _resized(picture, width * scale, height * scale)
    canvas = ramp(noise(rng, (width, height), 5, 4), *stops)
    top = int((height - small.shape[0]) * _number(parameters, "y"))
    left = int((width - small.shape[1]) * _number(parameters, "x"))
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


def _five(picture: Picture, parameters: Parameters) -> Picture:
    for name in _FIVE:
        prefix = f"{name}."
        own = {k.removeprefix(prefix): v for k, v in parameters.items() if k.startswith(prefix)}
        picture = EDITS[name].change(picture, own)
    return picture


def _draw_five(rng: Generator) -> Parameters:
    return {
        f"{name}.{key}": value for name in _FIVE for key, value in EDITS[name].draw(rng).items()
    }


_FIVE = ("crop", "colour", "logo", "noise", "resize")


def _flag(rng: Generator) -> bool:
    return bool(rng.random() < 0.5)


EDITS: dict[str, Edit] = {
    "resize": Edit(lambda rng: {"scale": _round(rng, 0.45, 0.75)}, _resize),
    "crop": Edit(_draw_crop(0.10, 0.20), _crop),
    "crop_30": Edit(_draw_crop(0.28, 0.30), _crop),
    "letterbox": Edit(
        lambda rng: {"share": _round(rng, 0.2, 0.34), "wide": _flag(rng)}, _letterbox
    ),
    "mirror": Edit(lambda _: {}, _mirror),
    "turn": Edit(lambda rng: {"degrees": int(rng.choice([90, 180, 270]))}, _turn),
    "rotate": Edit(
        lambda rng: {"degrees": round(float(rng.uniform(2, 7) * rng.choice([-1, 1])), 2)}, _rotate
    ),
    "logo": Edit(
        lambda rng: {
            "side": _round(rng, 0.16, 0.24),
            "right": _flag(rng),
            "bottom": _flag(rng),
            "red": int(rng.integers(0, 256)),
        },
        _logo,
    ),
    "banner": Edit(
        lambda rng: {
            "share": _round(rng, 0.12, 0.18),
            "bottom": _flag(rng),
            "words": str(rng.choice(_HEADLINES)),
        },
        _banner,
    ),
    "colour": Edit(_draw_colour, _colour),
    "grey": Edit(lambda _: {}, _grey),
    "noise": Edit(lambda rng: {"sigma": _round(rng, 6, 16)}, _noise),
    "picture_in_picture": Edit(
        lambda rng: {
            "scale": _round(rng, 0.5, 0.7),
            "x": _round(rng, 0, 1),
            "y": _round(rng, 0, 1),
            "background": int(rng.integers(1 << 31)),
        },
        _picture_in_picture,
    ),
    "five": Edit(_draw_five, _five),
}
"""By name; `five` is five of the others at once."""
