"""Choose pictures by the time they are shown, and find packets that need no decoding for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor, inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream

_RESET_S = 0.25
"""Seconds by which a clock has to fall back to count as reset, as by joining files; smaller steps
are jitter."""
_TOLERANCE_S = 1e-4
"""Container clocks tick in milliseconds or finer; 1/30 s is not exact in them."""


@dataclass(slots=True)
class SampleClock:
    """Picks the first picture at or after every tick of a grid ``interval_s`` apart.

    The grid starts at the first picture offered, so that one is always picked. Times must not
    decrease; a gap in them gives one picture after it, not a burst.
    """

    interval_s: float
    next_s: float = -inf
    origin_s: float = field(default=inf)

    def wants(self, time_s: float) -> bool:
        """Whether a picture shown at ``time_s`` is to be picked."""
        return time_s >= self.next_s - _TOLERANCE_S

    def take(self, time_s: float) -> None:
        """Record that the picture at ``time_s`` was picked."""
        if self.origin_s == inf:
            self.origin_s = time_s
        ticks = floor((time_s - self.origin_s + _TOLERANCE_S) / self.interval_s)
        self.next_s = self.origin_s + (ticks + 1) * self.interval_s

    def copy(self) -> SampleClock:
        """Return a clock that can run ahead of this one."""
        return SampleClock(self.interval_s, self.next_s, self.origin_s)


class ClockResets:
    """Shifts the times of packets so that time goes on after a clock reset in the file."""

    def __init__(self) -> None:
        self._offsets: dict[int, tuple[int, int]] = {}

    def unwrap(self, packet: Packet[Stream]) -> float | None:
        """Shift one packet; return its end in seconds on the clock of the container.

        The end is None where the packet has no time.
        """
        if packet.dts is None or packet.time_base is None:
            return None
        index, dts, pts = packet.stream.index, packet.dts, packet.pts
        # Arithmetic of fractions would cost more than everything else here, for every packet.
        tick_s = packet.time_base.numerator / packet.time_base.denominator
        offset, last = self._offsets.get(index, (0, dts))
        if (last - dts - offset) * tick_s > _RESET_S:
            offset = last - dts + (packet.duration or 0)
        if offset:
            packet.dts = dts = dts + offset
            if pts is not None:
                packet.pts = pts = pts + offset
        self._offsets[index] = (offset, dts)
        return ((dts if pts is None else pts) + (packet.duration or 0)) * tick_s


def plan_picks(times_s: Sequence[float], clock: SampleClock) -> list[bool]:
    """Return which pictures the clock will pick, for packets in decoding order.

    Args:
        times_s: presentation times; they are not in order where pictures are predicted from
            later ones.
        clock: is advanced as if the pictures had been taken.
    """
    picks = [False] * len(times_s)
    for index in sorted(range(len(times_s)), key=times_s.__getitem__):
        if clock.wants(times_s[index]):
            clock.take(times_s[index])
            picks[index] = True
    return picks


def skip_group_end(
    times_s: Sequence[float], picks: Sequence[bool], last_pick_s: float, edge_s: float
) -> tuple[list[bool], float | None]:
    """Drop the picks at the end of a group of pictures, which the next keyframe makes dispensable.

    After this, no picture past ``edge_s`` has to be decoded, except one where otherwise the gap
    before the next keyframe would exceed the allowed gap. A pick of the group's own keyframe,
    which comes first, stays.

    Args:
        times_s: presentation times of the group's packets, in decoding order.
        picks: the result of `plan_picks` for them.
        last_pick_s: time of the last picture picked before this group.
        edge_s: time of the next keyframe minus the allowed gap.

    Returns:
        What is picked, and the time of the picture that was added to fill the gap, if one was.
    """
    if not any(
        pick and time_s > edge_s for pick, time_s in zip(picks[1:], times_s[1:], strict=True)
    ):
        return list(picks), None
    remaining = [
        pick and (index == 0 or times_s[index] <= edge_s) for index, pick in enumerate(picks)
    ]
    return add_gap_fill(times_s, remaining, last_pick_s, edge_s)


def add_gap_fill(
    times_s: Sequence[float], picks: Sequence[bool], last_pick_s: float, edge_s: float
) -> tuple[list[bool], float | None]:
    """Pick the first picture at or after ``edge_s``, unless one at or after it is picked already.

    Some picture must be shown at or after ``edge_s``. Arguments and result are those of
    `skip_group_end`.
    """
    filled = list(picks)
    picked = [time_s for time_s, pick in zip(times_s, picks, strict=True) if pick]
    if max([last_pick_s, *picked]) >= edge_s:
        return filled, None
    after_edge = [index for index, time_s in enumerate(times_s) if time_s >= edge_s]
    gap_fill = min(after_edge, key=times_s.__getitem__)
    filled[gap_fill] = True
    return filled, times_s[gap_fill]
