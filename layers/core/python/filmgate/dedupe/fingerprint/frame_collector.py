"""Reduces pictures as they are decoded, so that a video never lies in memory as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from filmgate.arrays import F32, U8
from filmgate.dedupe.fingerprint.color import chroma, halve, luma
from filmgate.dedupe.fingerprint.keypoints import SIDE as KEYPOINT_SIDE
from filmgate.dedupe.fingerprint.pdq import pdq
from filmgate.media.model import Frame, MediaInfo, MediaKind

_PDQ_GAP_S = 1.0
"""Seconds between exported PDQ hashes."""
_LUMA_SIDE = 128
"""Longest side of a video's luma plane: eight pixels for each of the 16 frequencies kept."""
_IMAGE_LUMA_SIDE = 256
"""Longest side of an image's luma plane."""
_CHROMA_SIDE = 32
"""Longest side of a chroma plane, of which only means and deviations are kept."""
_KEYPOINT_FRAMES = 6
"""Frames of a video that get keypoints; each takes about 20 ms."""


class FrameCollector:
    """Small planes of every picture, and larger ones of the few that get keypoints.

    Attributes:
        is_image: whether the file is an image.
        times_s: presentation times, in order.
        luma: uint8 (height, width) of each picture, at most `_LUMA_SIDE` (an image's
            `_IMAGE_LUMA_SIDE`) a side.
        chroma: float32 (height, width, 2) of each picture, at most `_CHROMA_SIDE` a side.
        keypoint_luma: float32 (height, width) of some pictures, by row, at most
            `KEYPOINT_SIDE` a side.
        pdq_hashes: (time in seconds, 64 hex digits, quality), about one a second.
    """

    def __init__(self, info: MediaInfo, on_frame: Callable[[Frame], None] | None) -> None:
        self.is_image = info.kind is MediaKind.IMAGE
        self.times_s: list[float] = []
        self.luma: list[U8] = []
        self.chroma: list[F32] = []
        self.keypoint_luma: dict[int, F32] = {}
        self.pdq_hashes: list[tuple[float, str, int]] = []
        self._side = _IMAGE_LUMA_SIDE if self.is_image else _LUMA_SIDE
        self._keypoint_gap_s = info.duration_s / _KEYPOINT_FRAMES
        self._on_frame = on_frame

    def collect(self, frames: Iterable[Frame]) -> None:
        """Reduce pictures, in order of time."""
        for frame in frames:
            if self._on_frame:
                self._on_frame(frame)
            if not self.pdq_hashes or frame.time_s - self.pdq_hashes[-1][0] >= _PDQ_GAP_S:
                self.pdq_hashes.append(pdq(frame))
            self._add_planes(frame)

    def _add_planes(self, frame: Frame) -> None:
        picture: U8 | F32 = frame.rgb
        if self._gets_keypoints(frame.time_s):
            picture = halve(frame.rgb, KEYPOINT_SIDE)
            self.keypoint_luma[len(self.times_s)] = luma(picture)
        self.times_s.append(frame.time_s)
        small = halve(picture, self._side)
        self.luma.append(np.rint(luma(small)).astype(np.uint8))
        self.chroma.append(chroma(halve(small, _CHROMA_SIDE)))

    def _gets_keypoints(self, time_s: float) -> bool:
        """The first picture does, and others at even distances after it."""
        count = len(self.keypoint_luma)
        if count >= _KEYPOINT_FRAMES:
            return False
        first = self.times_s[0] if self.times_s else time_s
        return time_s - first >= count * self._keypoint_gap_s - 1e-3
