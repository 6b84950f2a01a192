"""The artifact ``frames``: pictures at 640 pixels, one a second and one of each shot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from filmgate.media.consumers import Consumer, Depth, Picture
from filmgate.media.model import MediaInfo
from filmgate.media.packed import read_index
from filmgate.media.picture_set import PictureIndex, PictureSet, check_pictures, read_pictures
from filmgate.media.shared_names import FRAMES
from filmgate.media.shots_artifact import ShotsConsumer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 640
"""Longer side in pixels: what detectors of objects, faces and text take."""
MAX_FRAMES = 600
"""Ten minutes at one a second. Half a second for each is what an engine has within a function's
five minutes; of a longer film the pictures are further apart."""
_GRID_SHARE = 0.75
"""Share of them for the grid of a long film; the rest is for shots that it misses."""
_INTERVAL_S = 1.0
_MIN_GAP_S = 0.2
"""Seconds between two frames, however short the shots are."""
_INDEX_BYTES = 1024**2
"""Room for the index."""


class FramesConsumer(Consumer):
    """Keeps the pictures of the artifact.

    Each is one that the sampling grid picked. A shot gets its own as soon as its beginning is
    known, half a second after it; one that is over by then may have none.
    """

    depth = Depth.SAMPLED

    def __init__(self, info: MediaInfo, shots: ShotsConsumer) -> None:
        """Args:
        shots: sees each picture before this does.
        """
        self._info = info
        self._shots = shots
        self._set = PictureSet(MAX_FRAMES, FRAMES.max_bytes - _INDEX_BYTES)
        self._interval_s = max(_INTERVAL_S, info.duration_s / (_GRID_SHARE * MAX_FRAMES))
        self._gap_s = max(_MIN_GAP_S, info.duration_s / MAX_FRAMES)
        self._next_s = 0.0
        self._last_s = -self._interval_s
        self._shot = 0

    def see(self, picture: Picture) -> None:
        """Keep a sampled picture at a tick of the grid, or the first one of a shot."""
        if not picture.sampled:
            return
        spread = 2**self._set.thinned
        new_shot = self._shots.count > self._shot
        due = picture.time_s >= self._next_s - 1e-3
        early = picture.time_s - self._last_s < self._gap_s * spread - 1e-3
        if not due and (early or not new_shot):
            return
        rgb = picture.rgb(SIDE)
        if rgb is None:
            return
        self._set.add(picture.time_s, rgb)
        self._last_s = picture.time_s
        self._shot = self._shots.count
        interval_s = self._interval_s * spread
        self._next_s = (picture.time_s // interval_s + 1) * interval_s

    def finish(self) -> bytes:
        """Return the artifact."""
        return self._set.packed(FRAMES.name, (self._info.width, self._info.height))


def read_frames_index(body: bytes) -> PictureIndex:
    """Return the index of the artifact, whole or its beginning; see `filmgate.media.packed`.

    Raises:
        DamagedArtifactError: this is not such an artifact.
    """
    return read_index(body, PictureIndex, FRAMES.name)[0]


def read_frames(body: bytes) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield (seconds from the first picture, uint8 RGB (height, width, 3)), in order of time.

    The longer side has at most `SIDE` pixels. Sound alone gives none.

    Raises:
        DamagedArtifactError: this is not such an artifact, or it is not whole.
    """
    return read_pictures(body, FRAMES.name)


def check(body: bytes) -> None:
    """Raise DamagedArtifactError unless the bytes have the shape and the bounds of the artifact."""
    check_pictures(body, FRAMES.name, side=SIDE, max_pictures=MAX_FRAMES, max_times=0)
