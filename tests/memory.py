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

from pydantic import JsonValue

from filmgate.dedupe.index.stores import DeltaItem, DeltaKey, Manifest
from filmgate.errors import Conflict, InvalidCursor, NotFound
from filmgate.library.jobs import Job, JobState, Progress
from filmgate.library.matches import Match, match_id
from filmgate.library.model import AnalyzedAsset, Asset, AssetState, AssetStatus
from filmgate.library.ports import Page, SignedPost
from filmgate.library.results import Result, ResultState

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


Versioned = TypeVar("Versioned", Asset, Job, Result)


def _current(stored: Versioned | None, read: Versioned) -> bool:
    """Whether a record is still as it was read."""
    return (stored.version if stored else 0) == read.version


def _next(record: Versioned) -> Versioned:
    return record.model_copy(update={"version": record.version + 1})


def _key(result: Result) -> tuple[str, str, str, str]:
    return result.tenant, result.asset_id, result.capability, result.engine


def _listed_at(record: AnalyzedAsset, status: AssetStatus | None) -> datetime:
    """The time that a listing with this filter sorts an asset by."""
    if status in (None, AssetStatus.DONE):
        return record.asset.created_at
    if record.asset.state is not AssetState.STORED:
        return record.asset.purge_at or record.asset.updated_at
    state = ResultState.RUNNING if status is AssetStatus.PROCESSING else ResultState(status)
    return max(result.updated_at for result in record.current if result.state is state)


class MemoryLibrary:
    """`filmgate.library.ports.Library`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._assets: dict[tuple[str, str], Asset] = {}
        self._jobs: dict[tuple[str, str], Job] = {}
        self._results: dict[tuple[str, str, str, str], Result] = {}
        self._owners: dict[tuple[str, str], set[str]] = {}
        self._matches: dict[tuple[str, str], Match] = {}
        self._withdrawn: dict[tuple[str, str], Match] = {}

    def create(self, asset: Asset) -> Asset:
        with self._lock:
            self.compare_and_set(asset)
            return self._assets[asset.tenant, asset.asset_id]

    def compare_and_set(self, asset: Asset) -> Asset | None:
        with self._lock:
            key = (asset.tenant, asset.asset_id)
            if not _current(self._assets.get(key), asset):
                return None
            self._assets[key] = _next(asset)
            return self._assets[key]

    def asset(self, tenant: str, asset_id: str) -> Asset:
        with self._lock:
            try:
                return self._assets[tenant, asset_id]
            except KeyError:
                raise NotFound(f"no asset {asset_id}") from None

    def assets(self, tenant: str, ids: Sequence[str]) -> list[Asset]:
        with self._lock:
            records = (self._assets.get((tenant, asset_id)) for asset_id in ids)
            return [asset for asset in records if asset is not None]

    def begin(self, asset: Asset, jobs: Sequence[Job], results: Sequence[Result]) -> bool:
        with self._lock:
            stored = self._assets.get((asset.tenant, asset.asset_id))
            if (
                not _current(stored, asset)
                or any((job.tenant, job.job_id) in self._jobs for job in jobs)
                or not all(_current(self._results.get(_key(r)), r) for r in results)
            ):
                return False
            self._assets[asset.tenant, asset.asset_id] = _next(asset)
            if asset.sha256 is not None:
                self._owners.setdefault((asset.tenant, asset.sha256), set()).add(asset.asset_id)
            for job in jobs:
                self._jobs[job.tenant, job.job_id] = _next(job)
            for result in results:
                self._results[_key(result)] = _next(result)
            return True

    def report_progress(self, tenant: str, job_id: str, progress: Progress) -> None:
        with self._lock:
            job = self._jobs.get((tenant, job_id))
            if job is not None and job.state is JobState.RUNNING:
                changed = job.model_copy(update={"progress": progress})
                self._jobs[tenant, job_id] = _next(changed)

    def end(self, job: Job, result: Result | None) -> bool:
        with self._lock:
            stored = self._jobs.get((job.tenant, job.job_id))
            if stored is None or stored.state is not JobState.RUNNING or not _current(stored, job):
                return False
            if result is not None and not _current(self._results.get(_key(result)), result):
                return False
            self._jobs[job.tenant, job.job_id] = _next(job)
            if result is not None:
                self._results[_key(result)] = _next(result)
            return True

    def save(self, record: Asset | Job | Result) -> None:
        """Whatever is there; not of the port, for tests that set a scene."""
        with self._lock:
            if isinstance(record, Asset):
                self._assets[record.tenant, record.asset_id] = _next(record)
            elif isinstance(record, Job):
                self._jobs[record.tenant, record.job_id] = _next(record)
            else:
                self._results[_key(record)] = _next(record)

    def job(self, tenant: str, job_id: str) -> Job:
        with self._lock:
            try:
                return self._jobs[tenant, job_id]
            except KeyError:
                raise NotFound(f"no job {job_id}") from None

    def list_jobs(self, tenant: str, *, limit: int, cursor: str | None) -> Page[Job]:
        with self._lock:
            rows = {
                f"{job.started_at.isoformat()}#{job.job_id}": job
                for (owner, _), job in self._jobs.items()
                if owner == tenant
            }
        return _newest_first(rows, limit, cursor)

    def results(self, tenant: str, asset_id: str) -> list[Result]:
        with self._lock:
            keys = sorted(key for key in self._results if key[:2] == (tenant, asset_id))
            return [self._results[key] for key in keys]

    def analyzed(self, tenant: str, ids: Sequence[str]) -> list[AnalyzedAsset]:
        with self._lock:
            return [
                AnalyzedAsset(asset=asset, results=tuple(self.results(tenant, asset.asset_id)))
                for asset in self.assets(tenant, ids)
            ]

    def list_analyzed(
        self, tenant: str, *, status: AssetStatus | None, limit: int, cursor: str | None
    ) -> Page[AnalyzedAsset]:
        with self._lock:
            owned = [asset_id for owner, asset_id in self._assets if owner == tenant]
            rows = {
                f"{_listed_at(record, status).isoformat()}#{record.asset.asset_id}": record
                for record in self.analyzed(tenant, owned)
                if status is record.status
                or (status is None and record.asset.state is not AssetState.DELETED)
            }
        return _newest_first(rows, limit, cursor)

    def owners(self, tenant: str, sha256: str) -> list[str]:
        with self._lock:
            return sorted(self._owners.get((tenant, sha256), ()))

    def disown(self, tenant: str, sha256: str, asset_id: str) -> None:
        with self._lock:
            self._owners.get((tenant, sha256), set()).discard(asset_id)

    def list_deleted(self, tenant: str, *, limit: int, cursor: str | None) -> Page[Asset]:
        with self._lock:
            deleted = [
                asset
                for (owner, _), asset in self._assets.items()
                if owner == tenant and asset.state is AssetState.DELETED and asset.purge_at
            ]
        rows = {f"{asset.purge_at}#{asset.asset_id}": asset for asset in deleted}
        keys = [key for key in sorted(rows) if cursor is None or key > cursor]
        return Page(
            items=[rows[key] for key in keys[:limit]],
            cursor=keys[limit - 1] if len(keys) > limit else None,
        )

    def remove(self, asset: Asset) -> bool:
        with self._lock:
            key = (asset.tenant, asset.asset_id)
            if not _current(self._assets.get(key), asset):
                return False
            del self._assets[key]
            for name in [name for name in self._results if name[:2] == key]:
                del self._results[name]
            return True

    def match_ids_of(
        self, tenant: str, asset_id: str, *, limit: int, cursor: str | None
    ) -> Page[str]:
        with self._lock:
            stored = {**self._withdrawn, **self._matches}
            others = sorted(
                match.b if match.a == asset_id else match.a
                for (owner, _), match in stored.items()
                if owner == tenant and asset_id in (match.a, match.b)
            )
        left = [other for other in others if cursor is None or other > cursor]
        return Page(
            items=[match_id(asset_id, other) for other in left[:limit]],
            cursor=left[limit - 1] if len(left) > limit else None,
        )

    def remove_match(self, tenant: str, match_id: str) -> None:
        with self._lock:
            self._matches.pop((tenant, match_id), None)
            self._withdrawn.pop((tenant, match_id), None)

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

    def delete_versions(self, bucket: str, key: str) -> None:
        self.remove(bucket, key)

    def delete_prefix(self, bucket: str, prefix: str) -> None:
        if not prefix.strip("/") or not prefix.endswith("/"):
            raise ValueError(f"{prefix!r} is not a folder")
        for key in self.keys(bucket, prefix):
            self.remove(bucket, key)

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
    """`filmgate.library.ports.Workflows`; `started` holds each run once, as Step Functions does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.started: dict[str, tuple[str, Mapping[str, JsonValue]]] = {}

    def start(self, workflow: str, run_id: str, payload: Mapping[str, JsonValue]) -> None:
        with self._lock:
            self.started.setdefault(run_id, (workflow, payload))


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
