"""Refuse pictures that would cost too much, by their headers, before pixels are decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmgate.errors import MediaRefused
from filmgate.media.limits import Limits

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMAT_BYTES = {"JPEG": 8, "WEBP": 17, "AVIF": 17}
"""Bytes of memory for each pixel, measured, of decoders that hold the whole picture more than
once. A progressive JPEG keeps two bytes for each coefficient of up to four components."""
_MODE_BYTES = {"1": 3, "L": 2, "I;16": 7, "I;16B": 7, "I;16L": 7, "RGB": 5, "CMYK": 5, "YCbCr": 5}
"""The same, by Pillow's mode, of decoders that work line by line: the loaded picture, and its
copies in `image_reduction`."""
_ANY_MODE_BYTES = 10
_TRANSPARENT_BYTES = 13
"""A transparent colour makes a second and a third copy of four bytes a pixel."""
_ROW_BYTES = 64
"""Bytes for each row besides its pixels: pointers and padding of each copy."""
_RLE_COMPRESSIONS = (1, 2)
"""BI_RLE8 and BI_RLE4 of a BMP header."""
_MAX_RLE_PIXELS = 8_000_000
"""Pillow decodes run lengths of a BMP in Python, in up to one step for each pixel, for as little
as two bytes a row. So many take about two seconds, and are more than the screens of the time
when that compression was used had."""
_TILE_WIDTH, _TILE_LENGTH = 322, 323
"""TIFF tags (TIFF 6.0, section 15): a tile is decoded whole, and may exceed the picture."""


def check_image(image: Image, limits: Limits, max_pixels: int) -> None:
    """Refuse an opened picture by its size and the memory that decoding it takes.

    Raises:
        MediaRefused: ``too_many_pixels``.
    """
    if max(image.size) > limits.max_image_side:
        raise MediaRefused(
            "too_many_pixels",
            f"One side of the picture has more than the {limits.max_image_side:,} pixels allowed. "
            "Upload a smaller version.",
        )
    if image.width * image.height > max_pixels or _tile_pixels(image) > max_pixels:
        raise too_many_pixels(max_pixels)
    if decoding_bytes(image) > limits.max_image_bytes:
        raise MediaRefused(
            "too_many_pixels",
            "The picture needs more memory than is allowed. Upload a smaller version, or save "
            "it as JPEG.",
        )
    if _is_run_length_bmp(image) and image.width * image.height > _MAX_RLE_PIXELS:
        raise MediaRefused(
            "too_many_pixels",
            "The picture is a compressed BMP of more than the "
            f"{_MAX_RLE_PIXELS // 1_000_000} million pixels allowed. Save it as PNG and upload "
            "that.",
        )


def too_many_pixels(max_pixels: int) -> MediaRefused:
    """The refusal of a picture whose area is too large."""
    return MediaRefused(
        "too_many_pixels",
        f"The picture has more than the {max_pixels // 1_000_000} million pixels allowed. "
        "Upload a smaller version.",
    )


def decoding_bytes(image: Image) -> int:
    """Return about how much memory decoding and reducing an opened picture takes, in bytes."""
    each = _FORMAT_BYTES.get(image.format or "", 0)
    if not each:
        each = _MODE_BYTES.get(image.mode, _ANY_MODE_BYTES)
        if "transparency" in image.info:
            each = max(each, _TRANSPARENT_BYTES)
    return image.width * image.height * each + image.height * _ROW_BYTES


def _tile_pixels(image: Image) -> int:
    tags = getattr(image, "tag_v2", {})
    sides = (tags.get(_TILE_WIDTH, 0), tags.get(_TILE_LENGTH, 0))
    return sides[0] * sides[1] if all(isinstance(side, int) for side in sides) else 0


def _is_run_length_bmp(image: Image) -> bool:
    return image.format == "BMP" and image.info.get("compression") in _RLE_COMPRESSIONS
