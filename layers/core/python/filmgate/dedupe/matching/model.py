"""Verdicts and the evidence for them."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from filmgate.media.model import MediaKind

ENGINE = "filmgate-matching/5"
"""What makes comparisons. Here, so that who only tells its name loads no arrays."""


class MatchClass(StrEnum):
    """Four different things on every screen; DIFFERENT pairs are not stored."""

    EXACT = "exact"
    NEAR = "near"
    SIMILAR = "similar"
    DIFFERENT = "different"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Segment(_Value):
    """A stretch of `a` that shows the same as a stretch of `b`. Seconds."""

    a_start: float
    a_end: float
    b_start: float
    b_end: float

    def swapped(self) -> Segment:
        """The same with `a` and `b` exchanged."""
        return Segment(
            a_start=self.b_start, a_end=self.b_end, b_start=self.a_start, b_end=self.a_end
        )


class FramePair(_Value):
    """Two pictures that were found to show the same, at these seconds; similarity in 0..1."""

    a_time: float
    b_time: float
    similarity: float

    def swapped(self) -> FramePair:
        """The same with `a` and `b` exchanged."""
        return FramePair(a_time=self.b_time, b_time=self.a_time, similarity=self.similarity)


class Transform(_Value):
    """What was done to `a` to get `b`, as far as it was found."""

    identical_bytes: bool = False
    mirror: bool = False
    turn: int = 0
    """Clockwise degrees: 0, 90, 180 or 270, applied after the mirror."""
    tilt: float = 0.0
    """Clockwise degrees, a few."""
    speed: float = 1.0
    """How much faster `b` plays than `a`."""
    crop: bool = False
    """One shows a part of the other's picture."""
    overlaid: bool = False
    """Something lies over one of them: a banner, a ticker, a logo."""
    partial: bool = False
    """One holds a part of the other's time."""
    recoloured: bool = False
    """Colours were changed or taken away."""
    barred: bool = False
    """One has bars around its pictures that the other lacks, or other ones."""
    padded: bool = False
    """One has black or plain pictures before or after the rest that the other lacks."""
    trimmed: bool = False
    """One has a little of time, or of silence, that the other lacks: too little to be a part."""
    audio_replaced: bool = False
    """Both have sound, and not the same."""
    audio_removed: bool = False
    """Only one has sound."""

    def with_audio(self, *, replaced: bool, removed: bool) -> Transform:
        """Return the same with these changes of the audio."""
        return self.model_copy(update={"audio_replaced": replaced, "audio_removed": removed})

    @property
    def changed(self) -> bool:
        """More was done than encoding anew at some size and quality."""
        return self.model_copy(update={"identical_bytes": False}) != Transform()

    def inverse(self) -> Transform:
        """What was done to `b` to get `a`."""
        # A mirrored picture turns back by the same angle, an unmirrored one by the opposite.
        back = {} if self.mirror else {"turn": -self.turn % 360, "tilt": 0.0 - self.tilt}
        return self.model_copy(update=back | {"speed": round(1 / self.speed, 4)})


class Comparison(_Value):
    """What was measured between two assets, before any threshold is applied.

    Attributes:
        kind: the kind whose boundaries apply.
        visual, audio, metadata, embedding: similarity of each modality in 0..1; None where a side
            lacks it, or where two embedding engines differ.
        decisive: modalities whose evidence is strong enough to decide alone.
        coverage: share of the longer side that the segments hold, 0..1; None for images.
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
        """The same with `a` and `b` exchanged."""
        pairs = [pair.swapped() for pair in self.pairs]
        segments = [segment.swapped() for segment in self.segments]
        return self.model_copy(
            update={
                "transform": self.transform.inverse(),
                "segments": tuple(sorted(segments, key=lambda part: part.a_start)),
                "pairs": tuple(sorted(pairs, key=lambda pair: pair.a_time)),
            }
        )


class Verdict(_Value):
    """How two assets relate, and why. Scores are in 0..1, or None where a side lacks the modality.

    Attributes:
        weights: modality to weight, renormalised over the modalities present; they sum to 1. An
            embedding has none, but in a pair that is `similar` by it alone, where it has all.
        reason: one plain sentence that names what decided.
        boundary: the threshold this class had to reach; 0.0 for `different`.
        probability: calibrated, that one holds the other's recording, whole or in part; None where
            no map was fit for such pairs, and where an embedding decided alone.
        calibrated_on: what set that was fit on, in words; None without a probability.
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

    @property
    def by_embedding(self) -> bool:
        """An embedding decided alone."""
        return set(self.weights) == {"embedding"}
