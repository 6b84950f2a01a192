"""What the segment index needs of storage; DynamoDB and S3 implement it, tests use memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict


class FreshKey(NamedTuple):
    """One version of an asset's entry: a digest of its body, and the body's length."""

    asset_id: str
    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FreshItem:
    """An entry not yet in a segment."""

    key: FreshKey
    body: bytes


def first_items(items: Iterable[FreshItem], at_most_bytes: int | None) -> list[FreshItem]:
    """As `FreshStore.read` promises; takes no more from `items` than it has to."""
    found: list[FreshItem] = []
    size = 0
    for item in items:
        size += len(item.body)
        if found and at_most_bytes is not None and size > at_most_bytes:
            break
        found.append(item)
    return found


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class SegmentInfo(_Value):
    """A live segment; its id is never used again."""

    id: str
    entries: int
    size_bytes: int


class RetiredSegment(_Value):
    """A segment merged into another; kept a while for searches that began before."""

    id: str
    retired_at: datetime


class Manifest(_Value):
    """Which segments are live.

    Attributes:
        version: 0 for a tenant without a manifest; one more with every change.
        folded: the fresh entries that the last change put into a segment. Until they are removed
            they exist twice, which is harmless.
    """

    version: int = 0
    segments: tuple[SegmentInfo, ...] = ()
    retired: tuple[RetiredSegment, ...] = ()
    folded: tuple[FreshKey, ...] = ()


class FreshStore(Protocol):
    """Fresh entries and the manifest of each tenant. Every read is strongly consistent."""

    def tenants(self) -> list[str]:
        """Those who ever put an entry."""

    def put(self, tenant: str, item: FreshItem) -> None:
        """Idempotent. The item is seen by every read that starts after this returned."""

    def read(self, tenant: str, at_most_bytes: int | None = None) -> list[FreshItem]:
        """All whole items, in order of their keys; or the first of them, whose bodies come to so
        many bytes together. The first item is always among them."""

    def remove(self, tenant: str, keys: Iterable[FreshKey]) -> None:
        """Those that are not there are passed over."""

    def manifest(self, tenant: str) -> Manifest:
        """An empty one of version 0 where there is none."""

    def replace_manifest(self, tenant: str, manifest: Manifest) -> None:
        """Store it over version ``manifest.version - 1``. Raises Conflict if another did first."""


class SegmentStore(Protocol):
    """Immutable segments by id."""

    def put(self, tenant: str, segment_id: str, body: bytes) -> None: ...

    def fetch(self, tenant: str, segment_id: str, target: Path) -> None:
        """Write it to a file. Raises NotFound."""

    def remove(self, tenant: str, segment_id: str) -> None:
        """Harmless when it is not there."""

    def list(self, tenant: str) -> list[tuple[str, datetime]]:
        """Ids and when they were written, live or not."""


class BucketStore(Protocol):
    """Named sets of a tenant's short byte strings. Every read is strongly consistent."""

    def add(self, tenant: str, members: Mapping[str, bytes], full: int) -> None:
        """Put each member into the bucket of its name, unless that holds ``full`` others.

        Idempotent. A member put in is seen by every read that starts after this returned.
        """

    def read(self, tenant: str, buckets: Collection[str]) -> dict[str, frozenset[bytes]]:
        """Those that hold anything."""
