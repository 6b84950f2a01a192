"""Reduce a loaded picture of any mode to a small RGB array."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmgate.media.geometry import fit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image


def reduced_rgb(image: Image, side: int) -> NDArray[np.uint8]:
    """Return a loaded picture of any mode as RGB, reduced by area averaging.

    Transparent pixels are blended with white, as most pages and converters do, so that a
    flattened copy looks like its original. Areas are averaged as in video frames, so that a
    picture and a video of it give similar values.
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
    """Convert palettes, bits and 16-bit samples to modes that can be averaged."""
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
    """Scale integer or float samples to 0..255 by the range that they seem to use.

    The ranges are those in use: 0..1 of floats, 8 bits and 16 bits.
    """
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
