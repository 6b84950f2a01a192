"""From collected pictures to the frame track and the keypoints of a fingerprint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from filmgate.arrays import F32, I8, I32, U8, Rows
from filmgate.dedupe.fingerprint import dct
from filmgate.dedupe.fingerprint.augmented_hashes import (
    REFERENCE_CROPS,
    WHOLE,
    Box,
    motion_region,
    tilted_hashes,
)
from filmgate.dedupe.fingerprint.frame_collector import FrameCollector
from filmgate.dedupe.fingerprint.keypoints import MIN_KEYPOINTS, detect_keypoints, merge_keypoints
from filmgate.dedupe.fingerprint.model import FrameTrack, Keypoints
from filmgate.dedupe.fingerprint.trimming import PixelBox, TrimmedFrames, trim

_BAR_REACH_S = 1.0
"""Seconds before and after a picture in which the bars must be the same."""
_CROP_GAP_S = 2.0
"""Seconds between frames of which reference crops are hashed."""
_NO_CONTRAST = 4.0
"""Standard deviation of luma, of 255, up to which a picture shows nothing."""
_FULL_CONTRAST = 20.0
"""Standard deviation of luma from which contrast does not lower the quality any more."""
_PLAIN_SHAPES = 12.0
"""Effective number of coefficients (participation ratio) from which a picture is not plain."""


def reduce_frames(
    collector: FrameCollector, rate_hz: float
) -> tuple[FrameTrack | None, Keypoints | None]:
    """The frame track and the keypoints; both None without a picture.

    Args:
        rate_hz: pictures a second that were sampled.
    """
    if not collector.times_s:
        return None, None
    groups = trim(collector.luma, max(1, round(_BAR_REACH_S * rate_hz)))
    points = _keypoints(collector, groups)
    # Keypoints find a single picture better than reference crops do, if it has enough of them.
    plain = points is None or len(points.positions) < MIN_KEYPOINTS
    return _track(collector, groups, with_crops=plain or not collector.is_image), points


def _keypoints(collector: FrameCollector, groups: Sequence[TrimmedFrames]) -> Keypoints | None:
    """The keypoints of the larger pictures, inside their bars."""
    per_frame = []
    for group in groups:
        top, bottom, left, right = group.box
        for row in group.rows:
            fine = collector.keypoint_luma.get(int(row))
            if fine is None:
                continue
            vertical = fine.shape[0] / group.luma.shape[1]
            horizontal = fine.shape[1] / group.luma.shape[2]
            rows = slice(round(top * vertical), round(bottom * vertical))
            columns = slice(round(left * horizontal), round(right * horizontal))
            per_frame.append(detect_keypoints(fine[rows, columns]))
    return merge_keypoints(per_frame) if per_frame else None


@dataclass(slots=True)
class _CropHashes:
    """Reference hashes, and the frame of each."""

    hashes: list[U8] = field(default_factory=list)
    frames: list[I32] = field(default_factory=list)

    def add(self, group: TrimmedFrames, raw: F32, motion: Box, chosen: Rows) -> None:
        """Hash parts and tilts of some pictures of a group.

        Args:
            raw: float32 (n, 16, 16), the raw coefficients of the group's pictures.
            motion: see `motion_region`; `WHOLE` adds no hash.
            chosen: rows of the group.
        """
        regions = (*REFERENCE_CROPS, *((motion,) if motion != WHOLE else ()))
        hashes = [
            dct.bits(dct.quantize(dct.whiten(dct.project(group.luma[chosen], group.part(region)))))
            for region in regions
        ]
        hashes += tilted_hashes(raw[chosen], group.aspect)
        self.hashes += hashes
        self.frames += [group.rows[chosen].astype(np.int32)] * len(hashes)

    def usable(self, quality: F32) -> tuple[U8, I32]:
        """Hashes of frames with a quality above 0, uint8 (m, 32), and their frames, int32 (m,)."""
        frames = np.concatenate(self.frames)
        usable = quality[frames] > 0
        return np.concatenate(self.hashes)[usable], frames[usable]


def _track(
    collector: FrameCollector, groups: Sequence[TrimmedFrames], *, with_crops: bool
) -> FrameTrack:
    times = np.array(collector.times_s, dtype=np.float32)
    raw = np.zeros((len(times), dct.SIDE, dct.SIDE), dtype=np.float32)
    chroma = np.zeros((len(times), 4), dtype=np.int8)
    boxes = np.zeros((len(times), 4), dtype=np.float32)
    crop_rows = _rows_apart(times, _CROP_GAP_S) if with_crops else []
    crops = _CropHashes()
    moving = WHOLE
    for group in groups:
        rows = group.rows
        raw[rows] = dct.project(group.luma, group.box)
        boxes[rows] = group.box_shares
        planes = np.stack([collector.chroma[row] for row in rows])
        chroma[rows] = _chroma_statistics(planes, group.box, group.luma.shape)
        motion = motion_region(group.inside)
        moving = moving if motion == WHOLE else motion
        crops.add(group, raw[rows], motion, np.flatnonzero(np.isin(rows, crop_rows)))
    coefficients = dct.quantize(dct.whiten(raw))
    quality = _quality(raw, coefficients)
    crop_hashes, crop_frames = crops.usable(quality)
    return FrameTrack(
        times_s=times,
        coefficients=coefficients,
        chroma=chroma,
        quality=quality,
        motion_region=np.array(moving, dtype=np.float32),
        bars=np.median(boxes[quality > 0] if (quality > 0).any() else boxes, axis=0),
        crops=crop_hashes,
        crop_frames=crop_frames,
    )


def _chroma_statistics(planes: F32, box: PixelBox, shape: tuple[int, ...]) -> I8:
    """Halved means and deviations of the chroma inside a box of the luma.

    Args:
        planes: float32 (n, height, width, 2).
        box: in pixels of the luma.
        shape: of the luma, (n, height, width).

    Returns:
        int8 (n, 4): mean and deviation of Cb, then of Cr.
    """
    vertical, horizontal = planes.shape[1] / shape[1], planes.shape[2] / shape[2]
    top, bottom, left, right = box
    first_row, first_column = math.ceil(top * vertical), math.ceil(left * horizontal)
    inside = planes[
        :,
        first_row : max(int(bottom * vertical), first_row + 1),
        first_column : max(int(right * horizontal), first_column + 1),
    ].reshape(len(planes), -1, 2)
    values = np.stack([inside.mean(axis=1), inside.std(axis=1)], axis=2) / 2
    return np.clip(np.rint(values), -127, 127).astype(np.int8).reshape(len(planes), 4)


def _rows_apart(times: F32, gap_s: float) -> list[int]:
    """Rows at least `gap_s` apart, from the first."""
    chosen: list[int] = []
    for row, time_s in enumerate(times):
        if not chosen or time_s - times[chosen[-1]] >= gap_s - 1e-3:
            chosen.append(row)
    return chosen


def _quality(raw: F32, coefficients: NDArray[np.int8]) -> F32:
    """0 for flat or nearly plain pictures, up to 1 for enough contrast and detail to match."""
    strength = (dct.contrast(raw) - _NO_CONTRAST) / (_FULL_CONTRAST - _NO_CONTRAST)
    energy = np.square(coefficients.astype(np.float32)).reshape(len(raw), -1)
    spread = np.square(energy.sum(axis=1)) / np.maximum(np.square(energy).sum(axis=1), 1)
    return (np.clip(strength, 0, 1) * np.clip(spread / _PLAIN_SHAPES, 0, 1)).astype(np.float32)
