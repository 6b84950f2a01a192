"""From a file to its fingerprint, in one pass over the file.

Decoding dominates the cost, so the file is decoded once, every sampled picture is reduced as it
comes, and the sound is taken along in the same pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe import versions
from filmgate.dedupe.fingerprint import dct, letterbox
from filmgate.dedupe.fingerprint.augmented_hashes import CROPS, WHOLE, Box, stirring, tilted
from filmgate.dedupe.fingerprint.constellation import constellation
from filmgate.dedupe.fingerprint.keypoints import FEW, SIDE, keypoints, merged
from filmgate.dedupe.fingerprint.model import AudioTrack, Fingerprint, FrameTrack, Keypoints
from filmgate.dedupe.fingerprint.pdq import pdq
from filmgate.engines.embedding.port import EmbeddingEngine, EmbeddingError
from filmgate.engines.embedding.sampling import Sampler, embedded
from filmgate.engines.embedding.track import EmbeddingTrack
from filmgate.media.consumers import Consumer
from filmgate.media.decode import decode
from filmgate.media.limits import Limits
from filmgate.media.model import Decoded, Frame, MediaInfo, MediaKind
from filmgate.media.sampling import SamplingSpec

ENGINE = versions.FINGERPRINT
SAMPLING = SamplingSpec(name="filmgate-fingerprint", version=1, frame_side=256, audio_rate_hz=8000)
"""What fingerprints are made from; changing it changes them, and so needs another `ENGINE`."""

_RATE_HZ = 4.0
"""Pictures a second of a film."""
_SHORT_RATE_HZ = 8.0
"""Of a film of up to a minute (`_SHORT_FRAMES`); fewer the longer it is."""
_SHORT_FRAMES = 480
"""480 at 8 a second are a minute, at 4 two."""
_BRIEF_RATE_HZ = 16.0
"""Of a clip of up to two seconds (`_BRIEF_FRAMES`), for a line through time needs some."""
_BRIEF_FRAMES = 32
"""32 at 16 a second are two seconds, at 8 four."""
_EXACT_S = 20.0
"""Films up to this long are looked at without slack."""
_SLACK_S = 0.5
"""See `slack`."""
_UNSEEN_S = 1.0
"""Seconds at the end in which no picture may have been taken though all was decoded: a quarter
between two, and half of slack."""
_MAX_FRAMES = 14_400
"""An hour at 4 a second; a longer film is looked at less often."""
_CROP_GAP_S = 2.0
"""Seconds between frames of which reference crops are hashed."""
_FINE_FRAMES = 6
"""Frames of a film that get keypoints; 20 ms each."""
_PDQ_GAP_S = 1.0
"""Seconds between exported PDQ hashes."""
_LUMA_SIDE = 128
"""Longest side of a film's luma: eight pixels for each of the 16 frequencies kept."""
_IMAGE_SIDE = 256
"""The same of an image."""
_CHROMA_SIDE = 32
"""The same of chroma, of which only means and deviations are kept."""
_BAR_REACH_S = 1.0
"""Seconds to either side that must agree on a bar."""
_NO_CONTRAST = 4.0
"""Deviation of luma, of 255, at which a picture shows nothing,"""
_FULL_CONTRAST = 20.0
"""and from which on contrast says no more of its quality."""
_PLAIN_SHAPES = 12.0
"""Effective number of coefficients (participation ratio) of a picture that is not plain."""
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Rec. 601."""
_PAIR = np.tile(np.eye(3, dtype=np.float32), (2, 1)) / 4
"""Means of 2 x 2 pixels, from sums of two rows."""
_CHROMA = np.array([[-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]], dtype=np.float32)


def fingerprint(
    path: Path,
    sha256: str,
    info: MediaInfo,
    limits: Limits,
    on_frame: Callable[[Frame], None] | None = None,
    *,
    embedder: EmbeddingEngine | None = None,
    consumers: Sequence[Consumer] = (),
) -> Fingerprint:
    """Decode a file and keep what comparing it needs.

    Args:
        path: a local file.
        sha256: its digest, kept for telling identical bytes.
        info: from `filmgate.media.probe`.
        limits: bounds on decoding.
        on_frame: called with each sampled picture, for those who want to keep some.
        embedder: makes vectors of some pictures; a note tells where it failed.
        consumers: take more from the same pass; the fingerprint is the same with them.

    Raises:
        MediaRefused: nothing in the file can be decoded.
    """
    rate = sample_rate(info)
    decoded = decode(
        path,
        info,
        limits,
        sample_rate_hz=rate,
        max_sampling_gap_s=slack(info),
        sampling=SAMPLING,
        consumers=consumers,
    )
    reducer = _Reducer(info, rate, on_frame)
    sampler = Sampler()
    reducer.take(decoded.frames if embedder is None else sampler.passing(decoded.frames))
    track, points = reducer.reduced()
    audio = None if decoded.audio is None else constellation(decoded.audio)
    embeddings, notes = _embedded(embedder, sampler, track)
    return Fingerprint(
        engine=ENGINE,
        sha256=sha256,
        info=info,
        frames=track,
        audio=audio,
        pdq=tuple(reducer.pdqs),
        notes=_notes(decoded, info, track, audio) + notes,
        embeddings=embeddings,
        keypoints=points,
    )


def sample_rate(info: MediaInfo) -> float:
    """Pictures a second to look at: more of short clips, fewer of long films.

    Two copies are seldom sampled at the same instants. The denser one is sampled, the closer
    its pictures come to those of the other, and most of what is looked at is decoded anyway.
    """
    if info.duration_s <= 0:
        return _SHORT_RATE_HZ
    short = min(_SHORT_RATE_HZ, _SHORT_FRAMES / info.duration_s)
    brief = min(_BRIEF_RATE_HZ, _BRIEF_FRAMES / info.duration_s)
    return min(max(_RATE_HZ, short, brief), _MAX_FRAMES / info.duration_s)


def slack(info: MediaInfo) -> float:
    """Seconds of a video that may go unseen: none of a short one, which shows little anyway.

    Half of the second that `matching.temporal` bridges, so that one weak picture breaks nothing.
    """
    return _SLACK_S if info.duration_s > _EXACT_S else 0.0


def _notes(
    decoded: Decoded, info: MediaInfo, track: FrameTrack | None, audio: AudioTrack | None
) -> tuple[str, ...]:
    notes = []
    if decoded.truncated:
        pictures = 0.0 if track is None else float(track.times_s.max(initial=0))
        sound = 0.0 if audio is None else float(audio.times_ms.max(initial=0)) / 1000
        notes.append(_cut_short(max(pictures, sound), info.duration_s))
    if decoded.decode_errors:
        notes.append(f"{decoded.decode_errors} damaged packets were stepped over.")
    return tuple(notes)


def _cut_short(seen_s: float, length_s: float) -> str:
    """How much was decoded of what the container states, if that is much less."""
    early = "The file ends early or reached a limit"
    if length_s - seen_s < _UNSEEN_S:
        return f"{early}; only what could be read was used."
    return f"{early}: {seen_s:.1f} of {length_s:.1f} s could be decoded."


def _embedded(
    embedder: EmbeddingEngine | None, sampler: Sampler, track: FrameTrack | None
) -> tuple[EmbeddingTrack | None, tuple[str, ...]]:
    """The vectors, and what to note. A model that fails keeps no file from being matched."""
    if embedder is None or track is None:
        return None, ()
    try:
        return embedded(embedder, sampler, track.times_s[track.worth_matching()]), ()
    except EmbeddingError as error:
        return None, (f"No embeddings were made: {error}.",)


@dataclass(frozen=True, slots=True)
class _Trimmed:
    """Frames of one size with bars of one size.

    Attributes:
        rows: int64 (n,), which frames.
        luma: uint8 (n, height, width).
        box: top, bottom, left, right of what is no bar, in pixels.
    """

    rows: NDArray[np.int64]
    luma: NDArray[np.uint8]
    box: tuple[int, int, int, int]


class _Reducer:
    """Keeps of each frame what the track is made of: small luma, and now and then a PDQ hash.

    Of an image, and of a few frames of a film, it keeps a larger one too, for keypoints.
    """

    def __init__(
        self, info: MediaInfo, rate_hz: float, on_frame: Callable[[Frame], None] | None
    ) -> None:
        self._image = info.kind is MediaKind.IMAGE
        self._side = _IMAGE_SIDE if self._image else _LUMA_SIDE
        self._reach = max(1, round(_BAR_REACH_S * rate_hz))
        self._fine: dict[int, NDArray[np.float32]] = {}
        self._fine_gap_s = info.duration_s / _FINE_FRAMES
        self._on_frame = on_frame
        self._times: list[float] = []
        self._luma: list[NDArray[np.uint8]] = []
        self._chroma: list[NDArray[np.float32]] = []
        self.pdqs: list[tuple[float, str, int]] = []

    def take(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            if self._on_frame:
                self._on_frame(frame)
            if not self.pdqs or frame.time_s - self.pdqs[-1][0] >= _PDQ_GAP_S:
                self.pdqs.append(pdq(frame))
            picture: NDArray[Any] = frame.rgb
            if self._is_due(frame.time_s):
                picture = halve(frame.rgb, SIDE)
                self._fine[len(self._times)] = picture @ _LUMA
            self._times.append(frame.time_s)
            small = halve(picture, self._side)
            self._luma.append(np.rint(small @ _LUMA).astype(np.uint8))
            self._chroma.append(chroma(halve(small, _CHROMA_SIDE)))

    def _is_due(self, time_s: float) -> bool:
        """A larger picture is wanted: the first, and others evenly after it."""
        if len(self._fine) >= _FINE_FRAMES:
            return False
        first = self._times[0] if self._times else time_s
        return time_s - first >= len(self._fine) * self._fine_gap_s - 1e-3

    @cached_property
    def _trimmed(self) -> list[_Trimmed]:
        found = []
        for rows, luma in _by_shape(self._luma):
            trimmed = letterbox.find(luma, self._reach)
            for edges in np.unique(trimmed, axis=0):
                same = np.flatnonzero((trimmed == edges).all(axis=1))
                found.append(_Trimmed(rows[same], luma[same], _box(luma.shape, edges)))
        return found

    def reduced(self) -> tuple[FrameTrack | None, Keypoints | None]:
        """What is kept of all that was taken."""
        points = self._keypoints()
        # One picture is better found by its keypoints than by reference crops, if it has enough.
        plain = points is None or len(points.places) < FEW
        return self._track(crops=plain or not self._image), points

    def _keypoints(self) -> Keypoints | None:
        """Of the larger pictures, inside their bars."""
        found = []
        for part in self._trimmed:
            top, bottom, left, right = part.box
            for row in part.rows:
                if (fine := self._fine.get(int(row))) is not None:
                    down = fine.shape[0] / part.luma.shape[1]
                    along = fine.shape[1] / part.luma.shape[2]
                    rows = slice(round(top * down), round(bottom * down))
                    columns = slice(round(left * along), round(right * along))
                    found.append(keypoints(fine[rows, columns]))
        return merged(found) if found else None

    def _track(self, *, crops: bool) -> FrameTrack | None:
        if not self._times:
            return None
        times = np.array(self._times, dtype=np.float32)
        raw = np.zeros((len(times), dct.SIDE, dct.SIDE), dtype=np.float32)
        shades = np.zeros((len(times), 4), dtype=np.int8)
        parts: list[NDArray[np.uint8]] = []
        crop_frames: list[NDArray[np.int32]] = []
        cropped = _every(times, _CROP_GAP_S) if crops else []
        stirred = WHOLE
        inside = np.zeros((len(times), 4), dtype=np.float32)
        for trimmed in self._trimmed:
            rows, luma, box = trimmed.rows, trimmed.luma, trimmed.box
            raw[rows] = dct.project(luma, box)
            inside[rows] = _shares(box, luma.shape)
            shades[rows] = _shades(np.stack([self._chroma[row] for row in rows]), box, luma.shape)
            moving = stirring(luma[:, box[0] : box[1], box[2] : box[3]])
            stirred = stirred if moving == WHOLE else moving
            some = np.flatnonzero(np.isin(rows, cropped))
            hashes = [
                dct.bits(dct.quantize(dct.whiten(part)))
                for share in (*CROPS, *((moving,) if moving != WHOLE else ()))
                for part in [dct.project(luma[some], _part(box, share))]
            ]
            hashes += tilted(raw[rows[some]], (box[3] - box[2]) / (box[1] - box[0]))
            parts += hashes
            crop_frames += [rows[some].astype(np.int32)] * len(hashes)
        coefficients = dct.quantize(dct.whiten(raw))
        quality = _quality(raw, coefficients)
        made_of = np.concatenate(crop_frames)
        usable = quality[made_of] > 0
        return FrameTrack(
            times_s=times,
            coefficients=coefficients,
            chroma=shades,
            quality=quality,
            stirring=np.array(stirred, dtype=np.float32),
            bars=np.median(inside[quality > 0] if (quality > 0).any() else inside, axis=0),
            crops=np.concatenate(parts)[usable],
            crop_frames=made_of[usable],
        )


def halve(rgb: NDArray[np.uint8] | NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """The picture halved until its longer side is at most `side`: float32 (h, w, 3)."""
    small: NDArray[Any] = rgb
    while max(small.shape[:2]) > side and min(small.shape[:2]) >= 2:
        height, width = (length // 2 * 2 for length in small.shape[:2])
        even = small[:height, :width]
        rows = even[::2].astype(np.float32) + even[1::2]
        # numpy walks three channels slowly, and a product with a small matrix fast.
        small = rows.reshape(height // 2, width // 2, 6) @ _PAIR
    return small.astype(np.float32, copy=False)


def chroma(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rec. 601 Cb and Cr: float32 (h, w, 2), -128..127."""
    return rgb @ _CHROMA.T


def _shades(
    planes: NDArray[np.float32], box: tuple[int, int, int, int], shape: tuple[int, ...]
) -> NDArray[np.int8]:
    """Halved means and deviations of the chroma inside a box of the luma: int8 (n, 4)."""
    rows, columns = planes.shape[1] / shape[1], planes.shape[2] / shape[2]
    top, bottom, left, right = box
    part = planes[
        :,
        math.ceil(top * rows) : max(int(bottom * rows), math.ceil(top * rows) + 1),
        math.ceil(left * columns) : max(int(right * columns), math.ceil(left * columns) + 1),
    ].reshape(len(planes), -1, 2)
    values = np.stack([part.mean(axis=1), part.std(axis=1)], axis=2) / 2
    return np.clip(np.rint(values), -127, 127).astype(np.int8).reshape(len(planes), 4)


def _by_shape(
    frames: list[NDArray[np.uint8]],
) -> Iterable[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
    """Frames stacked by size: row numbers and uint8 (n, height, width)."""
    shapes = [frame.shape for frame in frames]
    for shape in dict.fromkeys(shapes):
        rows = [row for row, other in enumerate(shapes) if other == shape]
        yield np.array(rows), np.stack([frames[row] for row in rows])


def _every(times: NDArray[np.float32], gap_s: float) -> list[int]:
    """Rows at least `gap_s` apart, from the first."""
    chosen: list[int] = []
    for row, time_s in enumerate(times):
        if not chosen or time_s - times[chosen[-1]] >= gap_s - 1e-3:
            chosen.append(row)
    return chosen


def _box(shape: tuple[int, ...], edges: NDArray[np.int32]) -> tuple[int, int, int, int]:
    _, height, width = shape
    top, bottom, left, right = (int(edge) for edge in edges)
    return top, height - bottom, left, width - right


def _shares(box: tuple[int, int, int, int], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A box in pixels as shares of its picture: float32 (4,)."""
    _, height, width = shape
    return np.asarray(np.array(box) / [height, height, width, width], dtype=np.float32)


def _part(box: tuple[int, int, int, int], share: Box) -> tuple[int, int, int, int]:
    top, bottom, left, right = box
    height, width = bottom - top, right - left
    first_row, last_row, first_column, last_column = share
    return (
        top + int(first_row * height),
        max(top + round(last_row * height), top + int(first_row * height) + 1),
        left + int(first_column * width),
        max(left + round(last_column * width), left + int(first_column * width) + 1),
    )


def _quality(raw: NDArray[np.float32], coefficients: NDArray[np.int8]) -> NDArray[np.float32]:
    """0 for flat or nearly plain pictures, up to 1 for contrast and detail enough to match on."""
    strength = (dct.contrast(raw) - _NO_CONTRAST) / (_FULL_CONTRAST - _NO_CONTRAST)
    energy = np.square(coefficients.astype(np.float32)).reshape(len(raw), -1)
    spread = np.square(energy.sum(axis=1)) / np.maximum(np.square(energy).sum(axis=1), 1)
    return (np.clip(strength, 0, 1) * np.clip(spread / _PLAIN_SHAPES, 0, 1)).astype(np.float32)
