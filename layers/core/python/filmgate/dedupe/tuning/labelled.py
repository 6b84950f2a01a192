"""Pairs whose truth is known: as they are stored, and as boundaries use them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.model import Comparison
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate.media.model import MediaKind


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LabelledPair(_Value):
    """Two files, and whether one holds the other's recording, whole or in part.

    Attributes:
        a, b: names, paths or asset ids; for people, and for code that fills in `comparison`.
        group: pairs that are much alike, such as all copies of one source; empty for none. They are
            held out together, because results on some do not carry over to other sources.
        comparison: what was measured; None if it has to be computed or fetched first.
    """

    a: str
    b: str
    label: Literal["same", "different"]
    group: str = ""
    comparison: Comparison | None = None


class NotCompared(_Value):
    """Pairs that the index never found, so that no boundary can call them."""

    same: int = 0
    different: int = 0


class LabelledSet(_Value):
    """The file that `filmgate tune` reads."""

    pairs: tuple[LabelledPair, ...]
    not_compared: dict[MediaKind, NotCompared] = {}


class Scored(_Value):
    """A pair as boundaries use it.

    Attributes:
        group: as in `LabelledPair`.
        measured: the score is a fused one; neither that of an embedding alone nor the 0 of a
            pair without a match, whose score was not stored.
    """

    kind: MediaKind
    score: float
    partial: bool
    same: bool
    group: str = ""
    measured: bool = True


def scored(pair: LabelledPair, settings: MatchSettings) -> Scored:
    """Fuse a pair's comparison into its score.

    Raises:
        ValueError: the pair has no comparison.
    """
    if pair.comparison is None:
        raise ValueError(f"{pair.a} and {pair.b} have no comparison")
    verdict = decide(pair.comparison, settings)
    return Scored(
        kind=pair.comparison.kind,
        score=verdict.score,
        partial=verdict.transform.partial,
        same=pair.label == "same",
        group=pair.group,
        measured=not verdict.by_embedding,
    )
