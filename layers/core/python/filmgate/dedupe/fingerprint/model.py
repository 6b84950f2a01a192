"""The fingerprint of a file: everything that a comparison with other files needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from filmgate.arrays import F32, I8, I32, U8, U16, Rows
from filmgate.engines.embedding.track import EmbeddingTrack
from filmgate.media.model import MediaInfo

_MIN_QUALITY = 0.1
"""Frames of lower quality are neither indexed nor matched,"""
_MIN_SINGLE_QUALITY = 0.002
"""unless the frame is the only one and has at least this quality."""


@dataclass(frozen=True, slots=True)
class FrameTrack:
    """The reduced pictures of a file: n frames, in order of time.

    Attributes:
        times_s: float32 (n,), presentation times in seconds.
        coefficients: int8 (n, 16, 16), whitened low-frequency DCT-II coefficients of the
            bar-trimmed luma: rows are vertical frequencies 0..15, columns horizontal ones, the
            mean (0, 0) is always 0, and each frame is scaled to one standard deviation.
        chroma: int8 (n, 4), mean and standard deviation of Cb, then of Cr, halved.
        quality: float32 (n,), 0 (flat or black, never matched) to 1.
        motion_region: float32 (4,), the part of the picture in which anything ever moves: top,
            bottom, left, right as shares; 0, 1, 0, 1 when that is most of the picture.
        bars: float32 (4,), the part of the picture inside its bars, in the same form: the median
            of the frames worth matching; 0, 1, 0, 1 without bars.
        crops: uint8 (m, 32), packed hashes of reference crops, which find crops of this file.
        crop_frames: int32 (m,), the frame of each crop hash.
    """

    times_s: F32
    coefficients: I8
    chroma: I8
    quality: F32
    motion_region: F32
    bars: F32
    crops: U8
    crop_frames: I32

    def worth_matching(self) -> Rows:
        """Rows of the frames that show enough to be distinctive. A single picture may be plainer:
        no better frame stands beside it."""
        minimum = _MIN_QUALITY if len(self.quality) > 1 else _MIN_SINGLE_QUALITY
        return np.flatnonzero(self.quality >= minimum)


@dataclass(frozen=True, slots=True)
class Keypoints:
    """The keypoints of pictures, most distinctive first. The unit of length is the square root of
    the bar-trimmed picture's area.

    Attributes:
        positions: float32 (n, 3), x from the left, y from the top, and scale: the blur at which
            the keypoint was detected.
        descriptors: int8 (n, 8, 8), whitened low-frequency DCT-II coefficients of the
            surroundings.
        aspect: width over height of the picture.
    """

    positions: F32
    descriptors: I8
    aspect: float

    @classmethod
    def empty(cls, aspect: float) -> Keypoints:
        """The keypoints of a picture that has none."""
        return cls(np.zeros((0, 3), np.float32), np.zeros((0, 8, 8), np.int8), aspect)


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """The sound of a file as a constellation of k spectral peaks, in order of time.

    Attributes:
        times_ms: int32 (k,), from the start, in milliseconds.
        frequencies_hz: uint16 (k,), 0..4000.
        levels_db: uint8 (k,), decibels below the loudest peak of the sound.
        silent: the track exists but carries no sound worth matching.
    """

    times_ms: I32
    frequencies_hz: U16
    levels_db: U8
    silent: bool


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Everything the matcher knows of a file; `filmgate.dedupe.fingerprint.codec` stores it."""

    engine: str
    sha256: str
    info: MediaInfo
    frames: FrameTrack | None
    audio: AudioTrack | None
    pdq: tuple[tuple[float, str, int], ...] = ()
    """PDQ exports: (time in seconds, 64 hex digits, PDQ quality 0..100)."""
    notes: tuple[str, ...] = ()
    """What a person should know, such as "the file ends early"."""
    embeddings: EmbeddingTrack | None = None
    """None without an embedding engine or without a usable picture."""
    keypoints: Keypoints | None = None
    """Of an image, or of a few frames of a film together."""
