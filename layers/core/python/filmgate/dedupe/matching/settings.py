"""Thresholds and weights, per media kind."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from filmgate.dedupe.matching.calibration import Calibration, shipped
from filmgate.media.model import MediaKind

NEAR_FLOOR = 0.86
"""Lowest score of material that is whole and certainly the same."""
EXACT_VISUAL = 0.97
"""Pictures that agree less were changed, if in no way that can be told: by a small logo, or a
slight tilt. Encoding anew leaves more."""
CHANGED_CEILING = 0.949
"""Highest score when more was done than encoding anew: near, never exact."""
PART_FLOOR = 0.70
PART_CEILING = 0.845
"""Scores of a certain part of another file: similar, for it cannot stand for the whole."""
DIFFERENT_CEILING = 0.69
TRIMMED_S = 0.75
"""Seconds that one side lacks from which it counts as trimmed: coding moves ends by less."""
PART_S = 10.0
"""Seconds that one side lacks from which it is a part, however small a share they are."""


class Boundaries(BaseModel):
    """Lowest fused score of each class, 0..1."""

    model_config = ConfigDict(frozen=True)

    exact: float = 0.95
    near: float = 0.85
    similar: float = 0.70


class MatchSettings(BaseModel):
    """How scores are fused and named.

    Attributes:
        embedding_lifts: whether embeddings alone may call a pair similar, for people to look at.
        calibration: what scores mean as probabilities. It holds for these weights; with others,
            fit it anew.
    """

    model_config = ConfigDict(frozen=True)

    visual_weight: float = 0.65
    audio_weight: float = 0.25
    metadata_weight: float = 0.10
    embedding_lifts: bool = True
    image: Boundaries = Boundaries()
    video: Boundaries = Boundaries()
    audio: Boundaries = Boundaries()
    calibration: Calibration = Field(default_factory=shipped)

    def boundaries(self, kind: MediaKind) -> Boundaries:
        """The class boundaries for a pair whose richer side is of this kind."""
        return {
            MediaKind.IMAGE: self.image,
            MediaKind.VIDEO: self.video,
            MediaKind.AUDIO: self.audio,
        }[kind]


def part_score(share: float) -> float:
    """The score of a certain part: the more of the longer side it holds, the higher."""
    return round(PART_FLOOR + (PART_CEILING - PART_FLOOR) * share, 4)
