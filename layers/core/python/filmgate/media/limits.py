"""Bounds on what hostile or huge media may cost."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Limits(BaseModel):
    """Caps on decoding one file. Every one ends in a recorded result, not in a crash.

    Sizes in bytes, sides and areas in pixels, times in seconds.
    """

    model_config = ConfigDict(frozen=True)

    max_file_bytes: int = 5 * 1024**3
    max_image_pixels: int = 100_000_000
    max_video_pixels: int = 7680 * 4320
    max_duration_s: float = 6 * 3600.0
    max_wall_s: float = 600.0
    max_decoded_frames: int = 2_000_000
    max_sampled_frames: int = 20_000
    max_decode_errors: int = 200
    working_side: int = 256
