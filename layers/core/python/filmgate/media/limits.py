"""Bounds on what hostile or very large media may cost."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

_PILLOW_MAX_PIXELS = 178_956_970
"""Pillow refuses larger pictures by itself: twice `PIL.Image.MAX_IMAGE_PIXELS`, which belongs to
the whole process and is therefore left alone."""


class Limits(BaseModel):
    """Bounds on decoding one file. Reaching one ends in a recorded result, not in a crash.

    They protect the service and do not shape results; what shapes them is in
    `filmgate.media.sampling.SamplingSpec`.

    Attributes:
        max_file_bytes: 5 GiB is the largest object that one presigned upload can create, and
            fits into the temporary storage of a function.
        max_image_pixels: area of a still picture; the largest cameras take 100 megapixels.
        max_image_side: longer side of a still picture or an animation, in pixels. JPEG and GIF
            cannot express more than 65,535. Pillow keeps a pointer for each row, so that a
            narrow picture costs far more than its area.
        max_image_bytes: estimated memory that decoding a still picture takes. A WebP of 100
            megapixels needs 1.7 GB; the function has 3 GB.
        max_video_pixels: area of one picture of a video or animation: 8K UHD.
        max_animation_pixels: canvas area times number of pictures of an animation, each picture
            of which is drawn over the last. Pillow composes 50 to 400 million pixels a second,
            so that this takes a few minutes at most.
        max_duration_s: length of a video or sound, in seconds: six hours.
        max_wall_s: time that decoding one file may take, in seconds; the function has 900.
        max_decoded_frames: pictures of a video: six hours at 90 a second.
        max_sampled_frames: pictures that decoding may yield; a wider grid keeps longer videos
            within it.
        max_decode_errors: damaged packets that are skipped before decoding gives up.
    """

    model_config = ConfigDict(frozen=True)

    max_file_bytes: int = 5 * 1024**3
    max_image_pixels: int = Field(default=100_000_000, le=_PILLOW_MAX_PIXELS)
    max_image_side: int = 65_535
    max_image_bytes: int = 1792 * 1024**2
    max_video_pixels: int = 7680 * 4320
    max_animation_pixels: int = 10_000_000_000
    max_duration_s: float = 6 * 3600.0
    max_wall_s: float = 600.0
    max_decoded_frames: int = 2_000_000
    max_sampled_frames: int = 20_000
    max_decode_errors: int = 200
