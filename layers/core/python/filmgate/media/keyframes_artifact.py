"""The artifact ``keyframes``: when a container has keyframes, and small pictures of some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from filmgate.media.consumers import Consumer, Depth, Picture
from filmgate.media.model import MediaInfo
from filmgate.media.packed import read_index
from filmgate.media.picture_set import PictureIndex, PictureSet, check_pictures, read_pictures
from filmgate.media.shared_names import KEYFRAMES
from filmgate.media.timing import SampleClock

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 256
"""Longer side in pixels, as the frames of a fingerprint have."""
MAX_PICTURES = 600
MAX_TIMES = 100_000
"""Of a codec without other pictures, such as ProRes, an hour; later ones are left out."""
_INTERVAL_S = 1.0
"""Seconds between keyframes whose pictures are kept. Encoders place them 2 to 10 apart; a codec
that has nothing else would otherwise be decoded as a whole."""
_INDEX_BYTES = 2 * 1024**2


class KeyframesConsumer(Consumer):
    """Keeps the times of all keyframes and pictures of some, at least a second apart.

    Which these are depends on the times alone, so a pass for keyframes alone gives the same ones.
    """

    depth = Depth.KEYFRAMES

    def __init__(self, info: MediaInfo) -> None:
        self._info = info
        self._set = PictureSet(MAX_PICTURES, KEYFRAMES.max_bytes - _INDEX_BYTES)
        self._clock = SampleClock(max(_INTERVAL_S, info.duration_s / MAX_PICTURES))
        self._container_s: list[float] = []
        self._wanted: set[float] = set()
        self._origin_s = 0.0

    def keyframe(self, container_s: float) -> bool:
        """Note the time of a keyframe, and ask for its picture where one is due."""
        if len(self._container_s) < MAX_TIMES:
            self._container_s.append(container_s)
        if not self._clock.wants(container_s):
            return False
        self._clock.take(container_s)
        self._wanted.add(container_s)
        return True

    def see(self, picture: Picture) -> None:
        """Keep the picture if it is one of those asked for."""
        self._origin_s = picture.container_s - picture.time_s
        if picture.container_s not in self._wanted:
            return
        self._wanted.discard(picture.container_s)
        rgb = picture.rgb(SIDE)
        if rgb is not None:
            self._set.add(picture.time_s, rgb)

    def finish(self) -> bytes:
        """Return the artifact; times before the first picture that is shown are 0."""
        times_s = tuple(round(max(0.0, at - self._origin_s), 6) for at in self._container_s)
        return self._set.packed(KEYFRAMES.name, (self._info.width, self._info.height), times_s)


def read_keyframes_index(body: bytes) -> PictureIndex:
    """Return the index of the artifact, whole or its beginning; see `filmgate.media.packed`.

    Raises:
        DamagedArtifactError: this is not such an artifact.
    """
    return read_index(body, PictureIndex, KEYFRAMES.name)[0]


def read_keyframes(body: bytes) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield (seconds from the first picture, uint8 RGB), the longer side at most `SIDE` pixels.

    Raises:
        DamagedArtifactError: this is not such an artifact, or it is not whole.
    """
    return read_pictures(body, KEYFRAMES.name)


def check(body: bytes) -> None:
    """Raise DamagedArtifactError unless the bytes have the shape and the bounds of the artifact."""
    check_pictures(body, KEYFRAMES.name, side=SIDE, max_pictures=MAX_PICTURES, max_times=MAX_TIMES)
