"""A film of shots whose cuts, dissolves, fades and flashes are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from PIL import Image

from tests.media_factory.encoding import Rgb, encode_audio, tone

RATE = 25
SIZE = (320, 180)
_SCENE = (SIZE[0] * 4, SIZE[1])
_PAN = 1
"""Pixels a picture; a tenth of the width a second is a usual pan."""
_WHITE = np.full((SIZE[1], SIZE[0], 3), 255, dtype=np.uint8)


@dataclass(frozen=True)
class Shot:
    """One shot: what it shows, for how long, and how it begins.

    Attributes:
        seed: of its picture; None is black.
        seconds: without its transition.
        blend_s: length of the dissolve from the shot before it; 0 is a cut.
        flash_s: when two white pictures are shown, in seconds from its start.
        still: whether the camera stands still.
    """

    seed: int | None
    seconds: float
    blend_s: float = 0.0
    flash_s: float | None = None
    still: bool = False


FILM = (
    Shot(3, 3.0),
    Shot(4, 2.0, flash_s=1.0),
    Shot(5, 3.0, blend_s=1.0),
    Shot(6, 1.5),
    Shot(None, 0.4, blend_s=0.8),
    Shot(7, 3.0, blend_s=0.8, still=True),
    Shot(8, 2.0, blend_s=2.0, still=True),
    Shot(9, 4.0),
)
CUTS_S = (3.0, 9.0, 19.5)
TRANSITIONS_S = ((5.0, 6.0), (10.5, 12.5), (15.5, 17.5))
"""The fade to black and the one from it are one transition."""


def film(
    target: Path,
    *,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    audio: str | None = "aac",
    repeats: int = 1,
) -> Path:
    """Write `FILM`, so many times in a row."""
    pictures = [picture for _ in range(repeats) for picture in _pictures()]
    with av.open(str(target), "w") as container:
        stream = container.add_stream(codec, rate=RATE, options=options or {})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p" if codec != "mjpeg" else "yuvj420p"
        sound = container.add_stream(audio, rate=48_000, layout="mono") if audio else None
        for at, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts = at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if isinstance(sound, AudioStream):
            encode_audio(container, sound, tone(len(pictures) / RATE))
    return target


def _pictures() -> Iterator[Rgb]:
    before: Shot | None = None
    at = 0
    for shot in FILM:
        for step in range(round(shot.blend_s * RATE)):
            share = (step + 1) / (shot.blend_s * RATE + 1)
            assert before is not None
            mixed = (1 - share) * _picture(before, at) + share * _picture(shot, at)
            yield mixed.astype(np.uint8)
            at += 1
        for step in range(round(shot.seconds * RATE)):
            flash = shot.flash_s is not None and 0 <= step - round(shot.flash_s * RATE) < 2
            yield _WHITE if flash else _picture(shot, at)
            at += 1
        before = shot


def _picture(shot: Shot, at: int) -> Rgb:
    """A slow pan over a scene of its own, with something that moves in front of it."""
    if shot.seed is None:
        return _WHITE * 0
    left = 0 if shot.still else (at * _PAN) % (_SCENE[0] - SIZE[0])
    picture = _scene(shot.seed)[: SIZE[1], left : left + SIZE[0]].copy()
    beside = (at * 3) % (SIZE[0] - 40)
    picture[100:140, beside : beside + 40] = (200, 30, 60)
    return picture


@cache
def _scene(seed: int) -> Rgb:
    rng = np.random.default_rng(seed)
    light = rng.uniform(40, 215, 3)
    colours = np.clip(light + rng.normal(0, 45, (9, 24, 3)), 0, 255).astype(np.uint8)
    scene = Image.fromarray(colours).resize(_SCENE, Image.Resampling.BICUBIC)
    return np.asarray(scene)
