"""The lowest DCT frequencies of a picture, from which every visual feature is derived.

A picture is projected on the first 16 vertical and 16 horizontal DCT-II basis functions, sampled
at its own size. That is a resize and a DCT in one step, needs no resampling, and makes pictures
of any size and shape comparable (the DCT hash of Zauner, 2010, with the resize included).
The spectrum of natural pictures falls off as one over frequency, so coefficients are whitened by
frequency: each then carries about as much information as any other.

Rotating the picture by quarter turns or mirroring it only transposes the coefficients or flips
signs, and cropping it is a product with two small matrices, so neither needs the picture again.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from filmgate.arrays import F32, F64, I8, U8

SIDE = 16
"""Frequencies kept each way."""
SCALE = 24.0
"""Standard deviation of a frame's stored coefficients; int8 then clips beyond 5 of them."""

_BLOCK = 64
"""Pictures projected at a time."""


@lru_cache(maxsize=512)
def basis(length: int) -> F32:
    """The first 16 DCT-II basis vectors over `length` pixels: float32 (16, length).

    Orthonormal but for a factor that makes coefficients independent of the number of pixels.
    Fewer than 16 pixels hold as many frequencies as there are pixels; the others are zero.
    """
    position = (np.arange(length) + 0.5) / length
    rows = np.cos(np.pi * np.arange(SIDE)[:, None] * position[None, :]) * np.sqrt(2.0) / length
    rows[0] /= np.sqrt(2.0)
    rows[length:] = 0
    return rows.astype(np.float32)


def synthesis(positions: F64) -> F32:
    """The inverse transform along one axis, sampled at positions in 0..1: float32 (n, 16)."""
    waves = np.cos(np.pi * np.arange(SIDE)[None, :] * positions[:, None]) * np.sqrt(2.0)
    waves[:, 0] /= np.sqrt(2.0)
    return waves.astype(np.float32)


@lru_cache(maxsize=1)
def whitening() -> F32:
    """float32 (16, 16): the factor of each coefficient; 0 for the mean."""
    vertical, horizontal = np.indices((SIDE, SIDE))
    return np.hypot(vertical, horizontal).astype(np.float32)


def project(luma: U8, box: tuple[int, int, int, int] | None = None) -> F32:
    """Raw coefficients of pictures of one size.

    Args:
        luma: uint8 (n, height, width).
        box: top, bottom, left, right in pixels; the part to project.

    Returns:
        float32 (n, 16, 16) in units of luma; [:, 0, 0] is the mean.
    """
    count, height, width = luma.shape
    top, bottom, left, right = box or (0, height, 0, width)
    vertical, horizontal = basis(bottom - top), basis(right - left).T
    raw = np.empty((count, SIDE, SIDE), dtype=np.float32)
    # In blocks, so that a long video is not held as float32, four times as large.
    for start in range(0, count, _BLOCK):
        part = luma[start : start + _BLOCK, top:bottom, left:right].astype(np.float32)
        raw[start : start + _BLOCK] = vertical @ part @ horizontal
    return raw


def whiten(raw: F32) -> F32:
    """Whitened coefficients of unit standard deviation a frame; zero where a frame is flat.

    Args:
        raw: float32 (..., 16, 16).
    """
    white = raw * whitening()
    deviation = np.sqrt(np.mean(np.square(white), axis=(-2, -1), keepdims=True))
    return np.where(deviation > 1e-3, white / np.maximum(deviation, 1e-3), 0).astype(np.float32)


def quantize(white: F32) -> I8:
    """int8 coefficients as stored."""
    return np.clip(np.rint(white * SCALE), -127, 127).astype(np.int8)


def contrast(raw: F32) -> F32:
    """Root mean square of the luma that the 255 coefficients describe, without the mean: (n,)."""
    energy = np.sum(np.square(raw), axis=(-2, -1)) - np.square(raw[..., 0, 0])
    level: F32 = np.sqrt(np.maximum(energy, 0)).astype(np.float32)
    return level


def bits(coefficients: I8) -> U8:
    """256-bit hashes: each coefficient against the median of its frame.

    Args:
        coefficients: int8 (n, 16, 16).

    Returns:
        uint8 (n, 32), big-endian bit order, rows of frequencies in turn.
    """
    flat = coefficients.reshape(len(coefficients), SIDE * SIDE)
    if not len(flat):
        return np.zeros((0, SIDE * SIDE // 8), dtype=np.uint8)
    middle = np.median(flat[:, 1:], axis=1, keepdims=True)
    return np.packbits(flat > middle, axis=1)


ORIENTATIONS: tuple[tuple[bool, int], ...] = tuple(
    (mirror, turn) for mirror in (False, True) for turn in (0, 90, 180, 270)
)
"""(mirrored left to right first, then turned clockwise by so many degrees)."""


def orient(coefficients: I8, mirror: bool, turn: int) -> I8:
    """The coefficients of the same pictures mirrored, then turned clockwise.

    Args:
        coefficients: int8 (..., n, n), of a picture or a keypoint's patch.
        mirror: left to right.
        turn: 0, 90, 180 or 270 degrees.
    """
    alternate = np.where(np.arange(coefficients.shape[-1]) % 2, -1, 1).astype(np.int8)
    out = coefficients * alternate if mirror else coefficients
    if turn == 90:
        out = np.swapaxes(out, -1, -2) * alternate
    elif turn == 180:
        out = out * alternate * alternate[:, None]
    elif turn == 270:
        out = np.swapaxes(out, -1, -2) * alternate[:, None]
    return out
