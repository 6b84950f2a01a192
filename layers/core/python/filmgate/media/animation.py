"""Animated GIF, WebP and PNG: timing from the structure of the file, pictures by Pillow.

FFmpeg cannot decode animated WebP, and Pillow composes all three the way browsers do.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from filmgate.errors import MediaRefused
from filmgate.media.consumers import Consumer, show_still
from filmgate.media.image import DECODER_ERRORS, exif_orientation, open_image, silenced
from filmgate.media.image_reduction import reduced_rgb
from filmgate.media.limits import Limits
from filmgate.media.memory import raise_if_out_of_memory, transient_memory_errors
from filmgate.media.model import Decoded, Frame
from filmgate.media.sampling import STANDARD_SAMPLING, SamplingSpec
from filmgate.media.timing import SampleClock

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

_MIN_DURATION_S = 0.011
"""Browsers show pictures that ask for 10 ms or less for 100 ms, and so do converters to video."""
_DEFAULT_DURATION_S = 0.1
_PICTURE_COST = 10_000
"""Pixels that a picture counts for in addition to its canvas: Pillow takes about 30 microseconds
for each, in which it could compose so many."""
_MAX_BLOCKS = 5_000_000
"""Blocks or chunks of a file that are walked, in a second or two. At the usual 255 bytes of a GIF
block they hold more than a gigabyte."""


@dataclass(frozen=True, slots=True)
class Animation:
    """The timing and extent of an animation, read without decoding.

    Attributes:
        durations_s: one entry for each picture, as browsers show it.
        first: the number of Pillow's frames before the first picture (an APNG may begin with a
            still for viewers that do not animate).
        extent: width and height in pixels that the pictures reach; a GIF may exceed its canvas.
    """

    durations_s: tuple[float, ...]
    first: int = 0
    extent: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class _Picture:
    """One picture in the structure of a file; ``duration_s`` is None where it is not shown."""

    duration_s: float | None
    extent: tuple[int, int] = (0, 0)


def read_animation(path: Path, media_format: str, limits: Limits) -> Animation:
    """Read the timing of a GIF, WebP or PNG without decoding; a still has at most one duration.

    A file that ends early yields the pictures that are present.

    Raises:
        MediaRefused: ``too_large``, where the file consists of too many blocks.
    """
    walk = {"gif": _walk_gif, "webp": _walk_webp, "apng": _walk_png, "png": _walk_png}[media_format]
    durations: list[float] = []
    first, width, height = 0, 0, 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            for picture in walk(data):
                if picture.duration_s is None:
                    first = 1
                    continue
                shown_s = picture.duration_s
                durations.append(shown_s if shown_s >= _MIN_DURATION_S else _DEFAULT_DURATION_S)
                width, height = max(width, picture.extent[0]), max(height, picture.extent[1])
                if len(durations) >= limits.max_decoded_frames:
                    break
        except IndexError:
            pass
    return Animation(tuple(durations), first, (width, height))


def check_animation(animation: Animation, canvas: tuple[int, int], limits: Limits) -> None:
    """Refuse an animation by the pixels that composing all its pictures draws.

    Args:
        canvas: width and height in pixels that the header states.

    Raises:
        MediaRefused: ``too_many_pixels``.
    """
    width, height = (max(pair) for pair in zip(canvas, animation.extent, strict=True))
    pictures = len(animation.durations_s)
    if max(width, height) > limits.max_image_side or width * height > limits.max_video_pixels:
        raise MediaRefused(
            "too_many_pixels",
            f"The animation's pictures have {width * height / 1e6:.0f} million pixels; "
            f"{limits.max_video_pixels / 1e6:.0f} million are allowed. Upload a smaller version.",
        )
    if pictures * (width * height + _PICTURE_COST) > limits.max_animation_pixels:
        raise MediaRefused(
            "too_many_pixels",
            f"The animation has {pictures:,} pictures of {width} x {height} pixels, which is more "
            "than can be decoded. Convert it to MP4 and upload that.",
        )


def decode_animation(
    path: Path,
    media_format: str,
    limits: Limits,
    clock: SampleClock,
    sampling: SamplingSpec = STANDARD_SAMPLING,
    *,
    consumers: Sequence[Consumer] = (),
) -> Decoded:
    """Decode the pictures that the clock picks; see `filmgate.media.decode.decode`."""
    decoded = Decoded(frames=iter(()), audio_rate_hz=sampling.audio_rate_hz)
    decoded.frames = _frames(
        path,
        media_format,
        limits,
        clock,
        sampling=sampling,
        decoded=decoded,
        consumers=consumers,
    )
    return decoded


def _frames(
    path: Path,
    media_format: str,
    limits: Limits,
    clock: SampleClock,
    *,
    sampling: SamplingSpec,
    decoded: Decoded,
    consumers: Sequence[Consumer],
) -> Iterator[Frame]:
    deadline = monotonic() + limits.max_wall_s
    start_s, sampled = 0.0, 0
    with (
        transient_memory_errors(),
        open_image(path, media_format, limits, moving=True) as image,
    ):
        animation = read_animation(path, media_format, limits)
        check_animation(animation, image.size, limits)
        for number, duration_s in enumerate(animation.durations_s):
            picked = clock.wants(start_s)
            if monotonic() > deadline or (picked and sampled >= limits.max_sampled_frames):
                decoded.truncated = True
                break
            try:
                with silenced():
                    image.seek(number + animation.first)
                    image.load()
                rgb = reduced_rgb(image, sampling.frame_side) if picked else None
            except DECODER_ERRORS as error:
                raise_if_out_of_memory(error)
                # Each picture is drawn over the last: none after a damaged one can be trusted.
                decoded.decode_errors += 1
                decoded.truncated = True
                break
            if rgb is not None:
                clock.take(start_s)
                sampled += 1
                frame = Frame(start_s, exif_orientation(image).apply(rgb).copy())
                _show(consumers, frame, image, sampling.frame_side)
                yield frame
            start_s += duration_s
    if not sampled:
        raise MediaRefused(
            "damaged",
            "Not one picture of the animation could be decoded. Upload it again from the original.",
        )


def _show(consumers: Sequence[Consumer], frame: Frame, image: Image, frame_side: int) -> None:
    def rgb(side: int) -> NDArray[np.uint8] | None:
        if side == frame_side:
            return frame.rgb
        try:
            return exif_orientation(image).apply(reduced_rgb(image, side)).copy()
        except DECODER_ERRORS as error:
            raise_if_out_of_memory(error)
            return None

    show_still(consumers, frame.time_s, rgb)


class _BlockCount:
    """Counts the blocks of a file, and refuses a file of too many."""

    def __init__(self) -> None:
        self._left = _MAX_BLOCKS

    def add(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise MediaRefused(
                "too_large",
                f"The file consists of more than {_MAX_BLOCKS:,} blocks. Save it again with an "
                "image editor, or convert it to MP4.",
            )


def _walk_gif(data: mmap.mmap) -> Iterator[_Picture]:
    """Walk the blocks of a GIF (GIF89a, appendix A), yielding its pictures."""
    blocks = _BlockCount()

    def color_table_bytes(flags: int) -> int:
        return 3 << (flags & 7) + 1 if flags & 0x80 else 0

    def after_sub_blocks(at: int) -> int:
        while data[at]:
            blocks.add()
            at += data[at] + 1
        return at + 1

    def number(at: int) -> int:
        return data[at] | data[at + 1] << 8

    at, delay = 13 + color_table_bytes(data[10]), 0
    while data[at] in (0x21, 0x2C):
        blocks.add()
        if data[at] == 0x21:
            if data[at + 1] == 0xF9:
                delay = number(at + 4)
            at = after_sub_blocks(at + 2)
            continue
        extent = (number(at + 1) + number(at + 5), number(at + 3) + number(at + 7))
        at = after_sub_blocks(at + 11 + color_table_bytes(data[at + 9]))
        yield _Picture(delay / 100, extent)
        delay = 0


def _walk_webp(data: mmap.mmap) -> Iterator[_Picture]:
    """Walk the RIFF chunks of a WebP, yielding a picture for each ANMF."""
    blocks = _BlockCount()
    at = 12
    while at + 8 <= len(data):
        blocks.add()
        if data[at : at + 4] == b"ANMF":
            yield _Picture(int.from_bytes(data[at + 20 : at + 23], "little") / 1000)
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + (size & 1)


def _walk_png(data: mmap.mmap) -> Iterator[_Picture]:
    """Walk the chunks of a PNG, yielding a picture for each fcTL (PNG 3rd edition, 11.3.6).

    A still that precedes the first of them has no duration.
    """
    blocks = _BlockCount()
    at, animated, begun = 8, False, False
    while at + 12 <= len(data):
        blocks.add()
        kind = data[at + 4 : at + 8]
        if kind == b"acTL":
            animated = True
        elif kind == b"fcTL" and animated:
            begun = True
            numerator, denominator = (
                int.from_bytes(data[at + 8 + offset : at + 10 + offset], "big")
                for offset in (20, 22)
            )
            yield _Picture(numerator / (denominator or 100))
        elif kind == b"IDAT":
            if not animated:
                return
            if not begun:
                begun = True
                yield _Picture(None)
        at += 12 + int.from_bytes(data[at : at + 4], "big")
