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


def bridged(
    times_s: Sequence[float], picks: Sequence[bool], seen_s: float, edge_s: float
) -> tuple[list[bool], float | None]:
    """Drop the picks of a group of pictures that the next group's keyframe makes dispensable.

    What is left needs no picture decoded after the edge, but for the first at or after it where
    without that more than from edge to keyframe would go unseen. A pick of the group's own
    keyframe, which comes first, stays.

    Args:
        times_s: presentation times of the group's packets, in the order they are decoded.
        picks: what `wanted` told of them.
        seen_s: when the last picture picked before this group is shown.
        edge_s: how late before the next keyframe the last picture has to be.

    Returns:
        What is picked, and when the picture that was picked besides is shown, if one was.
    """
    if not any(
        pick and time_s > edge_s for pick, time_s in zip(picks[1:], times_s[1:], strict=True)
    ):
        return list(picks), None
    kept = [pick and (index == 0 or times_s[index] <= edge_s) for index, pick in enumerate(picks)]
    left = [time_s for time_s, pick in zip(times_s, kept, strict=True) if pick]
    if max([seen_s, *left]) >= edge_s:
        return kept, None
    after = [index for index, time_s in enumerate(times_s) if time_s >= edge_s]
    bridge = min(after, key=times_s.__getitem__)
    kept[bridge] = True
    return kept, times_s[bridge]
