"""The candidate index: fresh entries and immutable segments, searched whole.

Why no entry is ever missed: a search reads the fresh entries first and the manifest after.
Compaction goes the other way round, it names a segment in the manifest before it removes the
entries from the fresh ones. So an entry that has left the fresh ones is in the manifest read
later. An entry seen in both counts once.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from filmgate.clock import now
from filmgate.dedupe.index import vectors
from filmgate.dedupe.index.cache import SegmentCache
from filmgate.dedupe.index.compaction import to_delete, to_fold, to_merge
from filmgate.dedupe.index.points import KeypointScan
from filmgate.dedupe.index.port import Candidate, IndexEntry, IndexQuery
from filmgate.dedupe.index.scan import FrameScan, SoundScan
from filmgate.dedupe.index.segment import Segment, fresh_entry, fresh_item
from filmgate.dedupe.index.settings import IndexSettings
from filmgate.dedupe.index.stores import (
    FreshItem,
    FreshStore,
    Manifest,
    RetiredSegment,
    SegmentInfo,
    SegmentStore,
)
from filmgate.errors import Conflict, NotFound, TransientError

_SEARCH_TRIES = 4


class SegmentIndex:
    """`filmgate.dedupe.index.port.CandidateIndex` over a fresh store and a segment store."""

    def __init__(
        self,
        fresh: FreshStore,
        segments: SegmentStore,
        settings: IndexSettings | None = None,
        *,
        cache_dir: Path | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._fresh = fresh
        self._segments = segments
        self._settings = settings or IndexSettings()
        self._cache = SegmentCache(segments, cache_dir, self._settings.cache_bytes)
        self._clock = clock

    def add(self, tenant: str, entry: IndexEntry) -> None:
        """Idempotent by asset id; seen by every search that starts after it returned.

        Raises TransientError.
        """
        self._fresh.put(tenant, fresh_item(entry))

    def search(self, tenant: str, query: IndexQuery, *, limit: int) -> list[Candidate]:
        """At most `limit` candidates, best first, without the query's own asset.

        Raises TransientError.
        """
        found: dict[str, Candidate] = {}
        for candidate in self._candidates(self._parts(tenant), query):
            known = found.get(candidate.asset_id)
            found[candidate.asset_id] = candidate if known is None else _best(known, candidate)
        found.pop(query.asset_id, None)
        return sorted(found.values(), key=self._rank)[:limit]

    def compact(self, tenant: str) -> int:
        """Fold fresh entries into a segment when there are enough; how many were folded.

        May run twice, at the same time, and die anywhere: what was not finished is finished or
        taken back by the next run. Raises TransientError.
        """
        try:
            manifest = self._finish_folding(tenant, self._fresh.manifest(tenant))
        except Conflict:
            return 0
        self._sweep(tenant, manifest)
        items = self._fresh.read(tenant, self._settings.max_compact_bytes)
        items = to_fold(items, self._settings)
        if not items:
            return 0
        merged = to_merge(manifest.segments, items, self._settings)
        folded = self._folded(tenant, manifest, items, merged)
        try:
            self._fresh.replace_manifest(tenant, folded)
        except Conflict:
            return 0  # another compaction was faster; the sweep deletes the segment written here
        with suppress(Conflict):
            self._finish_folding(tenant, folded)
        return len(items)

    def _parts(self, tenant: str) -> list[Segment]:
        """Everything there is to scan, as one moment saw it."""
        for _ in range(_SEARCH_TRIES):
            items = self._fresh.read(tenant)
            manifest = self._fresh.manifest(tenant)
            try:
                parts = [self._cache.segment(tenant, info) for info in manifest.segments]
            except NotFound:
                continue  # merged and deleted since the manifest was read
            self._cache.forget([info.id for info in manifest.segments])
            if items:
                parts.append(Segment.of(_one_each(fresh_entry(item) for item in items)))
            return parts
        raise TransientError("the index changes faster than it can be read")

    def _candidates(self, parts: list[Segment], query: IndexQuery) -> Iterable[Candidate]:
        settings = self._settings
        frames, sound = FrameScan(query, settings), SoundScan(query, settings)
        points = KeypointScan(query, settings)
        for part in parts:
            sound.tally(part)
        sha256 = bytes.fromhex(query.sha256)
        for part in parts:
            hits, votes, points_agreed = frames.hits(part), sound.votes(part), points.votes(part)
            close = vectors.hits(part.vectors, query, len(part))
            same = (part.sha256 == list(sha256)).all(axis=1)
            found = same | (hits >= settings.min_frame_hits) | (votes >= settings.min_audio_votes)
            found |= (points_agreed >= settings.min_keypoint_votes) | (close > 0)
            for i in found.nonzero()[0]:
                yield Candidate(
                    asset_id=part.asset_id(i),
                    frame_hits=int(hits[i]),
                    audio_votes=int(votes[i]),
                    same_bytes=bool(same[i]),
                    vector_hits=int(close[i]),
                    keypoint_votes=int(points_agreed[i]),
                )

    def _rank(self, candidate: Candidate) -> tuple[bool, float, str]:
        """Same bytes first; then one frame counts as much as enough landmarks to be found by.

        All vectors count less than a frame: a model whose floor is too low finds everything, and
        must not keep out what frames and sound have found.
        """
        evidence = candidate.frame_hits + candidate.audio_votes / self._settings.min_audio_votes
        evidence += candidate.vector_hits / (candidate.vector_hits + 1)
        evidence += candidate.keypoint_votes / self._settings.min_keypoint_votes
        return (not candidate.same_bytes, -evidence, candidate.asset_id)

    def _folded(
        self, tenant: str, manifest: Manifest, items: list[FreshItem], merged: list[SegmentInfo]
    ) -> Manifest:
        """Write the new segment; the manifest that names it."""
        segment = self._joined(tenant, items, merged)
        body = segment.to_bytes()
        info = SegmentInfo(id=uuid.uuid4().hex, entries=len(segment), size_bytes=len(body))
        self._segments.put(tenant, info.id, body)
        self._cache.forget([])
        moment = self._clock()
        past = moment - timedelta(seconds=self._settings.grace_s)
        return Manifest(
            version=manifest.version + 1,
            segments=(*(old for old in manifest.segments if old not in merged), info),
            retired=(
                *(old for old in manifest.retired if old.retired_at > past),
                *(RetiredSegment(id=old.id, retired_at=moment) for old in merged),
            ),
            folded=tuple(item.key for item in items),
        )

    def _joined(self, tenant: str, items: list[FreshItem], merged: list[SegmentInfo]) -> Segment:
        # Apart from packing, so that the entries are given back before.
        entries = [e for info in merged for e in self._cache.segment(tenant, info).entries()]
        entries += [fresh_entry(item) for item in items]
        return Segment.of(_one_each(entries))

    def _finish_folding(self, tenant: str, manifest: Manifest) -> Manifest:
        """Remove the fresh entries that are in a segment by now. Raises Conflict."""
        if not manifest.folded:
            return manifest
        self._fresh.remove(tenant, manifest.folded)
        tidy = manifest.model_copy(update={"version": manifest.version + 1, "folded": ()})
        self._fresh.replace_manifest(tenant, tidy)
        return tidy

    def _sweep(self, tenant: str, manifest: Manifest) -> None:
        stored = self._segments.list(tenant)
        for segment_id in to_delete(stored, manifest, self._clock(), self._settings):
            self._segments.remove(tenant, segment_id)


def _one_each(entries: Iterable[IndexEntry]) -> list[IndexEntry]:
    """The last entry of each asset."""
    return list({entry.asset_id: entry for entry in entries}.values())


def _best(one: Candidate, other: Candidate) -> Candidate:
    return Candidate(
        asset_id=one.asset_id,
        frame_hits=max(one.frame_hits, other.frame_hits),
        audio_votes=max(one.audio_votes, other.audio_votes),
        same_bytes=one.same_bytes or other.same_bytes,
        vector_hits=max(one.vector_hits, other.vector_hits),
        keypoint_votes=max(one.keypoint_votes, other.keypoint_votes),
    )
