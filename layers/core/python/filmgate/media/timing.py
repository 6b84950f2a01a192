"""Choosing pictures by the time they are shown, and packets that need no decoding for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor, inf

_SLACK_S = 1e-4  # Container clocks tick in milliseconds or finer; 1/30 s is not exact in them.


@dataclass(slots=True)
class SampleClock:
    """Picks the first picture at or after every tick of a grid ``interval_s`` apart.

    The grid starts at the first picture asked about, so that one is always picked. Times must
    not fall; a gap in them gives one picture after it, not a burst.
    """

    interval_s: float
    next_s: float = -inf
    origin_s: float = field(default=inf)

    def wants(self, time_s: float) -> bool:
        """Whether a picture shown at ``time_s`` is to be picked."""
        return time_s >= self.next_s - _SLACK_S

    def take(self, time_s: float) -> None:
        """Record that the picture at ``time_s`` was picked."""
        if self.origin_s == inf:
            self.origin_s = time_s
        ticks = floor((time_s - self.origin_s + _SLACK_S) / self.interval_s)
        self.next_s = self.origin_s + (ticks + 1) * self.interval_s

    def copy(self) -> SampleClock:
        """Return a clock that can run ahead of this one."""
        return SampleClock(self.interval_s, self.next_s, self.origin_s)


def wanted(times_s: Sequence[float], clock: SampleClock) -> list[bool]:
    """Tell which pictures the clock will pick, for packets in the order they are decoded.

    Args:
        times_s: presentation times; decoding order differs from theirs where pictures are
            predicted from later ones.
        clock: is advanced as if the pictures had been taken.
    """
    picks = [False] * len(times_s)
    for index in sorted(range(len(times_s)), key=times_s.__getitem__):
        if clock.wants(times_s[index]):
            clock.take(times_s[index])
            picks[index] = True
    return picks
