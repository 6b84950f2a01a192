"""The decision: from what was measured to a class, with the reason in words.

Nothing that deciding needs imports arrays, so its function starts without them.
"""

from __future__ import annotations

from filmgate.dedupe.matching.descriptions import changes, clock
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
    """Fuse the scores and name the class.

    The modalities present share the weights. Pictures that can be nothing but the same material
    decide alone: other sound under them does not make them less a copy. Sound alone does not
    decide over pictures that differ, for the same song is no duplicate.
    """
    weights = _weights(comparison, settings)
    fused = sum(weight * (getattr(comparison, name) or 0.0) for name, weight in weights.items())
    # Rounded before it is named, so that no score shows a boundary it is said to miss.
    score = min(1.0, round(_bounded(comparison, fused), 4))
    boundaries = settings.boundaries(comparison.kind)
    match_class, boundary = _classified(score, boundaries)
    if match_class is MatchClass.DIFFERENT and settings.embedding_lifts:
        lifted = _lifted(comparison, boundaries)
        if lifted is not None:
            return lifted
    kind, partial = comparison.kind, comparison.transform.partial
    return Verdict(
        match_class=match_class,
        score=score,
        probability=settings.calibration.probability(kind, score, partial=partial),
        calibrated_on=settings.calibration.words(kind, partial=partial),
        visual=comparison.visual,
        audio=comparison.audio,
        metadata=comparison.metadata,
        embedding=comparison.embedding,
        weights=weights,
        reason=_reason(comparison, match_class),
        boundary=boundary,
        transform=comparison.transform,
        segments=comparison.segments,
        pairs=comparison.pairs,
        engine=comparison.engine,
    )


def _lifted(comparison: Comparison, boundaries: Boundaries) -> Verdict | None:
    """The verdict on a pair that only the embedding engine finds alike, for people to look at.

    An embedding stays out of the weights and below `near`, for no engine was measured here yet: it
    brings up what the rest misses and moves nothing else. What the rest measured is no evidence
    here, so no transform, no segments and no probability are told.
    """
    score = min(comparison.embedding or 0.0, PART_CEILING)
    if not boundaries.similar <= score < boundaries.near:
        return None
    return Verdict(
        match_class=MatchClass.SIMILAR,
        score=score,
        visual=comparison.visual,
        audio=comparison.audio,
        metadata=comparison.metadata,
        embedding=comparison.embedding,
        weights={"embedding": 1.0},
        reason="They look alike to the embedding engine alone: worth a look, no proof of a copy.",
        boundary=boundaries.similar,
        pairs=comparison.pairs,
        engine=comparison.engine,
    )


def _weights(comparison: Comparison, settings: MatchSettings) -> dict[str, float]:
    wanted = {
        "visual": settings.visual_weight,
        "audio": settings.audio_weight,
        "metadata": settings.metadata_weight,
    }
    present = {k: v for k, v in wanted.items() if getattr(comparison, k) is not None}
    total = sum(present.values())
    return {k: round(v / total, 4) for k, v in present.items()} if total else {}


def _bounded(comparison: Comparison, fused: float) -> float:
    """The fused score, held to what its evidence can carry."""
    visual = comparison.visual
    if "bytes" in comparison.decisive:
        return 1.0
    if visual is None and comparison.audio is None:
        return 0.0
    if visual is not None and "visual" not in comparison.decisive:
        score = min(fused, visual, PART_CEILING)
    elif comparison.transform.partial:
        score = _part(comparison)
    else:
        # What decides alone is no less a copy for what the containers say.
        score = max(fused, visual if visual is not None else _certain(comparison))
    if comparison.transform.partial:
        return min(score, PART_CEILING)
    changed = comparison.transform.changed or (visual is not None and visual < EXACT_VISUAL)
    return _squeezed(score) if changed else score


def _certain(comparison: Comparison) -> float:
    """The score of sound that is certainly the same."""
    return (comparison.audio or 0.0) if "audio" in comparison.decisive else 0.0


def _part(comparison: Comparison) -> float:
    """What one holds of the other decides, not how well that part agrees."""
    if comparison.visual is not None:
        return comparison.visual
    if "audio" in comparison.decisive and comparison.coverage is not None:
        return part_score(comparison.coverage)
    return min(DIFFERENT_CEILING, comparison.audio or 0.0)


def _squeezed(score: float) -> float:
    """Scores up to 1 brought under the ceiling of changed copies, in their order."""
    if score <= NEAR_FLOOR:
        return score
    return NEAR_FLOOR + (score - NEAR_FLOOR) * (CHANGED_CEILING - NEAR_FLOOR) / (1 - NEAR_FLOOR)


def _classified(score: float, boundaries: Boundaries) -> tuple[MatchClass, float]:
    for match_class in (MatchClass.EXACT, MatchClass.NEAR, MatchClass.SIMILAR):
        boundary: float = getattr(boundaries, match_class.value)
        if score >= boundary:
            return match_class, boundary
    return MatchClass.DIFFERENT, 0.0


def _reason(comparison: Comparison, match_class: MatchClass) -> str:
    """One plain sentence that names what decided."""
    changed = "".join(f", {words}" for words in changes(comparison.transform))
    if comparison.transform.identical_bytes:
        return "Both files are the same, byte for byte."
    if match_class is MatchClass.DIFFERENT:
        return _difference(comparison)
    if "visual" in comparison.decisive:
        held = "One shows a part of the other" if comparison.transform.partial else "The same"
        return f"{held}{_when(comparison)}{changed}."
    if comparison.visual is None:
        held = "One holds sound of the other" if comparison.transform.partial else "The same sound"
        return f"{held}{_when(comparison)}{changed}."
    if comparison.kind is MediaKind.IMAGE:
        return "They look alike, but too little agrees in detail: no proof of one picture."
    return "They look alike, but what changes in their pictures does not agree: not one recording."


def _difference(comparison: Comparison) -> str:
    aligned = bool(comparison.segments) and comparison.coverage is not None
    same_sound = "audio" in comparison.decisive and comparison.visual is not None
    if same_sound and aligned:
        return (
            "The same sound; the pictures share a short stretch only, or are alike without"
            " changing together."
        )
    if same_sound:
        return "The same sound under different pictures, which makes no copy."
    if comparison.visual is None and comparison.audio is None:
        return "They have neither pictures nor sound in common that could be compared."
    if comparison.segments:
        return "They share a short stretch only, or look alike without changing together."
    return "Neither pictures nor sound agree."


def _when(comparison: Comparison) -> str:
    if not comparison.segments or comparison.coverage is None:
        return ""
    longest = max(comparison.segments, key=lambda part: part.a_end - part.a_start)
    return (
        f": {clock(longest.a_start)} to {clock(longest.a_end)} is"
        f" {clock(longest.b_start)} to {clock(longest.b_end)}"
    )
