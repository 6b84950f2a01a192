"""Which delta items to apply, which segments to rewrite, and which to delete."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from filmgate.dedupe.index.settings import IndexSettings
from filmgate.dedupe.index.stores import DeltaKey, Manifest, SegmentInfo


def is_due(keys: Sequence[DeltaKey], settings: IndexSettings) -> bool:
    """Whether a delta is worth a compaction: it is large, or holds a removal."""
    return (
        len(keys) >= settings.compact_entries
        or sum(key.size_bytes for key in keys) >= settings.compact_bytes
        or any(key.is_tombstone for key in keys)
    )


def to_compact(keys: Sequence[DeltaKey], settings: IndexSettings) -> list[DeltaKey]:
    """The oldest keys of a delta, as many as one run may apply; none when it is not due.

    Args:
        keys: in order of their sequence. So a chosen tombstone comes with all that it hides.
    """
    if not is_due(keys, settings):
        return []
    chosen: list[DeltaKey] = []
    size = 0
    for key in keys[: settings.max_compact_entries]:
        size += key.size_bytes
        if chosen and size > settings.max_compact_bytes:
            break
        chosen.append(key)
    return chosen


def to_merge(
    segments: Iterable[SegmentInfo], entries: int, size_bytes: int, settings: IndexSettings
) -> list[SegmentInfo]:
    """The segments to merge with so many new entries of so many bytes.

    Size-tiered: a tier that would reach `fanout` segments becomes one of the next tier, so every
    entry is rewritten once a tier, and the number of segments grows with the logarithm of the
    number of entries. Of a tier that would be too large together, the smallest are merged as far
    as there is room.
    """
    room = settings.max_segment_bytes - size_bytes
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


def to_rewrite(affected: Iterable[SegmentInfo], room_bytes: int) -> list[SegmentInfo]:
    """Of the segments that hold removed entries, those that fit into so many bytes."""
    chosen = []
    for info in sorted(affected, key=lambda info: info.size_bytes):
        room_bytes -= info.size_bytes
        if room_bytes >= 0:
            chosen.append(info)
    return chosen


def _tier(entries: int, settings: IndexSettings) -> int:
    return max(0, int(math.log(max(entries / settings.compact_entries, 1), settings.fanout)))


def in_rounds(
    tenants: Iterable[str], compact: Callable[[str], int], may_begin: Callable[[], bool]
) -> dict[str, int]:
    """Compact each tenant, then again those that had something to do, while there is time.

    Args:
        compact: one round for a tenant; how many entries it applied.
        may_begin: asked before every round.

    Returns:
        How many entries were applied, by tenant; only of tenants that had their turn.
    """
    applied: dict[str, int] = {}
    waiting = list(tenants)
    while waiting:
        again = []
        for tenant in waiting:
            if not may_begin():
                return applied
            count = compact(tenant)
            applied[tenant] = applied.get(tenant, 0) + count
            if count:
                again.append(tenant)
        waiting = again
    return applied


def expired(manifest: Manifest, moment: datetime, settings: IndexSettings) -> bool:
    """Whether the manifest names retired segments that no search can still want."""
    past = moment - timedelta(seconds=settings.grace_s)
    return any(old.retired_at <= past for old in manifest.retired)


def to_delete(
    stored: Iterable[tuple[str, datetime]],
    manifest: Manifest,
    moment: datetime,
    settings: IndexSettings,
) -> list[str]:
    """Segments that no search can still want: merged into others, or left by a worker that died.

    A segment is written before the manifest names it, so recent ones are never deleted.
    """
    past = moment - timedelta(seconds=settings.grace_s)
    wanted = {info.id for info in manifest.segments}
    wanted |= {old.id for old in manifest.retired if old.retired_at > past}
    return [name for name, written_at in stored if written_at <= past and name not in wanted]
