"""Animated GIF, WebP and PNG: their timing from the file's structure, their pictures by Pillow.

FFmpeg cannot decode animated WebP, and Pillow composes all three the way browsers do.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from filmgate.errors import MediaRefused
from filmgate.media.image import DECODER_ERRORS, exif_turn, open_image, reduced_rgb
from filmgate.media.limits import Limits
from filmgate.media.model import Decoded, Frame
from filmgate.media.timing import SampleClock

# Browsers show frames that ask for 10 ms or less for 100 ms, and so do converters to video.
_SHORTEST_S = 0.011
_SHORTEST_SHOWN_S = 0.1


@dataclass(frozen=True, slots=True)
class Animation:
    """How long each picture is shown.

    Attributes:
        durations_s: one entry a picture, as browsers show them.
        first: the number of Pillow's frames before the first picture (an APNG may begin with a
            still for viewers that do not animate).
    """

    durations_s: tuple[float, ...]
    first: int = 0


def animation_of(path: Path, media_format: str, limits: Limits) -> Animation:
    """Read the timing of a GIF, WebP or PNG without decoding; a still has at most one duration.

    A file that ends early yields the pictures that are there.
    """
    read = {"gif": _gif, "webp": _webp, "apng": _apng, "png": _apng}[media_format]
    durations: list[float] = []
    first = 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            for entry in read(data):
                if entry is None:
                    first = 1
                    continue
                durations.append(entry if entry >= _SHORTEST_S else _SHORTEST_SHOWN_S)
                if len(durations) >= limits.max_decoded_frames:
                    break
        except IndexError:
            pass
    return Animation(tuple(durations), first)


def decode_animation(path: Path, media_format: str, limits: Limits, clock: SampleClock) -> Decoded:
    """Decode the pictures the clock picks; see `filmgate.media.decode.decode`."""
    decoded = Decoded(frames=iter(()))
    decoded.frames = _frames(path, media_format, limits, clock, decoded)
    return decoded


def _frames(
    path: Path, media_format: str, limits: Limits, clock: SampleClock, decoded: Decoded
) -> Iterator[Frame]:
    deadline = monotonic() + limits.max_wall_s
    animation = animation_of(path, media_format, limits)
    start_s, sampled = 0.0, 0
    with open_image(path, media_format, limits.max_video_pixels) as image:
        for number, duration_s in enumerate(animation.durations_s):
            wanted = clock.wants(start_s)
            if monotonic() > deadline or (wanted and sampled >= limits.max_sampled_frames):
                decoded.truncated = True
                break
            try:
                image.seek(number + animation.first)
                image.load()
                rgb = reduced_rgb(image, limits.working_side) if wanted else None
            except DECODER_ERRORS:
                # Each picture is drawn over the last: none after a damaged one can be trusted.
                decoded.decode_errors += 1
                decoded.truncated = True
                break
            if rgb is not None:
                clock.take(start_s)
                sampled += 1
                yield Frame(start_s, exif_turn(image).apply(rgb).copy())
            start_s += duration_s
    if not sampled:
        raise MediaRefused(
            "damaged",
            "Not one picture of the animation could be decoded. Upload it again from the original.",
        )


def _gif(data: mmap.mmap) -> Iterator[float | None]:
    """Walk GIF89a blocks, yielding the seconds of each image."""

    def table(flags: int) -> int:
        return 3 << (flags & 7) + 1 if flags & 0x80 else 0

    def skip(at: int) -> int:
        while data[at]:
            at += data[at] + 1
        return at + 1

    at, delay = 13 + table(data[10]), 0
    while data[at] in (0x21, 0x2C):
        if data[at] == 0x21:
            if data[at + 1] == 0xF9:
                delay = data[at + 4] | data[at + 5] << 8
            at = skip(at + 2)
            continue
        at = skip(at + 11 + table(data[at + 9]))
        yield delay / 100
        delay = 0


def _webp(data: mmap.mmap) -> Iterator[float | None]:
    """Walk RIFF chunks, yielding the seconds of each ANMF."""
    at = 12
    while at + 8 <= len(data):
        if data[at : at + 4] == b"ANMF":
            yield int.from_bytes(data[at + 20 : at + 23], "little") / 1000
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + (size & 1)


def _apng(data: mmap.mmap) -> Iterator[float | None]:
    """Walk PNG chunks, yielding the seconds of each fcTL; None for a still before the first."""
    at, animated, seen = 8, False, False
    while at + 12 <= len(data):
        kind = data[at + 4 : at + 8]
        if kind == b"acTL":
            animated = True
        elif kind == b"fcTL" and animated:
            seen = True
            units, per_second = (
                int.from_bytes(data[at + 8 + offset : at + 10 + offset], "big")
                for offset in (20, 22)
            )
            yield units / (per_second or 100)
        elif kind == b"IDAT":
            if not animated:
                return
            if not seen:
                seen = True
                yield None
        at += 12 + int.from_bytes(data[at : at + 4], "big")
