"""The candidate index: a delta of recent entries and immutable segments, searched as a whole.

Why no entry is ever missed: a search reads the delta first and the manifest after it. Compaction
goes the other way round: it names a segment in the manifest before it removes the entries from the
delta. So an entry that has left the delta is in the manifest that is read later. An entry seen in
both counts once.

Why a removed asset never comes back: a removal is a tombstone in the delta. It hides every entry
of the asset with a lower sequence, in the delta and in all segments. Compaction removes it only
after no live segment and no delta item holds such an entry.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from filmgate.clock import now
from filmgate.dedupe.index import vectors
from filmgate.dedupe.index.cache import SegmentCache
from filmgate.dedupe.index.compaction import (
    expired,
    is_due,
    to_compact,
    to_delete,
    to_merge,
    to_rewrite,
)
from filmgate.dedupe.index.delta import DeltaReader
from filmgate.dedupe.index.points import KeypointScan
from filmgate.dedupe.index.port import Candidate, IndexEntry, IndexQuery
from filmgate.dedupe.index.scan import FrameScan, SoundScan
from filmgate.dedupe.index.segment import Segment, delta_entry, delta_item
from filmgate.dedupe.index.settings import IndexSettings
from filmgate.dedupe.index.stores import (
    DeltaItem,
    DeltaKey,
    DeltaStore,
    Manifest,
    RetiredSegment,
    SegmentInfo,
    SegmentStore,
    removals,
)
from filmgate.errors import Conflict, NotFound, TransientError

_SEARCH_TRIES = 4
"""Attempts of a search to find all segments of one manifest."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a search scans, as one moment saw it.

    Attributes:
        segments: the delta, if it holds any entry, is one of them.
        removed: the sequence of the latest removal of each removed asset.
    """

    segments: list[Segment]
    removed: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one compaction does.

    Attributes:
        items: delta entries that go into the new segment.
        merged: segments that go into it.
        applied: delta keys to remove afterwards.
        removed: see `_Parts`.
    """

    items: list[DeltaItem]
    merged: list[SegmentInfo]
    applied: list[DeltaKey]
    removed: dict[str, int]


class SegmentIndex:
    """`filmgate.dedupe.index.port.CandidateIndex` over a delta store and a segment store."""

    def __init__(
        self,
        delta: DeltaStore,
        segments: SegmentStore,
        settings: IndexSettings | None = None,
        *,
        cache_dir: Path | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._delta = delta
        self._segments = segments
        self._settings = settings or IndexSettings()
        self._reader = DeltaReader(delta, self._settings.delta_cache_bytes)
        self._cache = SegmentCache(segments, cache_dir, self._settings.cache_bytes)
        self._clock = clock

    def add(self, tenant: str, entry: IndexEntry) -> None:
        """Idempotent by asset id; every search that starts after it returned sees the entry.

        Raises TransientError.
        """
        self._delta.put(tenant, delta_item(entry, self._delta.next_sequence(tenant)))

    def remove(self, tenant: str, asset_id: str) -> None:
        """No search that starts after it returned finds the asset, until it is added again.

        An `add` of the asset that is still running may come after it. Compaction deletes the
        entries. Raises TransientError.
        """
        sequence = self._delta.next_sequence(tenant)
        self._delta.put(tenant, DeltaItem(DeltaKey.tombstone(sequence, asset_id), b""))

    def search(self, tenant: str, query: IndexQuery, *, limit: int) -> list[Candidate]:
        """At most `limit` candidates, best first, without the query's own asset.

        Raises TransientError.
        """
        best: dict[str, Candidate] = {}
        for candidate in self._candidates(self._parts(tenant), query):
            other = best.get(candidate.asset_id)
            best[candidate.asset_id] = candidate if other is None else _best(other, candidate)
        best.pop(query.asset_id, None)
        return sorted(best.values(), key=self._rank)[:limit]

    def compaction_due(self, tenant: str) -> bool:
        """Whether `compact` has anything to do: a large delta, a removal, or work left over.

        Raises TransientError.
        """
        if is_due(self._delta.keys(tenant), self._settings):
            return True
        manifest = self._delta.manifest(tenant)
        return bool(manifest.compacted) or expired(manifest, self._clock(), self._settings)

    def compact(self, tenant: str) -> int:
        """Move delta entries into a segment when there are enough, and delete removed ones; how
        many delta items and rewritten segments there were.

        May run twice, at the same time, and die anywhere: the next run finishes what was not
        finished, or takes it back. Raises TransientError.
        """
        try:
            manifest = self._finish(tenant, self._delta.manifest(tenant))
            manifest = self._sweep(tenant, manifest)
        except Conflict:
            return 0
        keys = self._delta.keys(tenant)
        chosen = to_compact(keys, self._settings)
        if not chosen:
            return 0
        plan = self._plan(tenant, manifest, keys, chosen)
        if not plan.applied and not plan.merged:
            return 0
        compacted = self._compacted(tenant, manifest, plan)
        try:
            self._delta.replace_manifest(tenant, compacted)
        except Conflict:
            return 0  # another compaction was faster; the sweep deletes the segment written here
        with suppress(Conflict):
            self._finish(tenant, compacted)
        return len(plan.applied) + (len(plan.merged) if plan.removed else 0)

    def _parts(self, tenant: str) -> _Parts:
        for _ in range(_SEARCH_TRIES):
            keys = self._delta.keys(tenant)
            removed = removals(keys)
            visible = [key for key in keys if not _is_hidden(key, removed)]
            entries = self._reader.entries(tenant, visible)
            manifest = self._delta.manifest(tenant)
            try:
                parts = [self._cache.segment(tenant, info) for info in manifest.segments]
            except NotFound:
                continue  # merged and deleted since the manifest was read
            self._cache.forget([info.id for info in manifest.segments])
            if entries:
                parts.append(_segment([(key.sequence, entry) for key, entry in entries.items()]))
            return _Parts(parts, removed)
        raise TransientError("the index changes faster than it can be read")

    def _candidates(self, parts: _Parts, query: IndexQuery) -> Iterable[Candidate]:
        settings = self._settings
        frames, sound = FrameScan(query, settings), SoundScan(query, settings)
        points = KeypointScan(query, settings)
        for part in parts.segments:
            sound.tally(part)
        sha256 = bytes.fromhex(query.sha256)
        for part in parts.segments:
            hits, votes, keypoint_votes = frames.hits(part), sound.votes(part), points.votes(part)
            close = vectors.hits(part.vectors, query, len(part))
            same = (part.sha256 == list(sha256)).all(axis=1)
            found = same | (hits >= settings.min_frame_hits) | (votes >= settings.min_audio_votes)
            found |= (keypoint_votes >= settings.min_keypoint_votes) | (close > 0)
            found &= ~part.removed_rows(parts.removed)
            for i in found.nonzero()[0]:
                yield Candidate(
                    asset_id=part.asset_id(i),
                    frame_hits=int(hits[i]),
                    audio_votes=int(votes[i]),
                    same_bytes=bool(same[i]),
                    vector_hits=int(close[i]),
                    keypoint_votes=int(keypoint_votes[i]),
                )

    def _rank(self, candidate: Candidate) -> tuple[bool, float, str]:
        """Same bytes first; then one frame counts as much as enough landmarks to be found by.

        All vectors count less than a frame: a model whose floor is too low finds everything, and
        must not displace what frames and sound have found.
        """
        evidence = candidate.frame_hits + candidate.audio_votes / self._settings.min_audio_votes
        evidence += candidate.vector_hits / (candidate.vector_hits + 1)
        evidence += candidate.keypoint_votes / self._settings.min_keypoint_votes
        return (not candidate.same_bytes, -evidence, candidate.asset_id)

    def _plan(
        self,
        tenant: str,
        manifest: Manifest,
        keys: Sequence[DeltaKey],
        chosen: Sequence[DeltaKey],
    ) -> _Plan:
        """What to do with the chosen ones of all delta keys."""
        removed, settings = removals(keys), self._settings
        hidden = [key for key in chosen if not key.is_tombstone and _is_hidden(key, removed)]
        entries = [key for key in chosen if not _is_hidden(key, removed)]
        # An entry without its whole body is still being written, or its writer died.
        items = self._delta.read(tenant, entries)
        size = sum(len(item.body) for item in items)
        merged = to_merge(manifest.segments, len(items), size, settings) if items else []
        affected = self._affected(tenant, manifest, removed)
        room = settings.max_segment_bytes - size - sum(info.size_bytes for info in merged)
        merged += to_rewrite([info for info in affected if info not in merged], room)
        if affected and not any(info in merged for info in affected):
            # Too large to be rewritten together with anything else.
            items, merged = [], affected[:1]
        applied = [*hidden, *(item.key for item in items)]
        if all(info in merged for info in affected):
            # A tombstone hides nothing any more once this is done.
            applied += [key for key in chosen if key.is_tombstone]
        return _Plan(items, merged, applied, removed)

    def _affected(
        self, tenant: str, manifest: Manifest, removed: dict[str, int]
    ) -> list[SegmentInfo]:
        """The segments that hold removed entries."""
        if not removed:
            return []
        return [
            info
            for info in manifest.segments
            if self._cache.segment(tenant, info).removed_rows(removed).any()
        ]

    def _compacted(self, tenant: str, manifest: Manifest, plan: _Plan) -> Manifest:
        """The manifest after a plan; its new segment is stored here."""
        created: list[SegmentInfo] = []
        segment = self._joined(tenant, plan)
        if len(segment):
            body = segment.to_bytes()
            created.append(
                SegmentInfo(id=uuid.uuid4().hex, entries=len(segment), size_bytes=len(body))
            )
            self._segments.put(tenant, created[0].id, body)
        self._cache.forget([])
        moment = self._clock()
        return Manifest(
            version=manifest.version + 1,
            segments=(*(old for old in manifest.segments if old not in plan.merged), *created),
            retired=(
                *manifest.retired,
                *(RetiredSegment(id=old.id, retired_at=moment) for old in plan.merged),
            ),
            compacted=tuple(plan.applied),
        )

    def _joined(self, tenant: str, plan: _Plan) -> Segment:
        # A function of its own, so that the entries are freed before the segment is packed.
        rows = []
        for info in plan.merged:
            segment = self._cache.segment(tenant, info)
            removed = segment.removed_rows(plan.removed)
            rows += [
                (int(sequence), entry)
                for sequence, entry, gone in zip(
                    segment.sequences, segment.entries(), removed, strict=True
                )
                if not gone
            ]
        rows += [(item.key.sequence, delta_entry(item)) for item in plan.items]
        return _segment(rows)

    def _finish(self, tenant: str, manifest: Manifest) -> Manifest:
        """Remove the delta items that were applied. Raises Conflict."""
        if not manifest.compacted:
            return manifest
        # Tombstones last: until then they hide the entries that are removed here.
        entries = [key for key in manifest.compacted if not key.is_tombstone]
        tombstones = [key for key in manifest.compacted if key.is_tombstone]
        self._delta.remove(tenant, entries)
        self._delta.remove(tenant, tombstones)
        return self._replace(tenant, manifest, {"compacted": ()})

    def _sweep(self, tenant: str, manifest: Manifest) -> Manifest:
        """Delete the segments that no search can still want. Raises Conflict."""
        moment = self._clock()
        stored = self._segments.list(tenant)
        for segment_id in to_delete(stored, manifest, moment, self._settings):
            self._segments.remove(tenant, segment_id)
        if not expired(manifest, moment, self._settings):
            return manifest
        past = moment - timedelta(seconds=self._settings.grace_s)
        recent = tuple(old for old in manifest.retired if old.retired_at > past)
        return self._replace(tenant, manifest, {"retired": recent})

    def _replace(self, tenant: str, manifest: Manifest, changes: dict[str, object]) -> Manifest:
        changed = manifest.model_copy(update={"version": manifest.version + 1, **changes})
        self._delta.replace_manifest(tenant, changed)
        return changed


def _is_hidden(key: DeltaKey, removed: dict[str, int]) -> bool:
    """Whether a key is a tombstone or is hidden by one."""
    return key.is_tombstone or key.sequence < removed.get(key.asset_id, 0)


def _segment(rows: Iterable[tuple[int, IndexEntry]]) -> Segment:
    """A segment of the latest entry of each asset."""
    latest: dict[str, tuple[int, IndexEntry]] = {}
    for sequence, entry in rows:
        if entry.asset_id not in latest or sequence >= latest[entry.asset_id][0]:
            latest[entry.asset_id] = (sequence, entry)
    kept = list(latest.values())
    return Segment.of([entry for _, entry in kept], [sequence for sequence, _ in kept])


def _best(one: Candidate, other: Candidate) -> Candidate:
    return Candidate(
        asset_id=one.asset_id,
        frame_hits=max(one.frame_hits, other.frame_hits),
        audio_votes=max(one.audio_votes, other.audio_votes),
        same_bytes=one.same_bytes or other.same_bytes,
        vector_hits=max(one.vector_hits, other.vector_hits),
        keypoint_votes=max(one.keypoint_votes, other.keypoint_votes),
    )
