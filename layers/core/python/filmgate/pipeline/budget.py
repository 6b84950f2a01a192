"""The time limit for comparing one asset with others."""

from __future__ import annotations

from pydantic import PositiveFloat

from filmgate.media.model import MediaKind
from filmgate.model import FrozenModel
from filmgate.settings import Environment


class MatchBudget(FrozenModel):
    """Seconds after which no further comparison starts, well below the time limit of the step.

    Comparing two films of an hour takes seconds for the pictures and ten seconds for the sound,
    so with many candidates the step would time out, and time out again at every retry. Images run
    in Express workflows, which last at most five minutes.
    """

    image_s: PositiveFloat = 20.0
    other_s: PositiveFloat = 200.0

    def seconds(self, kind: MediaKind) -> float:
        """Return the time limit for an asset of this kind, in seconds."""
        return self.image_s if kind is MediaKind.IMAGE else self.other_s


class BudgetSettings(Environment):
    """The time limit of a deployment, as JSON of `MatchBudget`."""

    match_budget: MatchBudget = MatchBudget()
