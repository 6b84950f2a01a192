"""The algorithm parameters of decoding: they change what a file yields, unlike its limits."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class SamplingSpec(BaseModel):
    """How pictures and sound are reduced while a file is decoded.

    Results made with different specifications cannot be compared, so an engine that owns one
    changes its own version together with it.

    Attributes:
        name: the engine that owns the specification.
        version: counts the changes to it.
        frame_side: longer side of a frame in pixels; smaller pictures are not enlarged. At 256
            a frame has twice the pixels each way that the finest feature of a fingerprint needs.
        audio_rate_hz: samples of mono sound a second. At 8000 the sound reaches 4 kHz, where
            speech and music have most of their energy and every codec still keeps it.
    """

    model_config = ConfigDict(frozen=True)

    name: str = "standard"
    version: int = Field(default=1, ge=1)
    frame_side: int = Field(default=256, ge=1)
    audio_rate_hz: int = Field(default=8000, ge=1000, le=192_000)


STANDARD_SAMPLING = SamplingSpec()
"""Used where a caller names no specification of its own."""
