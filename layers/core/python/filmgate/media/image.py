"""Still pictures: opened with one decoder each, upright, in RGB, reduced."""

from __future__ import annotations

import mmap
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filmgate.errors import MediaRefused
from filmgate.media.consumers import Consumer, show_still
from filmgate.media.geometry import UPRIGHT, Orientation
from filmgate.media.image_limits import check_image, too_many_pixels
from filmgate.media.image_reduction import reduced_rgb
from filmgate.media.limits import Limits
from filmgate.media.memory import memory_is_short, out_of_memory, raise_if_out_of_memory
from filmgate.media.sampling import STANDARD_SAMPLING, SamplingSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

PILLOW_PLUGINS = {
    "jpeg": ("JPEG", "JpegImagePlugin"),
    "png": ("PNG", "PngImagePlugin"),
    "apng": ("PNG", "PngImagePlugin"),
    "gif": ("GIF", "GifImagePlugin"),
    "webp": ("WEBP", "WebPImagePlugin"),
    "tiff": ("TIFF", "TiffImagePlugin"),
    "bmp": ("BMP", "BmpImagePlugin"),
    "avif": ("AVIF", "AvifImagePlugin"),
}
"""Pillow's decoder for each sniffed format, and its module; no other decoder is ever tried."""

DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    AssertionError,
    EOFError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise on damaged files."""

_MAX_SCANS = 200
"""Scans of a progressive JPEG. Editors write about ten; each costs a pass over all pixels."""

# Tags of EXIF 2.32, tables 4 to 8.
_ORIENTATION = 0x0112
_DATE_TIME = 0x0132
_MAKE, _MODEL = 0x010F, 0x0110
_EXIF_IFD, _DATE_TIME_ORIGINAL = 0x8769, 0x9003

_EXIF_ORIENTATIONS = {
    2: Orientation(False, True, False),
    3: Orientation(False, True, True),
    4: Orientation(False, False, True),
    5: Orientation(True, False, False),
    6: Orientation(True, True, False),
    7: Orientation(True, True, True),
    8: Orientation(True, False, True),
}
"""How stored rows and columns map to what is seen (EXIF 2.32, table 6); 1 is upright."""


@contextmanager
def open_image(
    path: Path, media_format: str, limits: Limits, *, moving: bool = False
) -> Iterator[Image]:
    """Open a picture's header; pixels are decoded when first asked for.

    Args:
        moving: whether the pictures of an animation will be decoded, to which the area of a
            video's picture applies.

    Raises:
        MediaRefused: ``too_many_pixels``, or ``damaged``, also for errors of Pillow inside the
            ``with`` block.
        TransientError: memory ran out.
    """
    from importlib import import_module  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415 - light callers must not load Pillow

    name, plugin = PILLOW_PLUGINS[media_format]
    # Importing the one decoder keeps Pillow from importing all of them.
    import_module(f"PIL.{plugin}")
    max_pixels = limits.max_video_pixels if moving else limits.max_image_pixels
    try:
        with _header(path, name) as image:
            check_image(image, limits, max_pixels)
            yield image
    except Image.DecompressionBombError as error:
        raise too_many_pixels(max_pixels) from error
    except MemoryError as error:
        raise out_of_memory() from error
    except DECODER_ERRORS as error:
        raise_if_out_of_memory(error)
        raise MediaRefused(
            "damaged",
            "The picture is damaged or incomplete and cannot be read. "
            "Upload it again from the original.",
        ) from error


def _header(path: Path, pillow_format: str) -> Image:
    from PIL import Image  # noqa: PLC0415

    try:
        with silenced():
            return Image.open(path, formats=(pillow_format,))
    except MemoryError as error:
        # A header is small: where memory is left, the file claims more than it can hold.
        if memory_is_short():
            raise out_of_memory() from error
        raise ValueError("the header claims too much memory") from error


@contextmanager
def silenced() -> Iterator[None]:
    """Ignore warnings, which Pillow gives of files that it can read well enough."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def exif_orientation(image: Image) -> Orientation:
    """Return the orientation that EXIF states; upright where it states none that is valid."""
    try:
        with silenced():
            return _EXIF_ORIENTATIONS.get(image.getexif().get(_ORIENTATION, 1), UPRIGHT)
    except DECODER_ERRORS:
        return UPRIGHT


def exif_facts(image: Image) -> tuple[str | None, str | None]:
    """Return (time taken as written, camera) from EXIF, None where absent."""
    try:
        with silenced():
            exif = image.getexif()
            taken = exif.get_ifd(_EXIF_IFD).get(_DATE_TIME_ORIGINAL) or exif.get(_DATE_TIME)
        camera = " ".join(str(exif[tag]).strip("\0 ") for tag in (_MAKE, _MODEL) if tag in exif)
    except DECODER_ERRORS:
        return None, None
    return (str(taken) if taken else None), camera or None


def decode_image(
    path: Path,
    media_format: str,
    limits: Limits,
    sampling: SamplingSpec = STANDARD_SAMPLING,
    consumers: Sequence[Consumer] = (),
) -> NDArray[np.uint8]:
    """Decode one picture: uint8 RGB, upright, longer side at most ``sampling.frame_side``.

    Args:
        consumers: see the same picture, at the sizes that they ask for.

    Raises:
        MediaRefused: ``too_many_pixels`` or ``damaged``.
        TransientError: memory ran out.
    """
    if media_format == "jpeg":
        _check_scans(path)
    with open_image(path, media_format, limits) as image:
        side = sampling.frame_side
        # JPEG alone honours this: it decodes at 1/2, 1/4 or 1/8, never below the size asked for.
        image.draft(None, (2 * side, 2 * side))
        with silenced():
            image.load()
        # After loading: the TIFF decoder turns the picture by itself and then drops the tag.
        orientation = exif_orientation(image)

        def reduced(side: int) -> NDArray[np.uint8]:
            return orientation.apply(reduced_rgb(image, side)).copy()

        frame = reduced(side)
        if media_format != "jpeg":
            _show(consumers, sampling.frame_side, frame, reduced)
    if media_format == "jpeg":
        # It was decoded no larger than this frame needs: another size is another decoding.
        _show(
            consumers,
            sampling.frame_side,
            frame,
            lambda side: decode_image(
                path, media_format, limits, sampling.model_copy(update={"frame_side": side})
            ),
        )
    return frame


def _show(
    consumers: Sequence[Consumer],
    frame_side: int,
    frame: NDArray[np.uint8],
    reduced: Callable[[int], NDArray[np.uint8]],
) -> None:
    def rgb(side: int) -> NDArray[np.uint8]:
        return frame if side == frame_side else reduced(side)

    show_still(consumers, 0.0, rgb)


def _check_scans(path: Path) -> None:
    """Refuse a JPEG of very many scans: each takes a few bytes and a pass over all pixels.

    Entropy-coded data cannot contain the marker, so that counting it is enough.
    """
    scans, at = 0, 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        while scans <= _MAX_SCANS and (at := data.find(b"\xff\xda", at) + 2) >= 2:
            scans += 1
    if scans > _MAX_SCANS:
        raise MediaRefused(
            "damaged",
            "The JPEG is built in a way that no camera or editor writes. "
            "Save it again with an image editor and upload that.",
        )
