"""Calibration: from the score of a verdict to the probability that it is right.

The probability is that one file holds the other's recording. The map is monotone and piecewise
linear; `dedupe.tuning.isotonic` fits it. It is valid for pairs like those it was fitted on: pairs
that the index returned, in a set with the same share of copies.

Nothing here imports NumPy, so that the function that decides starts fast.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from filmgate.media.model import MediaKind

FILE = Path(__file__).with_name("calibration.json")
"""The maps that ship with the package."""
PLACES = 4
"""Decimal places of scores and probabilities in a map: few, to keep settings variables short."""
RESOLUTION = 10.0**-PLACES
"""The smallest probability; the largest is 1 minus this, because no sample gives certainty."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CalibrationMap(_Value):
    """A monotone, piecewise linear map from scores to probabilities.

    Attributes:
        scores: its knots, increasing, 0..1.
        probabilities: its values at the knots, never decreasing, between 0 and 1, both excluded.
        pairs, copies: number of labelled pairs it was fitted on, and of copies among them.
    """

    scores: tuple[float, ...] = Field(min_length=1)
    probabilities: tuple[float, ...]
    pairs: int = Field(ge=1)
    copies: int = Field(ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if len(self.scores) != len(self.probabilities):
            raise ValueError("there must be as many probabilities as scores")
        if any(low >= high for low, high in pairwise(self.scores)):
            raise ValueError("scores must increase")
        if any(low > high for low, high in pairwise(self.probabilities)):
            raise ValueError("probabilities must not decrease")
        if not all(0 < value < 1 for value in self.probabilities):
            raise ValueError("probabilities must lie between 0 and 1")
        return self

    def __call__(self, score: float) -> float:
        """Return the probability at a score; beyond the outer knots it is constant."""
        after = bisect_right(self.scores, score)
        if after == 0:
            return self.probabilities[0]
        if after == len(self.scores):
            return self.probabilities[-1]
        (x0, x1), (y0, y1) = (
            values[after - 1 : after + 1] for values in (self.scores, self.probabilities)
        )
        return min(y0 + (y1 - y0) * ((score - x0) / (x1 - x0)), y1)


class CalibrationSource(_Value):
    """What maps were fitted on: the labelled set, the date, and the command."""

    labelled_set: str
    fitted: date
    command: str


class KindCalibration(_Value):
    """The maps of one media kind; None where there were too few pairs.

    Parts have a separate map, because their scores depend on their share of the longer file, and
    lookalikes have similar scores.
    """

    source: CalibrationSource
    whole: CalibrationMap | None = None
    part: CalibrationMap | None = None


class Calibration(_Value):
    """Maps for each media kind; None for a kind without any."""

    image: KindCalibration | None = None
    video: KindCalibration | None = None
    audio: KindCalibration | None = None

    def of_kind(self, kind: MediaKind) -> KindCalibration | None:
        """Return the maps for pairs whose richer side is of this kind."""
        return {
            MediaKind.IMAGE: self.image,
            MediaKind.VIDEO: self.video,
            MediaKind.AUDIO: self.audio,
        }[kind]

    def probability(self, kind: MediaKind, score: float, *, partial: bool) -> float | None:
        """Return the probability that one holds the other's recording; None without a map.

        Args:
            score: of the verdict, 0..1.
            partial: the verdict says that one holds a part of the other's duration.

        Returns:
            A probability to four places, neither 0 nor 1.
        """
        calibration_map = self._map(kind, partial=partial)
        return None if calibration_map is None else rounded(calibration_map(score))

    def describe(self, kind: MediaKind, *, partial: bool) -> str | None:
        """Describe what that probability was calibrated on; None without a map."""
        maps, calibration_map = self.of_kind(kind), self._map(kind, partial=partial)
        if maps is None or calibration_map is None:
            return None
        source, pairs = maps.source, calibration_map.pairs
        return f"{source.labelled_set}, {pairs} pairs, {source.fitted.isoformat()}"

    def _map(self, kind: MediaKind, *, partial: bool) -> CalibrationMap | None:
        maps = self.of_kind(kind)
        if maps is None:
            return None
        return maps.part if partial else maps.whole


@cache
def shipped() -> Calibration:
    """Return the maps in `calibration.json`, which `make calibrate` writes."""
    return Calibration.model_validate_json(FILE.read_bytes())


def rounded(probability: float) -> float:
    """Round to `PLACES` decimal places, to neither 0 nor 1."""
    return min(max(round(probability, PLACES), RESOLUTION), 1 - RESOLUTION)
