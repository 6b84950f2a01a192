"""Copies of long videos with keyframes at other places: how sparsely may a file be looked at?

The matching benchmark's files are eight seconds long and each is looked at densely. Here both
sides of a pair are up to a minute long, each written with its own distance of keyframes, so a pair
is made of two files that were decoded by different parts of the decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from filmgate_samples.clip import Clip, Encoding, Mapped, Picture, read_clip, write_clip
from tests.benchmarks.common import BENCH, SHARED, note

SOURCES = (
    "videos/film/tears-of-steel-battle-clip-medium.webm",
    "videos/film/big_buck_bunny_0_30.webm",
    "videos/phone/chair-orig-22-sd-bar.mp4",
    "videos/street/bottle-detection.mp4",
    "videos/street/car-detection.mp4",
)
_SIDE = 320
_MADE_BY = "long-1"


def _keys(seconds: float, crf: int = 26, b_frames: int = 3) -> Callable[[float], Encoding]:
    """x264 with keyframes just so far apart, as written for streaming."""

    def encoding(rate: float) -> Encoding:
        gap = str(max(1, round(seconds * rate)))
        return Encoding(
            "libx264",
            {
                "preset": "veryfast",
                "crf": str(crf),
                "bf": str(b_frames),
                "g": gap,
                "keyint_min": gap,
                "sc_threshold": "0",
            },
        )

    return encoding


def _plain(rate: float) -> Encoding:
    """x264 as it comes: a keyframe at cuts, and every 250 pictures."""
    return Encoding("libx264", {"preset": "veryfast", "crf": "28"})


@dataclass(frozen=True)
class Copy:
    """How a copy is made: what is done to the clip, and how it is written."""

    name: str
    encoding: Callable[[float], Encoding]
    change: Callable[[Clip], Clip] = lambda clip: clip


def _between(start_s: float, end_s: float) -> Callable[[Clip], Clip]:
    def cut(clip: Clip) -> Clip:
        first, last = np.searchsorted(clip.times_s, [start_s, min(end_s, clip.duration_s)])
        sound = clip.sound
        if sound is not None:
            sound = sound[int(start_s * 48_000) : int(end_s * 48_000)]
        times = clip.times_s[first:last]
        return replace(
            clip, frames=clip.frames[int(first) : int(last)], times_s=times - times[0], sound=sound
        )

    return cut


def _faster(factor: float) -> Callable[[Clip], Clip]:
    # Without sound: only the pictures are asked here.
    return lambda clip: replace(clip, times_s=clip.times_s / factor, sound=None)


def _cropped(share: float) -> Callable[[Clip], Clip]:
    def part(picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        top, left = int(height * share / 2), int(width * share / 2)
        return picture[top : height - top, left : width - left]

    return lambda clip: replace(clip, frames=Mapped(clip.frames, part))


ORIGINALS = (Copy("as it comes", _plain), Copy("key every 2 s", _keys(2.0)))
COPIES = (
    Copy("low quality, as it comes", lambda _: Encoding("libx264", {"crf": "36"})),
    Copy("low quality, key every 2 s", _keys(2.0, crf=36)),
    Copy("key every 1 s", _keys(1.0, b_frames=0)),
    Copy("key every 4 s", _keys(4.0)),
    Copy("start cut off, key every 2 s", _keys(2.0), _between(3.37, 1e9)),
    Copy("start cut off, as it comes", _plain, _between(4.71, 1e9)),
    Copy("8 s excerpt, as it comes", _plain, _between(9.13, 17.13)),
    Copy("8 s excerpt, key every 2 s", _keys(2.0), _between(6.57, 14.57)),
    Copy("4 s excerpt, key every 1 s", _keys(1.0), _between(7.31, 11.31)),
    Copy("1.1 times as fast, key every 2 s", _keys(2.0), _faster(1.1)),
    Copy("0.85 times as fast, as it comes", _plain, _faster(0.85)),
    Copy("cropped by 20 %, key every 2 s", _keys(2.0), _cropped(0.2)),
)


@dataclass(frozen=True)
class Made:
    """A written file: which source, and how."""

    source: str
    copy: Copy
    path: Path
    original: bool


def made() -> Iterator[Made]:
    """Every source written in every way; once, under .build/bench."""
    for name in SOURCES:
        stem = Path(name).stem
        clip: Clip | None = None
        for copy in (*ORIGINALS, *COPIES):
            title = "".join(c if c.isalnum() or c == "." else "-" for c in copy.name)
            target = BENCH / "throughput" / "copies" / f"{_MADE_BY}-{stem}-{title}.mp4"
            if not target.is_file():
                clip = clip or read_clip(SHARED / name, max_side=_SIDE)
                note(f"Writing {target.name}, once")
                target.parent.mkdir(parents=True, exist_ok=True)
                part = target.with_name(f".part-{target.name}")
                changed = copy.change(clip)
                write_clip(part, changed, copy.encoding(changed.frame_rate))
                part.replace(target)
            yield Made(stem, copy, target, copy in ORIGINALS)
