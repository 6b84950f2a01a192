"""What the segment index needs of storage; DynamoDB and S3 implement it, tests use memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict


class DeltaKey(NamedTuple):
    """An addition or a removal of an asset that compaction has not applied yet.

    Attributes:
        sequence: a number of the tenant, unique; higher than that of every addition and removal
            that ended before this one began.
        asset_id: the asset.
        digest: of the entry's body; empty for a removal.
        size_bytes: length of the body; 0 for a removal.
    """

    sequence: int
    asset_id: str
    digest: str
    size_bytes: int

    @classmethod
    def tombstone(cls, sequence: int, asset_id: str) -> DeltaKey:
        """The removal of an asset: hides everything of it with a lower sequence."""
        return cls(sequence, asset_id, "", 0)

    @property
    def is_tombstone(self) -> bool:
        """Whether it is a removal."""
        return not self.digest


@dataclass(frozen=True, slots=True)
class DeltaItem:
    """An entry that is not yet in a segment, or a tombstone, whose body is empty."""

    key: DeltaKey
    body: bytes


def removals(keys: Iterable[DeltaKey]) -> dict[str, int]:
    """The sequence of the latest removal of each removed asset."""
    latest: dict[str, int] = {}
    for key in keys:
        if key.is_tombstone:
            latest[key.asset_id] = max(key.sequence, latest.get(key.asset_id, 0))
    return latest


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class SegmentInfo(_Value):
    """A live segment; its id is never used again."""

    id: str
    entries: int
    size_bytes: int


class RetiredSegment(_Value):
    """A segment merged into another, kept for a while for searches that began before."""

    id: str
    retired_at: datetime


class Manifest(_Value):
    """Which segments are live. A field may be added with a default, and unknown ones are ignored.

    Attributes:
        version: 0 for a tenant without a manifest; one more with every change.
        compacted: the delta keys that the last change applied. Until they are removed their
            entries exist twice, which is harmless.
    """

    version: int = 0
    segments: tuple[SegmentInfo, ...] = ()
    retired: tuple[RetiredSegment, ...] = ()
    compacted: tuple[DeltaKey, ...] = ()


class DeltaStore(Protocol):
    """The delta (entries and tombstones not yet applied) and the manifest of each tenant.

    Every read is strongly consistent.
    """

    def tenants(self) -> list[str]:
        """The tenants that ever put an item."""

    def next_sequence(self, tenant: str) -> int:
        """A number from 1 on, higher than all that were given out before."""

    def put(self, tenant: str, item: DeltaItem) -> None:
        """Idempotent. Every read that starts after this returned sees the item."""

    def keys(self, tenant: str) -> list[DeltaKey]:
        """All keys, in order of their sequence. The bodies of some may still be missing."""

    def read(self, tenant: str, keys: Sequence[DeltaKey]) -> list[DeltaItem]:
        """Those of the items that are complete, in the order of the keys."""

    def remove(self, tenant: str, keys: Sequence[DeltaKey]) -> None:
        """Keys without an item are ignored."""

    def manifest(self, tenant: str) -> Manifest:
        """An empty manifest of version 0 where there is none."""

    def replace_manifest(self, tenant: str, manifest: Manifest) -> None:
        """Store it over version ``manifest.version - 1``. Raises Conflict if another did first."""


class SegmentStore(Protocol):
    """Immutable segments by id."""

    def put(self, tenant: str, segment_id: str, body: bytes) -> None: ...

    def fetch(self, tenant: str, segment_id: str, target: Path) -> None:
        """Write it to a file. Raises NotFound."""

    def remove(self, tenant: str, segment_id: str) -> None:
        """An id without a segment is ignored."""

    def list(self, tenant: str) -> list[tuple[str, datetime]]:
        """Ids and when they were written, live or not."""


class BucketStore(Protocol):
    """Named sets of a tenant's short byte strings. Every read is strongly consistent."""

    def add(self, tenant: str, members: Mapping[str, bytes], full: int) -> None:
        """Put each member into the bucket of its name, unless that holds ``full`` others.

        Idempotent. A member put in is seen by every read that starts after this returned.
        """

    def remove(self, tenant: str, members: Mapping[str, Collection[bytes]]) -> None:
        """Take members out of the buckets of these names; those that are not in are ignored."""

    def read(self, tenant: str, buckets: Collection[str]) -> dict[str, frozenset[bytes]]:
        """The buckets that hold anything."""
