"""Values that describe media: kinds, facts from the container, decoded frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    # The API and the workers that only move records import this module; numpy costs them 140 ms.
    import numpy as np
    from numpy.typing import NDArray


class MediaKind(StrEnum):
    """How a file is fingerprinted. Animated GIF, WebP and PNG are videos."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"


class MediaInfo(BaseModel):
    """What probing a file told, before any full decode.

    ``width`` and ``height`` are display pixels, after rotation metadata (EXIF, display matrix).
    ``duration_s`` is 0.0 for images. ``frame_rate`` is the average, frames per second.
    """

    model_config = ConfigDict(frozen=True)

    kind: MediaKind
    format: str
    content_type: str
    width: int | None = None
    height: int | None = None
    duration_s: float = 0.0
    frame_rate: float | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    audio_rate_hz: int | None = None
    audio_channels: int | None = None
    created_at: str | None = None
    camera: str | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture.

    Attributes:
        time_s: presentation time from the first picture, in seconds.
        rgb: uint8, shape (height, width, 3), upright, its longer side at most
            ``Limits.working_side`` pixels.
    """

    time_s: float
    rgb: NDArray[np.uint8]


@dataclass(slots=True)
class Decoded:
    """One pass over a file: pictures as they come, and the sound once they are consumed.

    Attributes:
        frames: sampled pictures in order of time; must be consumed before ``audio`` is read.
        audio: float32 mono samples in [-1, 1] at ``audio_rate_hz``; None without an audio track.
        decode_errors: packets that could not be decoded and were stepped over.
        truncated: a limit or the end of a damaged file cut the decoding short.
    """

    frames: Iterator[Frame]
    audio: NDArray[np.float32] | None = None
    audio_rate_hz: int = 8000
    decode_errors: int = 0
    truncated: bool = False
