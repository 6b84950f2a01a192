"""One pair of assets: from two fingerprints to everything that is measured between them.

The stages are `compare_visual` (frames), `compare_audio`, `metadata_similarity` and
`compare_embeddings`; `decide` then turns the result into a verdict.
"""

from __future__ import annotations

from filmgate.dedupe.fingerprint.landmarks import NORMAL_PLAYBACK, SPEED_PITCH_GRID, PlaybackVariant
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.matching.audio import AudioEvidence, compare_audio
from filmgate.dedupe.matching.embedding_similarity import EmbeddingSimilarity, compare_embeddings
from filmgate.dedupe.matching.frame_features import VisualEvidence, has_visual_content
from filmgate.dedupe.matching.metadata import metadata_similarity
from filmgate.dedupe.matching.model import ENGINE, Comparison, FramePair, Segment, Transform
from filmgate.dedupe.matching.settings import PART_S, TRIMMED_S
from filmgate.dedupe.matching.visual import compare_visual
from filmgate.media.model import MediaKind

# Constants are hand-set on the tuning half of the matching benchmark.

_WHOLE_SHARE = 0.9
"""If segments cover less of the audio, it is a part; below 1 because the ends have few peaks."""
_SAME_AUDIO_SCORE = 0.5
"""Below this score the audio of two videos is taken to be different."""


def compare(a: Fingerprint, b: Fingerprint) -> Comparison:
    """Measure two assets against each other.

    The order matters only for the direction in which transform, segments and pairs are reported;
    the scores are the same.

    Args:
        a: the asset with the smaller id; the transform describes what was done to it to get `b`.
        b: the other.
    """
    if measuring_order(b) < measuring_order(a):
        return _compare_ordered(b, a).swapped()
    return _compare_ordered(a, b)


def measuring_order(fingerprint: Fingerprint) -> tuple[float, str]:
    """Return the sort key of a side: the shorter one is measured against the other.

    Alignment goes frame by frame of one side, and the frames of the shorter one are denser. The
    last decoded frame counts, because the container of a damaged video states a longer duration.
    """
    frames = fingerprint.frames
    if frames is None or not len(frames.times_s):
        return fingerprint.info.duration_s, fingerprint.sha256
    return float(frames.times_s[-1]), fingerprint.sha256


def _compare_ordered(a: Fingerprint, b: Fingerprint) -> Comparison:
    kind = _kind(a, b)
    embedding = compare_embeddings(a.embeddings, b.embeddings)
    if a.sha256 == b.sha256:
        return _identical(kind, a, embedding)
    visual = compare_visual(a, b)
    audio = _audio_evidence(a, b, visual)
    return Comparison(
        kind=kind,
        visual=visual.score if visual else None,
        audio=audio.score if audio else None,
        metadata=metadata_similarity(a.info, b.info),
        embedding=embedding.score if embedding else None,
        decisive=_decisive(visual, audio),
        coverage=_coverage(visual, audio),
        transform=_transform(a, b, visual, audio),
        segments=_segments(visual, audio),
        pairs=_pairs(visual, embedding),
        engine=_engines(a, embedding),
    )


def _kind(a: Fingerprint, b: Fingerprint) -> MediaKind:
    richest_first = (MediaKind.VIDEO, MediaKind.AUDIO, MediaKind.IMAGE)
    return min(a.info.kind, b.info.kind, key=richest_first.index)


def _engines(a: Fingerprint, embedding: EmbeddingSimilarity | None) -> str:
    """Name all engines that contributed."""
    return f"{ENGINE} {a.engine} {embedding.engine}" if embedding else f"{ENGINE} {a.engine}"


def _identical(
    kind: MediaKind, a: Fingerprint, embedding: EmbeddingSimilarity | None
) -> Comparison:
    return Comparison(
        kind=kind,
        visual=1.0 if a.frames is not None else None,
        audio=1.0 if _has_audio(a) else None,
        metadata=1.0,
        embedding=1.0 if embedding else None,
        decisive=("bytes",),
        coverage=None if kind is MediaKind.IMAGE else 1.0,
        transform=Transform(identical_bytes=True),
        engine=_engines(a, embedding),
    )


def _has_audio(fingerprint: Fingerprint) -> bool:
    return fingerprint.audio is not None and not fingerprint.audio.silent


def _audio_evidence(
    a: Fingerprint, b: Fingerprint, visual: VisualEvidence | None
) -> AudioEvidence | None:
    if a.audio is None or b.audio is None or a.audio.silent or b.audio.silent:
        return None
    return compare_audio(a.audio, b.audio, _speed_pitch_variants(visual))


def _speed_pitch_variants(visual: VisualEvidence | None) -> tuple[PlaybackVariant, ...]:
    """Return how `b` may play the audio of `a`: at the speed of the frames, or in any way without.

    Audio does not outweigh frames that differ, so there a full search would be wasted.
    """
    if visual is None:
        return SPEED_PITCH_GRID
    speed = visual.transform.speed
    if not visual.decisive or speed == 1.0:
        return (NORMAL_PLAYBACK,)
    return (NORMAL_PLAYBACK, PlaybackVariant(speed, speed), PlaybackVariant(speed, 1.0))


def _decisive(visual: VisualEvidence | None, audio: AudioEvidence | None) -> tuple[str, ...]:
    evidence = {"visual": visual, "audio": audio}
    return tuple(name for name, one in evidence.items() if one and one.decisive)


def _coverage(visual: VisualEvidence | None, audio: AudioEvidence | None) -> float | None:
    if visual:
        return visual.coverage
    return audio.coverage if audio else None


def _segments(visual: VisualEvidence | None, audio: AudioEvidence | None) -> tuple[Segment, ...]:
    """Return the segments in order of the time of `a`; those of the frames, if there are any."""
    segments: tuple[Segment, ...] = audio.segments if audio else ()
    if visual and visual.segments:
        segments = visual.segments
    return tuple(sorted(segments, key=lambda segment: segment.a_start))


def _pairs(
    visual: VisualEvidence | None, embedding: EmbeddingSimilarity | None
) -> tuple[FramePair, ...]:
    if visual and visual.pairs:
        return visual.pairs
    return (embedding.pair,) if embedding else ()


def _transform(
    a: Fingerprint, b: Fingerprint, visual: VisualEvidence | None, audio: AudioEvidence | None
) -> Transform:
    same_kind = a.info.kind is b.info.kind
    if visual is None:
        # An audio file, and a video without visual content, can hold a part of a video: its audio.
        comparable = same_kind and has_visual_content(a) == has_visual_content(b)
        return _audio_transform(a, b, audio, comparable=comparable) if audio else Transform()
    return visual.transform.with_audio(
        replaced=bool(audio and audio.score < _SAME_AUDIO_SCORE),
        # An image never had audio.
        removed=same_kind and _has_audio(a) != _has_audio(b),
    )


def _audio_transform(
    a: Fingerprint, b: Fingerprint, audio: AudioEvidence, *, comparable: bool
) -> Transform:
    """Describe what was done to audio without frames.

    Silence has no peaks, so only the durations show that it was added or removed.

    Args:
        comparable: both sides are of one kind, so that one can stand for the other.
    """
    durations = (a.info.duration_s, b.info.duration_s * audio.speed)
    difference_s = abs(durations[0] - durations[1])
    missing_s = min(difference_s, (1 - audio.coverage) * max(durations))
    is_whole = comparable and audio.coverage >= _WHOLE_SHARE and missing_s <= PART_S
    is_match = bool(audio.peaks)
    return Transform(
        speed=audio.speed,
        partial=is_match and not is_whole,
        trimmed=is_match and is_whole and difference_s > TRIMMED_S,
    )
