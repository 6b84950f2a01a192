"""The result of a scan: the document that `filmgate scan --json` writes."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from filmgate.api.models import MatchView
from filmgate.dedupe.matching.model import FramePair, MatchClass, Segment, Transform
from filmgate.library.model import AssetStatus
from filmgate.media.model import MediaKind


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)


class ScanAsset(_Value):
    """One file of the folder.

    Attributes:
        path: relative to the scanned folder, with `/` between its parts.
        kind: None while nothing is known of the content, and for files refused before a probe.
        reason: why it was refused or failed; None otherwise.
        notes: warnings about an accepted file, such as that it ends early.
        duration_s: its length in seconds, as its container states it; 0.0 for images, None where
            it is not known.
        passed_over: candidates that it was not compared with, for lack of time.
        also: other paths of the same file (hard links), relative to the folder as well.
    """

    path: str
    asset_id: str
    kind: MediaKind | None
    status: AssetStatus
    reason: str | None = None
    notes: tuple[str, ...] = ()
    duration_s: float | None = None
    passed_over: int = 0
    also: tuple[str, ...] = ()


class ScanMatch(_Value):
    """Two files of the folder that share content.

    `a` and `b` are paths; `asset_a` and `asset_b` their ids, `match_id` the pair's. Scores are in
    0..1, or None where a side lacks the modality. `probability` and `calibrated_on` are as in
    `filmgate.dedupe.matching.model.Verdict`. In JSON the class is called `class`.
    """

    a: str
    b: str
    match_class: MatchClass = Field(alias="class")
    score: float
    probability: float | None = None
    calibrated_on: str | None = None
    visual: float | None
    audio: float | None
    metadata: float | None
    embedding: float | None = None
    weights: dict[str, float]
    transform: Transform
    segments: tuple[Segment, ...]
    engine: str
    reason: str
    match_id: str
    asset_a: str
    asset_b: str
    pairs: tuple[FramePair, ...] = ()

    @classmethod
    def of(cls, match: MatchView) -> ScanMatch:
        """The same match, flat, with paths first."""
        verdict = match.verdict
        return cls(
            a=match.a_path,
            b=match.b_path,
            match_class=verdict.match_class,
            score=verdict.score,
            probability=verdict.probability,
            calibrated_on=verdict.calibrated_on,
            visual=verdict.visual,
            audio=verdict.audio,
            metadata=verdict.metadata,
            embedding=verdict.embedding,
            weights=verdict.weights,
            transform=verdict.transform,
            segments=verdict.segments,
            engine=verdict.engine,
            reason=verdict.reason,
            match_id=match.match_id,
            asset_a=match.a,
            asset_b=match.b,
            pairs=verdict.pairs,
        )


class OutsideMatch(_Value):
    """A match of a file of the folder with a stored file that is not in this folder.

    Attributes:
        path, asset_id: of the file, as in `ScanAsset`.
        other: the path of the other, as the service knows it; empty where it is gone.
        other_id: its asset id.
        match_id: of the pair, for `filmgate show`.
        partial: one contains a part of the other.
        score, reason: as in `filmgate.dedupe.matching.model.Verdict`.
    """

    path: str
    asset_id: str
    other: str
    other_id: str
    match_id: str
    match_class: MatchClass = Field(alias="class")
    score: float
    partial: bool
    reason: str

    @classmethod
    def of(cls, match: MatchView, labels: Mapping[str, str]) -> OutsideMatch:
        """Of a match with one side among `labels`, which are the folder's paths by asset id."""
        sides = [(match.a, match.a_path), (match.b, match.b_path)]
        (own, _), (other, path) = sides if match.a in labels else reversed(sides)
        return cls(
            path=labels[own],
            asset_id=own,
            other=path,
            other_id=other,
            match_id=match.match_id,
            match_class=match.verdict.match_class,
            score=match.verdict.score,
            partial=match.verdict.transform.partial,
            reason=match.verdict.reason,
        )


class ScanResult(_Value):
    """Assets in order of path, matches best first, groups of paths (largest first).

    `matches` and `groups` contain only files of the folder; `outside`, best first, are the matches
    of these files with other files that the service stores.
    """

    assets: tuple[ScanAsset, ...]
    matches: tuple[ScanMatch, ...]
    groups: tuple[tuple[str, ...], ...]
    outside: tuple[OutsideMatch, ...] = ()
