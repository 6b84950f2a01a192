"""Comparison of two audio tracks: a score, the aligned segments, and the playback speed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from filmgate.dedupe.fingerprint.landmarks import PlaybackVariant
from filmgate.dedupe.fingerprint.model import AudioTrack
from filmgate.dedupe.matching.audio_alignment import Peaks, TimePitchMapping, candidate_mappings
from filmgate.dedupe.matching.audio_likelihood import MIN_PEAKS, AlignmentScore, score_alignment
from filmgate.dedupe.matching.model import Segment

# Constants without another source are hand-set on the tuning half of the matching benchmark.

_NO_MATCH_NATS = 10.0
"""Up to this log-likelihood ratio nothing was found."""
_MATCH_NATS = 40.0
"""From this log-likelihood ratio on it is the same recording."""
_CLEAR_MATCH_NATS = 60.0
"""From this one on, searching in the other direction would add nothing."""
_MATCH_SCORE = 0.86
"""Score of a match that is just certain, equal to `settings.NEAR_FLOOR`."""
_CLARITIES = (0.1, 0.5, 0.75)
_CLARITY_SCORES = (_MATCH_SCORE, 0.93, 1)
"""Highest score of a match by its clarity (`AlignmentScore.clarity`)."""
_MAX_GAP_S = 3.0
"""Runs of peaks with a gap up to this, in seconds, form one segment."""
_SPEED_DRIFT_HOPS = 1.0
"""A speed is 1 if its drift over the whole alignment is below the precision of peaks, in hops,"""
_SPEED_TOLERANCE = 2e-4
"""or, in long alignments, if it differs from 1 by less than this share."""
_HOP_S = 0.02
"""Seconds per hop of the constellation."""


@dataclass(frozen=True, slots=True)
class AudioEvidence:
    """Result of comparing two audio tracks.

    Attributes:
        score: 0..1.
        peaks: number of peaks of one side that the other has at the aligned place.
        decisive: the tracks hold the same recording.
        coverage: share of the longer track that the segments cover, 0..1.
        speed: how much faster `b` plays than `a`.
        segments: aligned segments, in order of the time of `a`.
    """

    score: float
    peaks: int
    decisive: bool
    coverage: float
    speed: float
    segments: tuple[Segment, ...]


_NO_EVIDENCE = AudioEvidence(0.0, 0, False, 0.0, 1.0, ())


def compare_audio(
    a: AudioTrack, b: AudioTrack, variants: tuple[PlaybackVariant, ...]
) -> AudioEvidence:
    """Compare two audio tracks.

    After the best alignment, further ones are searched in what it leaves uncovered on both sides,
    such as what follows a cut.

    Args:
        variants: the speed and pitch variants in which `b` may play `a`.
    """
    a_peaks, b_peaks = Peaks.of(a), Peaks.of(b)
    if min(len(a_peaks), len(b_peaks)) < MIN_PEAKS:
        return _NO_EVIDENCE
    alignments = _scored_alignments(a, b, variants)
    if not alignments or alignments[0][1].nats <= _NO_MATCH_NATS:
        return _NO_EVIDENCE
    mapping, best = alignments[0]
    speed = _rounded_speed(1 / mapping.slope, best)
    if best.nats < _MATCH_NATS:
        return AudioEvidence(_score(best), best.hits, False, 0.0, speed, ())
    segments, hits = _segments(best, mapping), best.hits
    for other_mapping, _ in alignments[1:]:
        rest = score_alignment(
            _outside(a_peaks, segments, "a"), _outside(b_peaks, segments, "b"), other_mapping
        )
        if rest.nats >= _MATCH_NATS:
            segments += _segments(rest, other_mapping)
            hits += rest.hits
    segments = tuple(sorted(segments, key=lambda segment: segment.a_start))
    coverage = _coverage(segments, a_peaks, b_peaks)
    return AudioEvidence(_score(best), hits, True, coverage, speed, segments)


def _scored_alignments(
    a: AudioTrack, b: AudioTrack, variants: tuple[PlaybackVariant, ...]
) -> list[tuple[TimePitchMapping, AlignmentScore]]:
    """Return candidate mappings with their scores, best first."""
    a_peaks, b_peaks = Peaks.of(a), Peaks.of(b)
    alignments = [
        (mapping, score_alignment(a_peaks, b_peaks, mapping))
        for mapping in candidate_mappings(a, b, variants)
    ]
    if max((score.nats for _, score in alignments), default=0.0) < _CLEAR_MATCH_NATS:
        # The landmarks indexed of one side may be those of speech laid over the music.
        inverse = tuple(
            PlaybackVariant(1 / variant.speed, 1 / variant.pitch) for variant in variants
        )
        mappings = (mapping.inverse() for mapping in candidate_mappings(b, a, inverse))
        alignments += [
            (mapping, score_alignment(a_peaks, b_peaks, mapping)) for mapping in mappings
        ]
    return sorted(alignments, key=lambda alignment: -alignment[1].nats)


def _score(alignment: AlignmentScore) -> float:
    """Return the lower of two scores: how certain the match is, and how clear."""
    certainty = np.interp(
        alignment.nats, (_NO_MATCH_NATS, _MATCH_NATS, _CLEAR_MATCH_NATS), (0, _MATCH_SCORE, 1)
    )
    clarity = np.interp(alignment.clarity, _CLARITIES, _CLARITY_SCORES)
    return round(float(min(certainty, clarity)), 4)


def _rounded_speed(speed: float, alignment: AlignmentScore) -> float:
    """Return 1 where the drift over all runs is below the precision of peaks."""
    spans = alignment.spans
    span = float(spans.max() - spans.min()) if len(spans) else 0.0
    tolerance = max(_SPEED_TOLERANCE, _SPEED_DRIFT_HOPS / max(span, 1.0))
    return 1.0 if abs(speed - 1) <= tolerance else round(speed, 4)


def _segments(alignment: AlignmentScore, mapping: TimePitchMapping) -> tuple[Segment, ...]:
    """Return the runs of an alignment in seconds, joined across short gaps."""
    joined: list[list[float]] = []
    for start, stop in sorted(alignment.spans.tolist()):
        if joined and (start - joined[-1][1]) * _HOP_S <= _MAX_GAP_S:
            joined[-1][1] = max(stop, joined[-1][1])
        else:
            joined.append([start, stop])
    spans = np.array(joined)
    b_spans = mapping.b_times(spans) * _HOP_S
    a_spans = spans * _HOP_S
    return tuple(
        Segment(
            a_start=max(0.0, round(float(a[0]), 3)),
            a_end=round(float(a[1]), 3),
            b_start=max(0.0, round(float(b[0]), 3)),
            b_end=round(float(b[1]), 3),
        )
        for a, b in zip(a_spans, b_spans, strict=True)
    )


def _outside(peaks: Peaks, segments: tuple[Segment, ...], side: str) -> Peaks:
    """Return the peaks that no segment covers."""
    seconds = peaks.times * _HOP_S
    free = np.ones(len(peaks), dtype=np.bool_)
    for segment in segments:
        start, end = getattr(segment, f"{side}_start"), getattr(segment, f"{side}_end")
        free &= (seconds < start) | (seconds > end)
    return Peaks(peaks.times[free], peaks.bins[free])


def _coverage(segments: tuple[Segment, ...], a: Peaks, b: Peaks) -> float:
    """Return the share of the longer track that the segments cover, 0..1."""
    a_covered_s = sum(segment.a_end - segment.a_start for segment in segments)
    b_covered_s = sum(segment.b_end - segment.b_start for segment in segments)
    a_length_s = max(1e-3, float(np.ptp(a.times)) * _HOP_S)
    b_length_s = max(1e-3, float(np.ptp(b.times)) * _HOP_S)
    return round(min(1.0, a_covered_s / a_length_s, b_covered_s / b_length_s), 4)
