"""Verdicts and the evidence for them: the stored and public data of a match.

The field names are those of the JSON that artifacts, the database and the API hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from filmgate.dedupe import versions
from filmgate.media.model import MediaKind

ENGINE = versions.MATCHING


class MatchClass(StrEnum):
    """How two assets relate. DIFFERENT pairs are not stored."""

    EXACT = "exact"
    NEAR = "near"
    SIMILAR = "similar"
    DIFFERENT = "different"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Segment(_Value):
    """A segment of `a` that holds the same as a segment of `b`; all times in seconds."""

    a_start: float
    a_end: float
    b_start: float
    b_end: float

    def swapped(self) -> Segment:
        """Return the same with `a` and `b` exchanged."""
        return Segment(
            a_start=self.b_start, a_end=self.b_end, b_start=self.a_start, b_end=self.a_end
        )


class FramePair(_Value):
    """Two matched frames: their times in seconds, and their similarity, 0..1."""

    a_time: float
    b_time: float
    similarity: float

    def swapped(self) -> FramePair:
        """Return the same with `a` and `b` exchanged."""
        return FramePair(a_time=self.b_time, b_time=self.a_time, similarity=self.similarity)


class Transform(_Value):
    """What was done to `a` to get `b`, as far as it was detected."""

    identical_bytes: bool = False
    """The files are the same, byte for byte."""
    mirror: bool = False
    """Mirrored left to right."""
    turn: int = 0
    """Rotation by 0, 90, 180 or 270 degrees clockwise, applied after the mirror."""
    tilt: float = 0.0
    """Further rotation by a few degrees, clockwise."""
    speed: float = 1.0
    """How much faster `b` plays than `a`."""
    crop: bool = False
    """One side shows a part of the other's picture."""
    overlaid: bool = False
    """Something covers a part of one side: a banner, a ticker, a logo."""
    partial: bool = False
    """One side holds only a part of the other's duration."""
    recoloured: bool = False
    """The colours were changed or removed."""
    barred: bool = False
    """The black bars around the picture differ."""
    padded: bool = False
    """One side has blank frames before or after the rest that the other lacks."""
    trimmed: bool = False
    """One side has a little time, or silence, that the other lacks: too little to be a part."""
    audio_replaced: bool = False
    """Both sides have audio, and it differs."""
    audio_removed: bool = False
    """Only one side has audio."""

    def with_audio(self, *, replaced: bool, removed: bool) -> Transform:
        """Return the same with these changes of the audio."""
        return self.model_copy(update={"audio_replaced": replaced, "audio_removed": removed})

    @property
    def changed(self) -> bool:
        """Whether more was done than re-encoding and resizing."""
        return self.model_copy(update={"identical_bytes": False}) != Transform()

    def inverse(self) -> Transform:
        """Return what was done to `b` to get `a`."""
        # A mirrored picture rotates back by the same angle, an unmirrored one by the opposite.
        rotation = {} if self.mirror else {"turn": -self.turn % 360, "tilt": 0.0 - self.tilt}
        return self.model_copy(update=rotation | {"speed": round(1 / self.speed, 4)})


class Comparison(_Value):
    """What was measured between two assets, before any threshold is applied.

    Attributes:
        kind: the media kind whose boundaries apply.
        visual, audio, metadata, embedding: similarity of each modality, 0..1; None where a side
            lacks it, or where the embedding engines differ.
        decisive: modalities whose evidence is strong enough to decide alone; "bytes" for
            identical files.
        coverage: share of the longer side that the segments cover, 0..1; None for images.
        transform: what was done to `a` to get `b`.
        segments: aligned segments, in order of the time of `a`.
        pairs: a few matched frames for people to look at.
        engine: names and versions of all engines that contributed, separated by spaces.
    """

    kind: MediaKind
    visual: float | None
    audio: float | None
    metadata: float | None
    embedding: float | None = None
    decisive: tuple[str, ...] = ()
    coverage: float | None = None
    transform: Transform = Transform()
    segments: tuple[Segment, ...] = ()
    pairs: tuple[FramePair, ...] = ()
    engine: str

    def swapped(self) -> Comparison:
        """Return the same with `a` and `b` exchanged."""
        pairs = [pair.swapped() for pair in self.pairs]
        segments = [segment.swapped() for segment in self.segments]
        return self.model_copy(
            update={
                "transform": self.transform.inverse(),
                "segments": tuple(sorted(segments, key=lambda segment: segment.a_start)),
                "pairs": tuple(sorted(pairs, key=lambda pair: pair.a_time)),
            }
        )

    def without_alignment(self) -> Comparison:
        """Return the same without transform and segments."""
        return self.model_copy(update={"transform": Transform(), "segments": ()})


class Verdict(_Value):
    """How two assets relate, and why. Scores are 0..1, or None where a side lacks the modality.

    Attributes:
        match_class: the class.
        score: the fused score that was compared with the boundaries.
        weights: weight of each modality present, rescaled to a sum of 1. An embedding has a weight
            only where it alone makes a pair `similar`; it is 1 then.
        reason: one plain sentence that names the decisive evidence.
        boundary: the lowest score of this class; 0.0 for `different`.
        probability: calibrated probability that one file holds the other's recording, completely
            or in part; None without calibration for such pairs, and where an embedding decided
            alone.
        calibrated_on: the labelled set of that calibration; None without a probability.
        visual, audio, metadata, embedding, transform, segments, pairs, engine: see `Comparison`.
    """

    match_class: MatchClass
    score: float
    probability: float | None = None
    calibrated_on: str | None = None
    visual: float | None
    audio: float | None
    metadata: float | None
    embedding: float | None = None
    weights: dict[str, float]
    reason: str
    boundary: float
    transform: Transform = Transform()
    segments: tuple[Segment, ...] = ()
    pairs: tuple[FramePair, ...] = Field(default=(), description="Best aligned pairs, for people")
    engine: str

    @classmethod
    def of(
        cls,
        comparison: Comparison,
        *,
        match_class: MatchClass,
        score: float,
        weights: Mapping[str, float],
        reason: str,
        boundary: float,
        probability: float | None = None,
        calibrated_on: str | None = None,
    ) -> Verdict:
        """Return a verdict on what a comparison measured."""
        return cls(
            match_class=match_class,
            score=score,
            probability=probability,
            calibrated_on=calibrated_on,
            weights=dict(weights),
            reason=reason,
            boundary=boundary,
            **{name: getattr(comparison, name) for name in _MEASURED},
        )

    @property
    def by_embedding(self) -> bool:
        """Whether an embedding decided alone."""
        return set(self.weights) == {"embedding"}


_MEASURED = tuple(name for name in Verdict.model_fields if name in Comparison.model_fields)
"""Fields that a verdict takes over from its comparison. The JSON of verdicts is flat, so that a
verdict cannot hold the comparison itself."""
