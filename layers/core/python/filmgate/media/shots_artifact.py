"""The artifact ``shots``: where one shot ends and another begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from filmgate.media.consumers import Consumer, Depth, Picture
from filmgate.media.packed import DamagedArtifactError

if TYPE_CHECKING:
    from filmgate.media.shot_detector import ShotDetector


class Transition(BaseModel):
    """A gradual change from one shot to the next, such as a dissolve or a fade."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    start_s: float
    end_s: float


class Shots(BaseModel):
    """The boundaries of shots, in seconds from the first picture, in order.

    Attributes:
        end_s: the last picture that was seen; None where there was none.
        cuts_s: the first picture of each shot that begins with a cut.
        transitions: gradual ones; no cut lies within them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["shots"] = "shots"
    schema_version: Literal[1] = 1
    end_s: float | None = None
    cuts_s: tuple[float, ...] = ()
    transitions: tuple[Transition, ...] = ()

    def spans(self) -> tuple[tuple[float, float], ...]:
        """Start and end of each shot: from a cut or the end of a transition to the next one."""
        if self.end_s is None:
            return ()
        edges = [(cut, cut) for cut in self.cuts_s]
        edges += [(one.start_s, one.end_s) for one in self.transitions]
        spans: list[tuple[float, float]] = []
        start = 0.0
        for end, next_start in [*sorted(edges), (self.end_s, self.end_s)]:
            if end > start or not spans:
                spans.append((start, end))
            start = next_start
        return tuple(spans)


class ShotsConsumer(Consumer):
    """Looks at every picture that the pass decodes on its way to the sampled ones."""

    depth = Depth.SAMPLED

    def __init__(self) -> None:
        self._detector: ShotDetector | None = None
        self._end_s: float | None = None

    @property
    def count(self) -> int:
        """Boundaries found so far."""
        return 0 if self._detector is None else self._detector.count

    def see(self, picture: Picture) -> None:
        """Compare the picture with those before it."""
        from filmgate.media.shot_detector import COARSE_SIDE, ShotDetector  # noqa: PLC0415

        coarse = picture.coarse(COARSE_SIDE)
        if coarse is None:
            return
        if self._detector is None:
            self._detector = ShotDetector()
        self._detector.add(picture.time_s, coarse)
        self._end_s = max(picture.time_s, self._end_s or 0.0)

    def finish(self) -> bytes:
        """Return the artifact."""
        if self._detector is None:
            return Shots().model_dump_json().encode()
        found = self._detector.finish()
        shots = Shots(
            end_s=None if self._end_s is None else round(self._end_s, 6),
            cuts_s=tuple(round(cut, 6) for cut in found.cuts_s),
            transitions=tuple(
                Transition(start_s=round(start, 6), end_s=round(end, 6))
                for start, end in found.transitions_s
            ),
        )
        return shots.model_dump_json().encode()


def read_shots(body: bytes) -> Shots:
    """Return what the artifact says. Raises DamagedArtifactError."""
    try:
        return Shots.model_validate_json(body)
    except ValidationError as error:
        raise DamagedArtifactError("this is not an artifact shots") from error


def check(body: bytes) -> None:
    """Raise DamagedArtifactError unless the bytes have the shape of the artifact, with times that
    are in order."""
    shots = read_shots(body)
    transitions = [edge for one in shots.transitions for edge in (one.start_s, one.end_s)]
    for times_s in (shots.cuts_s, transitions):
        if list(times_s) != sorted(times_s) or min(times_s, default=0.0) < 0:
            raise DamagedArtifactError("the times of the shots are not in order")
