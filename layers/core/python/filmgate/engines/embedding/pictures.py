"""Prepare pictures as the input of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from filmgate.engines.embedding.manifest import Input

if TYPE_CHECKING:
    from PIL.Image import Resampling


def prepared(frames: Sequence[NDArray[np.uint8]], rule: Input) -> NDArray[np.float32]:
    """Convert RGB pictures, uint8 (h, w, 3) of any size, to float32 (n, 3, height, width)."""
    from PIL import Image  # noqa: PLC0415 - 20 ms, needed for embeddings only

    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    pictures = np.stack([_resized(frame, rule, filters[rule.resample]) for frame in frames])
    if rule.channels == "bgr":
        pictures = pictures[..., ::-1]
    mean, std = np.array(rule.mean, np.float32), np.array(rule.std, np.float32)
    values = (pictures.astype(np.float32) / 255 - mean) / std
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def _resized(frame: NDArray[np.uint8], rule: Input, resample: Resampling) -> NDArray[np.uint8]:
    from PIL import Image  # noqa: PLC0415

    height, width = frame.shape[:2]
    inner = (float(width), float(height))
    if rule.fit == "crop":
        share = min(width / rule.width, height / rule.height)
        inner = (share * rule.width, share * rule.height)
    left, top = (width - inner[0]) / 2, (height - inner[1]) / 2
    box = (left, top, left + inner[0], top + inner[1])
    image = Image.fromarray(frame).resize((rule.width, rule.height), resample, box)
    return np.asarray(image)
