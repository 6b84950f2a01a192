"""What is kept of a file for comparing it with others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filmgate.engines.embedding.track import EmbeddingTrack
from filmgate.media.model import MediaInfo

_MIN_QUALITY = 0.1
_MIN_LONE_QUALITY = 0.002


@dataclass(frozen=True, slots=True)
class FrameTrack:
    """The pictures of a file, reduced. n frames, in order of time.

    Attributes:
        times_s: float32 (n,), presentation times in seconds.
        coefficients: int8 (n, 16, 16), whitened low-frequency DCT-II coefficients of the
            bar-trimmed luma: rows are vertical frequencies 0..15, columns horizontal ones, the
            mean (0, 0) is always 0, and each frame is scaled to one standard deviation.
        chroma: int8 (n, 4), mean and standard deviation of Cb, then of Cr, halved.
        quality: float32 (n,), 0 (flat or black, not to be matched) to 1.
        stirring: float32 (4,), the part of the picture in which anything ever moves: top,
            bottom, left, right as shares; 0, 1, 0, 1 when that is most of it.
        bars: float32 (4,), the part of the picture inside its bars, in the same way: the median
            of the frames worth matching; 0, 1, 0, 1 when there are none.
        crops: uint8 (m, 32), packed hashes of reference crops, for finding crops of this file.
        crop_frames: int32 (m,), the frame each crop hash was made of.
    """

    times_s: NDArray[np.float32]
    coefficients: NDArray[np.int8]
    chroma: NDArray[np.int8]
    quality: NDArray[np.float32]
    stirring: NDArray[np.float32]
    bars: NDArray[np.float32]
    crops: NDArray[np.uint8]
    crop_frames: NDArray[np.int32]

    def worth_matching(self) -> NDArray[np.intp]:
        """Rows of the frames that show enough to be told apart. A lone picture may be plainer:
        it has no better frame beside it."""
        least = _MIN_QUALITY if len(self.quality) > 1 else _MIN_LONE_QUALITY
        return np.flatnonzero(self.quality >= least)


@dataclass(frozen=True, slots=True)
class Keypoints:
    """The keypoints of pictures, most telling first; lengths are in units of the square root of
    the bar-trimmed picture's area.

    Attributes:
        places: float32 (n, 3), x from the left, y from the top, and scale: the blur at which the
            keypoint stands out.
        patches: int8 (n, 8, 8), whitened low-frequency DCT-II coefficients of the surroundings.
        aspect: width over height of the picture.
    """

    places: NDArray[np.float32]
    patches: NDArray[np.int8]
    aspect: float

    @classmethod
    def none(cls, aspect: float) -> Keypoints:
        """Of a picture that has none."""
        return cls(np.zeros((0, 3), np.float32), np.zeros((0, 8, 8), np.int8), aspect)


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """The sound of a file as a constellation of k spectral peaks, in order of time.

    Attributes:
        times_ms: int32 (k,), from the start, in milliseconds.
        frequencies_hz: uint16 (k,), 0..4000.
        levels_db: uint8 (k,), by how much each is weaker than the loudest of all.
        silent: the track exists but carries no sound worth matching.
    """

    times_ms: NDArray[np.int32]
    frequencies_hz: NDArray[np.uint16]
    levels_db: NDArray[np.uint8]
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
    """None where no engine was there to make them, or no picture to make them of."""
    keypoints: Keypoints | None = None
    """Of an image, or of a few frames of a film together."""
