"""The orientation and displayed size of pictures, whatever decoder they come from."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import numpy as np
    from av.buffer import Buffer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

_PIXEL_SHAPES = (0.2, 5.0)
"""Ratios of width to height that a stored pixel can have. The widest in use, 2.67, belongs to
anamorphic DV; a value beyond these is a mistake in the file."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways a picture can be stored: transpose first, then flip."""

    transpose: bool = False
    flip_columns: bool = False
    flip_rows: bool = False

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn an array of shape (height, width, channels) upright; a view where possible."""
        if self.transpose:
            picture = picture.swapaxes(0, 1)
        rows = slice(None, None, -1 if self.flip_rows else 1)
        columns = slice(None, None, -1 if self.flip_columns else 1)
        return picture[rows, columns]


UPRIGHT = Orientation()


def frame_orientation(frame: VideoFrame) -> Orientation:
    """Read the orientation of a decoded frame from its display matrix (ISO/IEC 14496-12).

    Angles that are not multiples of 90 degrees are rounded to the nearest one.
    """
    import numpy as np  # noqa: PLC0415
    from av.sidedata.sidedata import SideDataContainer  # noqa: PLC0415

    # `frame.side_data` would store this container in the frame, which the container refers to.
    # Such a cycle keeps every decoded picture in memory until the cyclic collector runs.
    try:
        side_data = SideDataContainer(frame).get("DISPLAYMATRIX")  # type: ignore[call-arg]
    except ValueError:
        # PyAV has no name for one of the kinds of side data, such as the EXIF of Motion JPEG.
        # The rotation can still be read, though not whether the picture is mirrored.
        return rotation_orientation(frame.rotation)
    if side_data is None:
        return UPRIGHT
    matrix = np.frombuffer(bytes(cast("Buffer", side_data)), dtype=np.int32)
    if matrix.size < 9:
        return UPRIGHT
    return _matrix_orientation(*(float(matrix[i]) for i in (0, 1, 3, 4)))


def rotation_orientation(degrees: float) -> Orientation:
    """Return the orientation of a picture to be rotated counter-clockwise by an angle."""
    angle = radians(-degrees)
    return _matrix_orientation(cos(angle), sin(angle), -sin(angle), cos(angle))


def _matrix_orientation(a: float, b: float, c: float, d: float) -> Orientation:
    """Round the transform x' = a x + c y, y' = b x + d y to one of the eight orientations."""
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)


def display_size(
    stream: VideoStream, width: int, height: int, orientation: Orientation
) -> tuple[int, int]:
    """Return (width, height) as displayed, with pixel shape and orientation applied."""
    shape = stream.sample_aspect_ratio
    ratio = float(shape) if shape else 1.0
    if not _PIXEL_SHAPES[0] <= ratio <= _PIXEL_SHAPES[1]:
        ratio = 1.0
    width = max(1, round(width * ratio))
    return (height, width) if orientation.transpose else (width, height)


def fit(width: int, height: int, side: int) -> tuple[int, int]:
    """Return the size scaled down, never up, so that its longer side is at most ``side``."""
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
