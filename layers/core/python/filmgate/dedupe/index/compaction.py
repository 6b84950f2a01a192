"""Which segments to merge, and which to delete."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from filmgate.dedupe.index.settings import IndexSettings
from filmgate.dedupe.index.stores import FreshItem, Manifest, SegmentInfo


def to_fold(items: Sequence[FreshItem], settings: IndexSettings) -> list[FreshItem]:
    """Of fresh entries, those worth a segment now: none while they are few."""
    size = sum(len(item.body) for item in items)
    if len(items) < settings.compact_entries and size < settings.compact_bytes:
        return []
    return list(items[: settings.max_compact_entries])


def to_merge(
    segments: Iterable[SegmentInfo], items: Sequence[FreshItem], settings: IndexSettings
) -> list[SegmentInfo]:
    """The segments to merge with these new entries.

    Size-tiered: a tier that would reach `fanout` segments becomes one of the next tier, so every
    entry is rewritten once a tier, and the number of segments grows with the logarithm of theirs.
    Of a tier that would be too large together, the smallest are merged as far as there is room.
    """
    entries, room = len(items), settings.max_segment_bytes - sum(len(i.body) for i in items)
    left = sorted(segments, key=lambda info: info.size_bytes)
    chosen: list[SegmentInfo] = []
    while True:
        tier = _tier(entries, settings)
        peers = [info for info in left if _tier(info.entries, settings) <= tier]
        if len(peers) + 1 < settings.fanout:
            return chosen
        for info in peers:
            if info.size_bytes > room:
                return chosen
            room -= info.size_bytes
            entries += info.entries
            chosen.append(info)
            left.remove(info)


def _tier(entries: int, settings: IndexSettings) -> int:
    return max(0, int(math.log(max(entries / settings.compact_entries, 1), settings.fanout)))


def in_rounds(
    tenants: Iterable[str], fold: Callable[[str], int], may_begin: Callable[[], bool]
) -> dict[str, int]:
    """Fold for each tenant, then again for those that had something, while there is time.

    Args:
        fold: one round for a tenant; how many entries it folded.
        may_begin: asked before every round.

    Returns:
        How many entries were folded, by tenant; only of tenants that had their turn.
    """
    folded: dict[str, int] = {}
    waiting = list(tenants)
    while waiting:
        again = []
        for tenant in waiting:
            if not may_begin():
                return folded
            count = fold(tenant)
            folded[tenant] = folded.get(tenant, 0) + count
            if count:
                again.append(tenant)
        waiting = again
    return folded


def to_delete(
    stored: Iterable[tuple[str, datetime]],
    manifest: Manifest,
    moment: datetime,
    settings: IndexSettings,
) -> list[str]:
    """Segments that no search can still want: merged away, or left by a worker that died.

    A segment is written before the manifest names it, so young ones are never touched.
    """
    past = moment - timedelta(seconds=settings.grace_s)
    kept = {info.id for info in manifest.segments}
    kept |= {old.id for old in manifest.retired if old.retired_at > past}
    return [name for name, written_at in stored if written_at <= past and name not in kept]
