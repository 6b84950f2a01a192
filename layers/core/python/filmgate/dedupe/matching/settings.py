"""Score levels, and the configurable thresholds and weights per media kind."""

from __future__ import annotations

from pydantic import Field

from filmgate.dedupe.matching.calibration import Calibration, shipped
from filmgate.media.model import MediaKind
from filmgate.model import FrozenModel
from filmgate.settings import Environment

# Constants are hand-set on the tuning half of the matching benchmark; score levels are chosen so
# that they lie on the right side of the default boundaries.

NEAR_FLOOR = 0.86
"""Lowest score of complete copies that are certain: just above the boundary of `near`."""
EXACT_VISUAL = 0.97
"""Frames that are less similar were changed, even if no change was identified, for example by a
small logo or a slight rotation. Re-encoding leaves a higher similarity."""
CHANGED_CEILING = 0.949
"""Highest score of copies with more changes than re-encoding: just below the boundary of
`exact`."""
PART_FLOOR = 0.70
PART_CEILING = 0.845
"""Lowest and highest score of certain parts of another file: between the boundaries of `similar`
and `near`, because a part cannot stand for the whole."""
DIFFERENT_CEILING = 0.69
"""Highest score of pairs without proof of common material: just below the boundary of
`similar`."""
TRIMMED_S = 0.75
"""If one side lacks more seconds than this, it is trimmed: encoding moves ends by less."""
PART_S = 10.0
"""If one side lacks more seconds than this, it is a part, even if they are a small share."""


class Boundaries(FrozenModel):
    """Lowest fused score of each class, 0..1."""

    exact: float = 0.95
    near: float = 0.85
    similar: float = 0.70


class MatchSettings(FrozenModel):
    """How scores are fused and classified.

    Attributes:
        visual_weight, audio_weight, metadata_weight: of the modalities, rescaled to a sum of 1
            over those that both sides have.
        embedding_lifts: whether an embedding alone may make a pair `similar`, for people to look
            at.
        image, video, audio: class boundaries for pairs whose richer side is of this kind.
        calibration: maps scores to probabilities. It is valid for these weights only; with other
            weights it must be fitted again.
    """

    visual_weight: float = 0.65
    audio_weight: float = 0.25
    metadata_weight: float = 0.10
    embedding_lifts: bool = True
    image: Boundaries = Boundaries()
    video: Boundaries = Boundaries()
    audio: Boundaries = Boundaries()
    calibration: Calibration = Field(default_factory=shipped)

    def boundaries(self, kind: MediaKind) -> Boundaries:
        """Return the class boundaries for a pair whose richer side is of this kind."""
        return {
            MediaKind.IMAGE: self.image,
            MediaKind.VIDEO: self.video,
            MediaKind.AUDIO: self.audio,
        }[kind]


class DecisionSettings(Environment):
    """Thresholds and weights of a deployment, as JSON of `MatchSettings`."""

    match_settings: MatchSettings = MatchSettings()


def part_score(share: float) -> float:
    """Return the score of a certain part, higher the larger its share of the longer side is.

    Args:
        share: 0..1.
    """
    return round(PART_FLOOR + (PART_CEILING - PART_FLOOR) * share, 4)
