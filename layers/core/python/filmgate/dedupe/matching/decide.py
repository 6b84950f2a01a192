"""The decision: from a comparison to a class, with a reason in plain English.

Nothing here imports NumPy, so that the function that decides starts fast.
"""

from __future__ import annotations

from filmgate.dedupe.matching.descriptions import list_changes, timecode
from filmgate.dedupe.matching.model import Comparison, MatchClass, Verdict
from filmgate.dedupe.matching.settings import (
    CHANGED_CEILING,
    DIFFERENT_CEILING,
    EXACT_VISUAL,
    NEAR_FLOOR,
    PART_CEILING,
    Boundaries,
    MatchSettings,
    part_score,
)
from filmgate.media.model import MediaKind


def decide(comparison: Comparison, settings: MatchSettings) -> Verdict:
    """Fuse the scores and assign the class.

    The modalities that both sides have share the weights. Frames that prove the same material
    decide alone: a copy with different audio is still a copy. Audio alone does not decide over
    frames that differ, because the same song in two videos does not make them duplicates.
    """
    weights = _weights(comparison, settings)
    fused = sum(weight * (getattr(comparison, name) or 0.0) for name, weight in weights.items())
    # Rounded before classification, so that no shown score contradicts the boundary.
    score = min(1.0, round(_limited_score(comparison, fused), 4))
    boundaries = settings.boundaries(comparison.kind)
    match_class, boundary = _classify(score, boundaries)
    if match_class is MatchClass.DIFFERENT and settings.embedding_lifts:
        by_embedding = _embedding_verdict(comparison, boundaries)
        if by_embedding is not None:
            return by_embedding
    kind, partial = comparison.kind, comparison.transform.partial
    return Verdict.of(
        comparison,
        match_class=match_class,
        score=score,
        weights=weights,
        reason=_reason(comparison, match_class),
        boundary=boundary,
        probability=settings.calibration.probability(kind, score, partial=partial),
        calibrated_on=settings.calibration.describe(kind, partial=partial),
    )


def _embedding_verdict(comparison: Comparison, boundaries: Boundaries) -> Verdict | None:
    """Return a verdict on a pair that only the embedding finds similar, for people to look at.

    An embedding has no weight and stays below `near`, because no engine has been measured here
    yet: it adds pairs that everything else misses and changes no other verdict. The other
    measurements are no evidence for such a pair, so transform, segments and probability are empty.
    """
    score = min(comparison.embedding or 0.0, PART_CEILING)
    if not boundaries.similar <= score < boundaries.near:
        return None
    return Verdict.of(
        comparison.without_alignment(),
        match_class=MatchClass.SIMILAR,
        score=score,
        weights={"embedding": 1.0},
        reason="Only the embedding finds them similar: worth a look, not proof of a copy.",
        boundary=boundaries.similar,
    )


def _weights(comparison: Comparison, settings: MatchSettings) -> dict[str, float]:
    """Return the weights of the modalities present, rescaled to a sum of 1."""
    configured = {
        "visual": settings.visual_weight,
        "audio": settings.audio_weight,
        "metadata": settings.metadata_weight,
    }
    present = {
        name: weight for name, weight in configured.items() if getattr(comparison, name) is not None
    }
    total = sum(present.values())
    return {name: round(weight / total, 4) for name, weight in present.items()} if total else {}


def _limited_score(comparison: Comparison, fused: float) -> float:
    """Limit the fused score to what the evidence supports."""
    visual = comparison.visual
    if "bytes" in comparison.decisive:
        return 1.0
    if visual is None and comparison.audio is None:
        return 0.0
    if visual is not None and "visual" not in comparison.decisive:
        score = min(fused, visual, PART_CEILING)
    elif comparison.transform.partial:
        score = _partial_score(comparison)
    else:
        # Metadata that differs does not make decisive evidence weaker.
        score = max(fused, visual if visual is not None else _decisive_audio_score(comparison))
    if comparison.transform.partial:
        return min(score, PART_CEILING)
    changed = comparison.transform.changed or (visual is not None and visual < EXACT_VISUAL)
    return _changed_copy_score(score) if changed else score


def _decisive_audio_score(comparison: Comparison) -> float:
    return (comparison.audio or 0.0) if "audio" in comparison.decisive else 0.0


def _partial_score(comparison: Comparison) -> float:
    """Score a part by its share of the longer side, not by how well it matches."""
    if comparison.visual is not None:
        return comparison.visual
    if "audio" in comparison.decisive and comparison.coverage is not None:
        return part_score(comparison.coverage)
    return min(DIFFERENT_CEILING, comparison.audio or 0.0)


def _changed_copy_score(score: float) -> float:
    """Map scores up to 1 linearly to at most the ceiling of changed copies."""
    if score <= NEAR_FLOOR:
        return score
    return NEAR_FLOOR + (score - NEAR_FLOOR) * (CHANGED_CEILING - NEAR_FLOOR) / (1 - NEAR_FLOOR)


def _classify(score: float, boundaries: Boundaries) -> tuple[MatchClass, float]:
    for match_class in (MatchClass.EXACT, MatchClass.NEAR, MatchClass.SIMILAR):
        boundary: float = getattr(boundaries, match_class.value)
        if score >= boundary:
            return match_class, boundary
    return MatchClass.DIFFERENT, 0.0


def _reason(comparison: Comparison, match_class: MatchClass) -> str:
    """Return one plain sentence that names the decisive evidence."""
    changes = "".join(f", {change}" for change in list_changes(comparison.transform))
    partial = comparison.transform.partial
    if comparison.transform.identical_bytes:
        return "Both files are the same, byte for byte."
    if match_class is MatchClass.DIFFERENT:
        return _difference(comparison)
    if "visual" in comparison.decisive:
        relation = "One shows a part of the other" if partial else "The same"
        return f"{relation}{_longest_segment(comparison)}{changes}."
    if comparison.visual is None:
        relation = "One contains sound of the other" if partial else "The same sound"
        return f"{relation}{_longest_segment(comparison)}{changes}."
    if comparison.kind is MediaKind.IMAGE:
        return "They look alike, but too few details match to prove that they are one picture."
    return "They look alike, but their motion differs, so they are not the same recording."


def _difference(comparison: Comparison) -> str:
    aligned = bool(comparison.segments) and comparison.coverage is not None
    same_sound = "audio" in comparison.decisive and comparison.visual is not None
    if same_sound and aligned:
        return (
            "The same sound, but the pictures share only a short stretch, or look alike with"
            " different motion."
        )
    if same_sound:
        return "The same sound, but different pictures: not a copy."
    if comparison.visual is None and comparison.audio is None:
        return "They have neither pictures nor sound in common that could be compared."
    if comparison.segments:
        return "They share only a short stretch, or look alike with different motion."
    return "Neither the pictures nor the sound match."


def _longest_segment(comparison: Comparison) -> str:
    if not comparison.segments or comparison.coverage is None:
        return ""
    longest = max(comparison.segments, key=lambda segment: segment.a_end - segment.a_start)
    return (
        f": {timecode(longest.a_start)} to {timecode(longest.a_end)} is"
        f" {timecode(longest.b_start)} to {timecode(longest.b_end)}"
    )
