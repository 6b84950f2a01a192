"""Still pictures: opened with one decoder each, upright, in RGB, reduced."""

from __future__ import annotations

import mmap
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filmgate.errors import MediaRefused
from filmgate.media.container import Turn, fit
from filmgate.media.limits import Limits

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
"""Pillow's decoder for each sniffed format, and the module it lives in; no other is ever tried."""

# What Pillow's decoders let out on damaged files.
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
    MemoryError,
    struct.error,
    zlib.error,
)

# Editors write about ten; entropy-coded data cannot hold the marker, so counting it is enough.
_MAX_SCANS = 200

_ORIENTATION = 0x0112
_DATE_TIME = 0x0132
_MAKE, _MODEL = 0x010F, 0x0110
_EXIF_IFD, _DATE_TIME_ORIGINAL = 0x8769, 0x9003

# EXIF 2.32, table 6: how the stored rows and columns map to what is seen.
_TURNS = {
    2: Turn(False, True, False),
    3: Turn(False, True, True),
    4: Turn(False, False, True),
    5: Turn(True, False, False),
    6: Turn(True, True, False),
    7: Turn(True, True, True),
    8: Turn(True, False, True),
}


@contextmanager
def open_image(path: Path, media_format: str, max_pixels: int) -> Iterator[Image]:
    """Open a picture's header; pixels are decoded when first asked for.

    Raises:
        MediaRefused: ``too_many_pixels``, or ``damaged``, also for errors of Pillow inside the
            ``with`` block.
    """
    from importlib import import_module  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415 - light callers must not load Pillow

    name, plugin = PILLOW_PLUGINS[media_format]
    # Importing the one decoder keeps Pillow from importing all of them.
    import_module(f"PIL.{plugin}")
    Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=(name,)) as image:
                if image.width * image.height > max_pixels:
                    raise Image.DecompressionBombError
                yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise MediaRefused(
            "too_many_pixels",
            f"The picture has more than the {max_pixels // 1_000_000} million pixels allowed. "
            "Upload a smaller version.",
        ) from error
    except DECODER_ERRORS as error:
        raise MediaRefused(
            "damaged",
            "The picture is damaged or incomplete and cannot be read. "
            "Upload it again from the original.",
        ) from error


def exif_turn(image: Image) -> Turn:
    """Return how EXIF says the picture is to be turned; upright where it says nothing sane."""
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1), Turn())
    except DECODER_ERRORS:
        return Turn()


def exif_facts(image: Image) -> tuple[str | None, str | None]:
    """Return (time taken as written, camera) from EXIF, None where absent."""
    try:
        exif = image.getexif()
        taken = exif.get_ifd(_EXIF_IFD).get(_DATE_TIME_ORIGINAL) or exif.get(_DATE_TIME)
        camera = " ".join(str(exif[tag]).strip("\0 ") for tag in (_MAKE, _MODEL) if tag in exif)
    except DECODER_ERRORS:
        return None, None
    return (str(taken).strip("\0 ") or None if taken else None), camera or None


def picture(path: Path, media_format: str, limits: Limits) -> NDArray[np.uint8]:
    """Decode one picture: uint8 RGB, upright, longer side at most ``limits.working_side``.

    Raises:
        MediaRefused: ``too_many_pixels`` or ``damaged``.
    """
    if media_format == "jpeg":
        _check_scans(path)
    with open_image(path, media_format, limits.max_image_pixels) as image:
        side = limits.working_side
        # JPEG alone honours this: it decodes at 1/2, 1/4 or 1/8, never below the size asked for.
        image.draft(None, (2 * side, 2 * side))
        image.load()
        # After load: the TIFF decoder turns by itself and then drops the tag.
        turn = exif_turn(image)
        return turn.apply(reduced_rgb(image, side)).copy()


def _check_scans(path: Path) -> None:
    """Refuse JPEGs of very many scans: each costs a walk over all pixels, for a few bytes."""
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


def reduced_rgb(image: Image, side: int) -> NDArray[np.uint8]:
    """Return a loaded picture of any mode as RGB, reduced by area averaging.

    Transparency goes on white: pages and converters mostly show it so, thus a flattened copy
    looks like its original. Areas are averaged as in video frames, so that a picture and a
    video of it give like values.
    """
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    width, height = fit(image.width, image.height, side)
    image = _to_reducible(image)
    factor = min(image.width // width, image.height // height) // 2
    if factor > 1:
        image = image.reduce(factor)
    if image.mode in ("I", "F"):
        image = Image.fromarray(_to_bytes(np.asarray(image, dtype=np.float64)))
    if image.mode in ("RGBA", "LA"):
        image = _on_white(image)
    if image.mode == "LAB":
        image = _from_lab(image)
    rgb = image.convert("RGB").resize((width, height), Image.Resampling.BOX)
    return np.asarray(rgb, dtype=np.uint8)


def _to_reducible(image: Image) -> Image:
    """Bring palettes, bits and 16-bit samples to modes that can be averaged."""
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    if image.mode in ("P", "PA", "RGBa", "La") or (
        image.mode in ("RGB", "L", "1") and "transparency" in image.info
    ):
        opaque = image.mode == "P" and "transparency" not in image.info
        return image.convert("RGB" if opaque else "RGBA")
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image


def _to_bytes(samples: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Scale integer or float samples to 0..255 by the range they seem to be written in."""
    import numpy as np  # noqa: PLC0415

    samples = np.nan_to_num(samples, posinf=0.0, neginf=0.0)
    low, high = float(samples.min()), float(samples.max())
    if low < 0.0 or high > 65535.0:
        samples = (samples - low) * (255.0 / (high - low))
    else:
        samples = samples * (255.0 / next(top for top in (1.0, 255.0, 65535.0) if high <= top))
    return (samples + 0.5).astype(np.uint8)


def _on_white(image: Image) -> Image:
    from PIL import Image  # noqa: PLC0415

    pixels = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", pixels.size, "white"), pixels)


def _from_lab(image: Image) -> Image:
    from PIL import ImageCms  # noqa: PLC0415

    transform = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None
    return converted
