"""The ports in memory: what the domain's tests run on. Safe to share between threads."""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

from filmgate.dedupe.index.stores import DeltaItem, DeltaKey, Manifest
from filmgate.errors import Conflict, InvalidCursor, NotFound
from filmgate.library.model import Asset, AssetStatus, Job, JobStatus, Match, match_id
from filmgate.library.ports import Page, SignedPost

Item = TypeVar("Item")


def _newest_first(rows: dict[str, Item], limit: int, cursor: str | None) -> Page[Item]:
    if cursor is not None and not cursor.startswith("after:"):
        raise InvalidCursor("not a cursor of this listing")
    after = cursor.removeprefix("after:") if cursor else None
    keys = [key for key in sorted(rows, reverse=True) if after is None or key < after]
    page = keys[:limit]
    return Page(
        items=[rows[key] for key in page],
        cursor=f"after:{page[-1]}" if len(keys) > limit else None,
    )


def _state(asset: Asset) -> tuple[AssetStatus, str]:
    return asset.status, asset.updated_at.isoformat(timespec="milliseconds")


class MemoryLibrary:
    """`filmgate.library.ports.Library`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._assets: dict[tuple[str, str], Asset] = {}
        self._jobs: dict[tuple[str, str], Job] = {}
        self._matches: dict[tuple[str, str], Match] = {}
        self._withdrawn: dict[tuple[str, str], Match] = {}

    def create(self, asset: Asset) -> Asset:
        with self._lock:
            return self._assets.setdefault((asset.tenant, asset.asset_id), asset)

    def save(self, asset: Asset) -> None:
        """Whatever is there; not of the port, for tests that set a scene. So with `save_job`."""
        with self._lock:
            self._assets[asset.tenant, asset.asset_id] = asset

    def replace(self, known: Asset, asset: Asset) -> bool:
        with self._lock:
            if not self._unchanged(known):
                return False
            self.save(asset)
            return True

    def _unchanged(self, known: Asset) -> bool:
        there = self._assets.get((known.tenant, known.asset_id))
        return there is not None and _state(there) == _state(known)

    def asset(self, tenant: str, asset_id: str) -> Asset:
        with self._lock:
            try:
                return self._assets[tenant, asset_id]
            except KeyError:
                raise NotFound(f"no asset {asset_id}") from None

    def assets(self, tenant: str, ids: Sequence[str]) -> list[Asset]:
        with self._lock:
            found = (self._assets.get((tenant, asset_id)) for asset_id in ids)
            return [asset for asset in found if asset is not None]

    def list_assets(
        self, tenant: str, *, status: AssetStatus | None, limit: int, cursor: str | None
    ) -> Page[Asset]:
        with self._lock:
            rows = {
                f"{asset.created_at.isoformat()}#{asset.asset_id}": asset
                for (owner, _), asset in self._assets.items()
                if owner == tenant and status in (None, asset.status)
            }
        return _newest_first(rows, limit, cursor)

    def begin(self, job: Job, known: Asset, asset: Asset) -> bool:
        with self._lock:
            if (job.tenant, job.job_id) in self._jobs or not self._unchanged(known):
                return False
            self.save_job(job)
            self.save(asset)
            return True

    def end(self, job: Job, known: Asset | None = None, asset: Asset | None = None) -> bool:
        with self._lock:
            there = self._jobs.get((job.tenant, job.job_id))
            if there is None or there.status is not JobStatus.RUNNING:
                return False
            if known is not None and asset is not None and not self.replace(known, asset):
                return False
            self.save_job(job)
            return True

    def save_job(self, job: Job) -> None:
        with self._lock:
            self._jobs[job.tenant, job.job_id] = job

    def job(self, tenant: str, job_id: str) -> Job:
        with self._lock:
            try:
                return self._jobs[tenant, job_id]
            except KeyError:
                raise NotFound(f"no job {job_id}") from None

    def save_match(self, match: Match) -> None:
        with self._lock:
            key = (match.tenant, match.match_id)
            first = self._matches.get(key) or self._withdrawn.pop(key, None)
            if first is not None:
                match = match.model_copy(update={"created_at": first.created_at})
            self._matches[key] = match

    def withdraw_match(self, tenant: str, match_id: str, at: datetime) -> None:
        with self._lock:
            if match := self._matches.pop((tenant, match_id), None):
                self._withdrawn[tenant, match_id] = match

    def match(self, tenant: str, match_id: str) -> Match:
        with self._lock:
            try:
                return self._matches[tenant, match_id]
            except KeyError:
                raise NotFound(f"no match {match_id}") from None

    def matches(self, tenant: str, ids: Sequence[str]) -> list[Match]:
        with self._lock:
            return [self._matches[tenant, name] for name in ids if (tenant, name) in self._matches]

    def matches_of(
        self, tenant: str, asset_id: str, *, limit: int, cursor: str | None
    ) -> Page[Match]:
        with self._lock:
            rows = {
                match.b if match.a == asset_id else match.a: match if key in self._matches else None
                for key, match in (self._matches | self._withdrawn).items()
                if match.tenant == tenant and asset_id in (match.a, match.b)
            }
        left = sorted(other for other in rows if cursor is None or other > cursor)
        items = [match for other in left[:limit] if (match := rows[other])]
        return Page(
            items=items,
            cursor=left[limit - 1] if len(left) > limit else None,
            left_out=len(left[:limit]) - len(items),
        )

    def list_matches(self, tenant: str, *, limit: int, cursor: str | None) -> Page[Match]:
        with self._lock:
            rows = {
                f"{match.updated_at.isoformat()}#{match_id(match.a, match.b)}": match
                for (owner, _), match in self._matches.items()
                if owner == tenant
            }
        return _newest_first(rows, limit, cursor)


class MemoryObjects:
    """`filmgate.library.ports.ObjectStore`, and the signing that `filmgate.adapters.s3` adds."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._versions: dict[tuple[str, str], list[tuple[str, bytes]]] = {}
        self.content_types: dict[tuple[str, str], str] = {}

    def size(self, bucket: str, key: str, version_id: str | None = None) -> int:
        return len(self._body(bucket, key, version_id))

    def download(
        self, bucket: str, key: str, target: Path, *, version_id: str | None = None
    ) -> str:
        body = self._body(bucket, key, version_id)
        target.write_bytes(body)
        return hashlib.sha256(body).hexdigest()

    def get(self, bucket: str, key: str) -> bytes:
        return self._body(bucket, key, None)

    def put(self, bucket: str, key: str, body: bytes, content_type: str) -> None:
        with self._lock:
            versions = self._versions.setdefault((bucket, key), [])
            versions.append((f"v{len(versions) + 1}", body))
            self.content_types[bucket, key] = content_type

    def exists(self, bucket: str, key: str) -> bool:
        with self._lock:
            return (bucket, key) in self._versions

    def remove(self, bucket: str, key: str) -> None:
        with self._lock:
            self._versions.pop((bucket, key), None)

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        with self._lock:
            return sorted(k for b, k in self._versions if b == bucket and k.startswith(prefix))

    def presign_post(
        self, key: str, *, content_type: str, min_bytes: int, max_bytes: int, expires_s: int
    ) -> SignedPost:
        fields = {
            "key": key,
            "Content-Type": content_type,
            "x-test-range": f"{min_bytes}-{max_bytes}",
            "x-test-expires": str(expires_s),
        }
        return {"url": "https://raw.test/", "fields": fields}

    def presign_get(
        self,
        bucket: str,
        key: str,
        expires_s: int,
        *,
        version_id: str | None = None,
        file_name: str | None = None,
    ) -> str:
        query = {"expires": expires_s, "version": version_id, "name": file_name}
        return f"https://{bucket}.test/{key}?{urlencode(query)}"

    def _body(self, bucket: str, key: str, version_id: str | None) -> bytes:
        with self._lock:
            versions = self._versions.get((bucket, key), [])
            for name, body in reversed(versions):
                if version_id in (None, name):
                    return body
        raise NotFound(f"no object {key}")


class MemoryWorkflows:
    """`filmgate.library.ports.Workflows`; `started` holds each job once, as Step Functions does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.started: dict[str, tuple[str, dict[str, str]]] = {}

    def start(self, workflow: str, job_id: str, payload: dict[str, str]) -> None:
        with self._lock:
            self.started.setdefault(job_id, (workflow, payload))


class MemoryDeltaStore:
    """`filmgate.dedupe.index.stores.DeltaStore`; `bodies_read` counts bodies."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._items: dict[tuple[str, DeltaKey], DeltaItem] = {}
        self._manifests: dict[str, Manifest] = {}
        self._sequences: defaultdict[str, int] = defaultdict(int)
        self.bodies_read = 0

    def tenants(self) -> list[str]:
        with self._lock:
            return sorted({tenant for tenant, _ in self._items} | set(self._manifests))

    def next_sequence(self, tenant: str) -> int:
        with self._lock:
            self._sequences[tenant] += 1
            return self._sequences[tenant]

    def put(self, tenant: str, item: DeltaItem) -> None:
        with self._lock:
            self._items[tenant, item.key] = item

    def keys(self, tenant: str) -> list[DeltaKey]:
        with self._lock:
            return sorted(key for owner, key in self._items if owner == tenant)

    def read(self, tenant: str, keys: Sequence[DeltaKey]) -> list[DeltaItem]:
        with self._lock:
            items = [self._items[tenant, key] for key in keys if (tenant, key) in self._items]
            self.bodies_read += len(items)
            return items

    def remove(self, tenant: str, keys: Sequence[DeltaKey]) -> None:
        with self._lock:
            for key in keys:
                self._items.pop((tenant, key), None)

    def manifest(self, tenant: str) -> Manifest:
        with self._lock:
            return self._manifests.get(tenant, Manifest())

    def replace_manifest(self, tenant: str, manifest: Manifest) -> None:
        with self._lock:
            if self.manifest(tenant).version != manifest.version - 1:
                raise Conflict("the manifest was changed by another")
            self._manifests[tenant] = manifest


@dataclass
class MemorySegmentStore:
    """`filmgate.dedupe.index.stores.SegmentStore`."""

    bodies: dict[tuple[str, str], tuple[bytes, datetime]] = field(default_factory=dict)

    def put(self, tenant: str, segment_id: str, body: bytes) -> None:
        self.bodies[tenant, segment_id] = (body, datetime.now(UTC))

    def fetch(self, tenant: str, segment_id: str, target: Path) -> None:
        try:
            body, _ = self.bodies[tenant, segment_id]
        except KeyError:
            raise NotFound(f"no segment {segment_id}") from None
        target.write_bytes(body)

    def remove(self, tenant: str, segment_id: str) -> None:
        self.bodies.pop((tenant, segment_id), None)

    def list(self, tenant: str) -> list[tuple[str, datetime]]:
        rows = list(self.bodies.items())
        return [(segment_id, at) for (owner, segment_id), (_, at) in rows if owner == tenant]


class MemoryBucketStore:
    """`filmgate.dedupe.index.stores.BucketStore`; `reads` and `writes` count buckets."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: defaultdict[tuple[str, str], set[bytes]] = defaultdict(set)
        self.reads = 0
        self.writes = 0

    def add(self, tenant: str, members: Mapping[str, bytes], full: int) -> None:
        for name, member in members.items():
            with self._lock:
                self.writes += 1
                bucket = self._buckets[tenant, name]
                if len(bucket) < full:
                    bucket.add(member)

    def members(self) -> set[tuple[str, str, bytes]]:
        """All there are, with tenant and bucket; not of the port."""
        with self._lock:
            return {(*key, member) for key, some in self._buckets.items() for member in some}

    def remove(self, tenant: str, members: Mapping[str, Collection[bytes]]) -> None:
        for name, some in members.items():
            with self._lock:
                self._buckets[tenant, name] -= set(some)

    def read(self, tenant: str, buckets: Collection[str]) -> dict[str, frozenset[bytes]]:
        with self._lock:
            self.reads += len(set(buckets))
            held = ((name, self._buckets.get((tenant, name))) for name in buckets)
            return {name: frozenset(members) for name, members in held if members}
