"""How long one asset may be compared with others."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, PositiveFloat

from filmgate.media.model import MediaKind


class MatchBudget(BaseModel):
    """Seconds after which no further comparison is begun, well below what the step may take.

    Two films of an hour take seconds to compare by their pictures and ten by their sound, so many
    of them would outlast the step, again on every retry. Images run in Express workflows, which
    live five minutes in all.
    """

    model_config = ConfigDict(frozen=True)

    image_s: PositiveFloat = 20.0
    other_s: PositiveFloat = 200.0

    def seconds(self, kind: MediaKind) -> float:
        """For an asset of this kind."""
        return self.image_s if kind is MediaKind.IMAGE else self.other_s
