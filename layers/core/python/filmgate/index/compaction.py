"""Which segments to merge, and which to delete."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from filmgate.index.settings import IndexSettings
from filmgate.index.stores import FreshItem, Manifest, SegmentInfo


def to_fold(items: Sequence[FreshItem], settings: IndexSettings) -> list[FreshItem]:
    """The fresh entries worth a segment now: none while they are few."""
    size = sum(len(item.body) for item in items)
    if len(items) < settings.fold_entries and size < settings.fold_bytes:
        return []
    return list(items[: settings.max_fold_entries])


def to_merge(
    segments: Iterable[SegmentInfo], entries: int, settings: IndexSettings
) -> list[SegmentInfo]:
    """The segments to merge with so many new entries.

    Size-tiered: a tier that would reach `fanout` segments becomes one of the next tier, so every
    entry is rewritten once a tier, and the number of segments grows with the logarithm of theirs.
    """
    left = [info for info in segments if info.size_bytes <= settings.max_segment_bytes]
    chosen: list[SegmentInfo] = []
    while True:
        tier = _tier(entries, settings)
        peers = [info for info in left if _tier(info.entries, settings) <= tier]
        if len(peers) + 1 < settings.fanout:
            return chosen
        chosen += peers
        entries += sum(info.entries for info in peers)
        left = [info for info in left if info not in peers]


def _tier(entries: int, settings: IndexSettings) -> int:
    return max(0, int(math.log(max(entries / settings.fold_entries, 1), settings.fanout)))


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
