"""Turn decoded video frames into small upright RGB arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmgate.errors import MediaRefused
from filmgate.media.geometry import UPRIGHT, display_size, fit, frame_orientation
from filmgate.media.limits import Limits

if TYPE_CHECKING:
    import numpy as np
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter
    from av.video.stream import VideoStream
    from numpy.typing import NDArray


class Scaler:
    """Scales the frames of one stream to several sizes.

    A reformatter holds the tables of one conversion, so each size has its own.
    """

    def __init__(self, stream: VideoStream, limits: Limits) -> None:
        self._stream = stream
        self._limits = limits
        self._reformatters: dict[tuple[int, bool], VideoReformatter] = {}

    def rgb(self, frame: VideoFrame, side: int, *, averaged: bool = True) -> NDArray[np.uint8]:
        """Return the frame upright, its longer side at most ``side`` pixels.

        Args:
            averaged: over areas; False takes single pixels, at a small part of the cost.

        Raises:
            MediaRefused: ``too_many_pixels``.
            av.FFmpegError, ValueError: the frame cannot be converted.
        """
        import numpy as np  # noqa: PLC0415
        from av.video.reformatter import (  # noqa: PLC0415
            ColorRange,
            Interpolation,
            VideoReformatter,
        )

        if frame.width * frame.height > self._limits.max_video_pixels:
            raise MediaRefused(
                "too_many_pixels",
                "The video's pictures grow larger than what is allowed. Upload a smaller version.",
            )
        displayed = display_size(self._stream, frame.width, frame.height, UPRIGHT)
        width, height = fit(*displayed, side)
        reformatter = self._reformatters.setdefault((side, averaged), VideoReformatter())
        reduced = reformatter.reformat(
            frame,
            width,
            height,
            format="rgb24",
            interpolation=Interpolation.AREA if averaged else Interpolation.POINT,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
        rgb = reduced.to_ndarray().astype(np.uint8, copy=False)
        return np.ascontiguousarray(frame_orientation(frame).apply(rgb))
