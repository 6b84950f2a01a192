"""Pictures and animations in every mode and format that Pillow writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.media_factory.encoding import pattern


def animation(folder: Path, extension: str, frames: int = 8, step_ms: int = 200) -> Path:
    """An animated gif, webp or png (APNG); one frame makes it a still."""
    path = folder / f"animated-{frames}.{extension}"
    pictures = [Image.fromarray(pattern(i * 5)) for i in range(frames)]
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=step_ms, loop=0, lossless=True
    )
    return path


def _photo() -> Image.Image:
    return Image.fromarray(pattern(3, 320, 180))


def _sixteen_bit() -> Image.Image:
    return Image.fromarray(np.asarray(_photo().convert("L"), dtype=np.uint16) * 257)


def _float() -> Image.Image:
    return Image.fromarray(np.asarray(_photo().convert("L"), dtype=np.float32) / 255)


def _alpha() -> Image.Image:
    picture = _photo().convert("RGBA")
    picture.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, 320), (180, 1)).astype(np.uint8)))
    return picture


_MODES: dict[str, tuple[str, Callable[[], Image.Image]]] = {
    "rgb": ("png", _photo),
    "gray": ("png", lambda: _photo().convert("L")),
    "bits": ("png", lambda: _photo().convert("1")),
    "cmyk": ("jpg", lambda: _photo().convert("CMYK")),
    "sixteen-bit": ("png", _sixteen_bit),
    "sixteen-bit-tiff": ("tiff", _sixteen_bit),
    "palette": ("png", lambda: _photo().quantize(64)),
    "alpha": ("png", _alpha),
    "gray-alpha": ("png", lambda: _alpha().convert("LA")),
    "float": ("tiff", _float),
    "integer": ("tiff", lambda: _sixteen_bit().convert("I")),
    "lab": ("tiff", lambda: Image.merge("LAB", _photo().convert("YCbCr").split())),
    "bmp": ("bmp", _photo),
    "avif": ("avif", _photo),
    "webp": ("webp", _photo),
}

IMAGE_MODES = tuple(_MODES)
"""Names for `image_in_mode`."""


def image_in_mode(folder: Path, mode: str) -> Path:
    """The same picture in one of ``IMAGE_MODES``."""
    extension, make = _MODES[mode]
    path = folder / f"{mode}.{extension}"
    make().save(path)
    return path


def exif_turned(folder: Path, orientation: int = 6, extension: str = "jpg") -> Path:
    """A picture stored so that EXIF's ``orientation`` (1..8) brings it upright."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    picture = _photo()
    if orientation in undo:
        picture = picture.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F], exif[0x0110] = "Acme", "Box 1"
    exif[0x0132] = "2024:05:06 07:08:09"
    path = folder / f"exif-{orientation}.{extension}"
    picture.save(path, exif=exif, quality=95)
    return path
