"""From the score of a verdict to the probability that one file holds the other's recording.

The map is monotone: its steps are flat, and between them it is linear. `tuning.isotonic` fits it.

A probability holds for pairs such as the map was fit on: pairs that the index brought together, in
a set with that share of copies. No arrays here, so that deciding needs none.
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
PLACES = 4
"""Decimal places of scores and probabilities in a map, which keep a settings variable short."""
RESOLUTION = 10.0**-PLACES
"""The smallest probability, and as far from 1 the largest: no number of pairs makes one sure."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CalibrationMap(_Value):
    """A monotone, piecewise linear map from scores to probabilities.

    Attributes:
        scores: where it bends, rising, 0..1.
        probabilities: its value there, never falling, within 0..1 and neither 0 nor 1.
        pairs, copies: how many labelled pairs it was fit on, and how many of them were copies.
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
            raise ValueError("scores must rise")
        if any(low > high for low, high in pairwise(self.probabilities)):
            raise ValueError("probabilities must not fall")
        if not all(0 < value < 1 for value in self.probabilities):
            raise ValueError("probabilities must lie between 0 and 1")
        return self

    def __call__(self, score: float) -> float:
        """The probability at a score; beyond the ends it stays as it is there."""
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
    """What maps were fit on: the labelled set, when, and the command that did it."""

    labelled_set: str
    fitted: date
    command: str


class KindCalibration(_Value):
    """The maps of one kind of media; None where there were too few pairs.

    Parts have a map of their own: their scores tell how much of the longer file they hold, and
    pairs that only look alike score as they do.
    """

    source: CalibrationSource
    whole: CalibrationMap | None = None
    part: CalibrationMap | None = None


class Calibration(_Value):
    """Maps for each kind of media; None for a kind that none was fit for."""

    image: KindCalibration | None = None
    video: KindCalibration | None = None
    audio: KindCalibration | None = None

    def of_kind(self, kind: MediaKind) -> KindCalibration | None:
        """The maps for pairs whose richer side is of this kind."""
        return {
            MediaKind.IMAGE: self.image,
            MediaKind.VIDEO: self.video,
            MediaKind.AUDIO: self.audio,
        }[kind]

    def probability(self, kind: MediaKind, score: float, *, partial: bool) -> float | None:
        """That one holds the other's recording, whole or in part; None without a map.

        Args:
            score: of the verdict, 0..1.
            partial: the verdict says that one holds a part of the other's time.

        Returns:
            A probability to four places, neither 0 nor 1.
        """
        made = self._map(kind, partial=partial)
        return None if made is None else rounded(made(score))

    def words(self, kind: MediaKind, *, partial: bool) -> str | None:
        """What that probability was calibrated on; None without a map."""
        maps, made = self.of_kind(kind), self._map(kind, partial=partial)
        if maps is None or made is None:
            return None
        source = maps.source
        return f"{source.labelled_set}, {made.pairs} pairs, {source.fitted.isoformat()}"

    def _map(self, kind: MediaKind, *, partial: bool) -> CalibrationMap | None:
        maps = self.of_kind(kind)
        if maps is None:
            return None
        return maps.part if partial else maps.whole


@cache
def shipped() -> Calibration:
    """The maps in `calibration.json`, which `make calibrate` writes."""
    return Calibration.model_validate_json(FILE.read_bytes())


def rounded(probability: float) -> float:
    """To `PLACES`, and neither 0 nor 1."""
    return min(max(round(probability, PLACES), RESOLUTION), 1 - RESOLUTION)
