"""From a file to its fingerprint, in one pass over the file.

Decoding dominates the cost, so the file is decoded once: every sampled picture is reduced as soon
as it is decoded, and the sound is collected in the same pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from filmgate.dedupe import versions
from filmgate.dedupe.fingerprint.constellation import RATE_HZ, constellation
from filmgate.dedupe.fingerprint.frame_collector import FrameCollector
from filmgate.dedupe.fingerprint.frame_track import reduce_frames
from filmgate.dedupe.fingerprint.model import AudioTrack, Fingerprint, FrameTrack
from filmgate.dedupe.fingerprint.sampling import max_sampling_gap_s, sample_rate
from filmgate.media.consumers import Consumer
from filmgate.media.decode import decode
from filmgate.media.limits import Limits
from filmgate.media.model import Decoded, Frame, MediaInfo
from filmgate.media.sampling import SamplingSpec

ENGINE = versions.FINGERPRINT
SAMPLING = SamplingSpec(
    name="filmgate-fingerprint", version=1, frame_side=256, audio_rate_hz=RATE_HZ
)
"""What fingerprints are made from; changing it changes them, and so needs another `ENGINE`."""

_UNDECODED_END_S = 1.0
"""Seconds at the end without a sample although everything was decoded: a quarter between two
samples, and half a second of `max_sampling_gap_s`."""


def fingerprint(
    path: Path,
    sha256: str,
    info: MediaInfo,
    limits: Limits,
    on_frame: Callable[[Frame], None] | None = None,
    *,
    consumers: Sequence[Consumer] = (),
) -> Fingerprint:
    """Decode a file and keep what a comparison needs.

    Args:
        path: a local file.
        sha256: its digest in hex, kept to recognise identical bytes.
        info: from `filmgate.media.probe`.
        limits: bounds on decoding.
        on_frame: called with each sampled picture, for callers who keep some of them.
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
        max_sampling_gap_s=max_sampling_gap_s(info),
        sampling=SAMPLING,
        consumers=consumers,
    )
    collector = FrameCollector(info, on_frame)
    collector.collect(decoded.frames)
    track, points = reduce_frames(collector, rate)
    audio = None if decoded.audio is None else constellation(decoded.audio)
    return Fingerprint(
        engine=ENGINE,
        sha256=sha256,
        info=info,
        frames=track,
        audio=audio,
        pdq=tuple(collector.pdq_hashes),
        notes=_notes(decoded, info, track, audio),
        keypoints=points,
    )


def _notes(
    decoded: Decoded, info: MediaInfo, track: FrameTrack | None, audio: AudioTrack | None
) -> tuple[str, ...]:
    notes = []
    if decoded.truncated:
        last_picture_s = 0.0 if track is None else float(track.times_s.max(initial=0))
        last_sound_s = 0.0 if audio is None else float(audio.times_ms.max(initial=0)) / 1000
        notes.append(_truncation_note(max(last_picture_s, last_sound_s), info.duration_s))
    if decoded.decode_errors:
        notes.append(f"{decoded.decode_errors} damaged packets were stepped over.")
    return tuple(notes)


def _truncation_note(decoded_s: float, duration_s: float) -> str:
    """How much was decoded of the stated duration, if that is much less."""
    early = "The file ends early or reached a limit"
    if duration_s - decoded_s < _UNDECODED_END_S:
        return f"{early}; only what could be read was used."
    return f"{early}: {decoded_s:.1f} of {duration_s:.1f} s could be decoded."
