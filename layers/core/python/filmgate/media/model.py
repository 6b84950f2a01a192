"""Values that describe media: kinds, facts from the container, decoded frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from filmgate.media.clean_values import (
    AudioChannels,
    AudioRate,
    Duration,
    FrameRate,
    Side,
    Text,
    Timestamp,
)

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
    """What probing found in a file, before a full decode.

    ``width`` and ``height`` are display pixels, after rotation metadata (EXIF, display matrix).
    ``duration_s`` is 0.0 for images. ``frame_rate`` is the average, in frames per second.
    ``created_at`` is written as in the file, in EXIF or ISO 8601 form. Texts have at most 200
    characters; values that cannot be true are None.
    """

    model_config = ConfigDict(frozen=True)

    kind: MediaKind
    format: str
    content_type: str
    width: Side = None
    height: Side = None
    duration_s: Duration = 0.0
    frame_rate: FrameRate = None
    video_codec: Text = None
    audio_codec: Text = None
    audio_rate_hz: AudioRate = None
    audio_channels: AudioChannels = None
    created_at: Timestamp = None
    camera: Text = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture.

    Attributes:
        time_s: presentation time from the first picture, in seconds.
        rgb: uint8, shape (height, width, 3), upright, its longer side at most
            ``SamplingSpec.frame_side`` pixels.
    """

    time_s: float
    rgb: NDArray[np.uint8]


@dataclass(slots=True)
class Decoded:
    """One pass over a file: an iterator of pictures, and the sound once they are consumed.

    Attributes:
        frames: sampled pictures in order of time; consume them before reading ``audio``.
        audio: float32 mono samples in [-1, 1] at ``audio_rate_hz``; None without an audio track.
        audio_rate_hz: samples a second.
        decode_errors: number of packets that could not be decoded and were skipped.
        truncated: whether a limit or the end of a damaged file cut the decoding short.
    """

    frames: Iterator[Frame]
    audio: NDArray[np.float32] | None = None
    audio_rate_hz: int = 8000
    decode_errors: int = 0
    truncated: bool = False
