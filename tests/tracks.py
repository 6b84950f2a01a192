"""Films made of coefficients alone, where a test needs frames at times that no file has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint.model import Fingerprint, FrameTrack
from filmgate.dedupe.matching.frame_features import MatchableFrames, matchable_frames
from filmgate.media.model import MediaInfo, MediaKind

Floats = NDArray[np.float32]
_WHOLE = np.array([0, 1, 0, 1], dtype=np.float32)
_LEVEL = 20
"""Coefficients of deviation 1 as stored, far from where they are clipped."""


def film(background: int, content: int, share: float, frames: int = 20) -> Floats:
    """A still background with content that changes: float32 (frames, 16, 16)."""
    still = np.random.default_rng(background).normal(size=(1, 16, 16))
    moving = np.random.default_rng(100 + content).normal(size=(frames, 16, 16))
    return (still * (1 - share) + moving * share).astype(np.float32)


def noisy(frames: Floats, level: float = 0.02, seed: int = 9) -> Floats:
    noise = np.random.default_rng(seed).normal(size=frames.shape)
    return (frames + level * noise).astype(np.float32)


def scenes(count: int, frames_each: int, seed: int) -> Floats:
    """A film of other pictures in every scene, which change a little all the time."""
    rng = np.random.default_rng(seed)
    shown = np.repeat(rng.normal(size=(count, 16, 16)), frames_each, axis=0)
    drift = rng.normal(size=shown.shape)
    return (shown + 0.5 * drift).astype(np.float32)


def taken(frames: Floats, times: NDArray[np.floating], name: str = "a") -> Fingerprint:
    """The fingerprint of a silent film with these pictures at these times."""
    count = len(frames)
    coefficients = np.clip(np.rint(frames * _LEVEL), -127, 127).astype(np.int8)
    coefficients[:, 0, 0] = 0
    track = FrameTrack(
        times_s=times.astype(np.float32),
        coefficients=coefficients,
        chroma=np.zeros((count, 4), dtype=np.int8),
        quality=np.ones(count, dtype=np.float32),
        motion_region=_WHOLE,
        bars=_WHOLE,
        crops=np.zeros((0, 32), dtype=np.uint8),
        crop_frames=np.zeros(0, dtype=np.int32),
    )
    info = MediaInfo(
        kind=MediaKind.VIDEO,
        format="mp4",
        content_type="video/mp4",
        duration_s=float(times[-1]) if count else 0.0,
        width=640,
        height=360,
    )
    return Fingerprint(engine="engine/1", sha256=name, info=info, frames=track, audio=None)


def barred(fingerprint: Fingerprint, *edges: float) -> Fingerprint:
    """The same with bars outside these edges: top, bottom, left, right."""
    assert fingerprint.frames is not None
    bars = np.array(edges, dtype=np.float32)
    return replace(fingerprint, frames=replace(fingerprint.frames, bars=bars))


def shown(frames: Floats, rate_hz: float = 8.0) -> MatchableFrames:
    """What matching uses of a film."""
    found = matchable_frames(taken(frames, np.arange(len(frames)) / rate_hz))
    assert found is not None
    return found


def moving(seconds: float, speed: float, share: float, rate_hz: float = 8.0) -> Floats:
    """A still background before which something moves smoothly, played faster or slower.

    Args:
        share: of the picture that moves, 0..1.
    """
    rng = np.random.default_rng(5)
    still = rng.normal(size=(1, 16, 16))
    knots = rng.normal(size=(round(seconds * 2) + 2, 16, 16))
    at = np.arange(round(seconds / speed * rate_hz)) / rate_hz * speed * 2
    before = np.minimum(at.astype(int), len(knots) - 2)
    blend = (at - before)[:, None, None]
    there = (1 - blend) * knots[before] + blend * knots[before + 1]
    return (still * (1 - share) + there * share).astype(np.float32)
