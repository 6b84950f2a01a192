"""The ports to storage and workflows. DynamoDB and S3 implement them; tests use memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Generic, Protocol, TypedDict, TypeVar

from pydantic import JsonValue

from filmgate.library.jobs import Job, Progress
from filmgate.library.matches import Match
from filmgate.library.model import AnalyzedAsset, Asset, AssetStatus
from filmgate.library.results import Result
from filmgate.model import FrozenModel

Item = TypeVar("Item")


class Page(FrozenModel, Generic[Item]):
    """A slice of a listing. ``cursor`` is opaque; None on the last page.

    ``left_out`` counts the rows that were read but are not among the items. Only the listings that
    say so fill it in.
    """

    items: list[Item]
    cursor: str | None = None
    left_out: int = 0


class Assets(Protocol):
    """Assets of all tenants. Every read concerns one tenant."""

    def create(self, asset: Asset) -> Asset:
        """Store a new asset, or return the one already stored under its id, unchanged."""

    def compare_and_set(self, asset: Asset) -> Asset | None:
        """Store the asset if the stored one still has its `version`.

        Returns the stored asset, with the next version; None, with nothing stored, if another
        writer has changed it.
        """

    def asset(self, tenant: str, asset_id: str) -> Asset:
        """Strongly consistent. Raises NotFound."""

    def assets(self, tenant: str, ids: Sequence[str]) -> list[Asset]:
        """Return the existing assets among these ids, in the same order. Strongly consistent."""


class Runs(Protocol):
    """Jobs and their results, of all tenants. Every read concerns one tenant."""

    def begin(self, asset: Asset, jobs: Sequence[Job], results: Sequence[Result]) -> bool:
        """Store new jobs, their results and the asset they belong to, in one step.

        Returns False, with nothing stored, if one of the jobs exists, or if the asset or a result
        was changed since it was read (its `version` differs). So only one run begins, however many
        workers try, and none from outdated records. The asset becomes an owner of its content.
        There may be 1 to 40 jobs, with one result for each.
        """

    def report_progress(self, tenant: str, job_id: str, progress: Progress) -> None:
        """Record how far a running job is. Does nothing if it has ended or does not exist."""

    def end(self, job: Job, result: Result | None) -> bool:
        """Store how a running job ended, with its result, in one step.

        Returns False, with nothing stored, if the job is not running, or if the job or the result
        was changed since it was read. So a job ends only once. With None, the result is not
        changed, because a later job owns it.
        """

    def job(self, tenant: str, job_id: str) -> Job:
        """Strongly consistent. Raises NotFound."""

    def list_jobs(self, tenant: str, *, limit: int, cursor: str | None) -> Page[Job]:
        """Newest first. Raises InvalidCursor."""

    def results(self, tenant: str, asset_id: str) -> list[Result]:
        """Return all results of an asset, sorted by capability and engine. Strongly consistent.

        Empty for an unknown asset.
        """

    def analyzed(self, tenant: str, ids: Sequence[str]) -> list[AnalyzedAsset]:
        """Return the existing assets among these ids, with their results, in the same order.

        Strongly consistent.
        """

    def list_analyzed(
        self, tenant: str, *, status: AssetStatus | None, limit: int, cursor: str | None
    ) -> Page[AnalyzedAsset]:
        """Assets with their results, newest first. Raises InvalidCursor.

        With WAITING, PROCESSING, REFUSED or FAILED, the assets that entered this state last come
        first. With a status, a page may have fewer than `limit` items, or none, and still have a
        cursor, so that no call reads a whole library to find a few assets. An asset is listed
        once, however many of its results have the state, unless it changes between two pages.
        """

    def overdue(
        self, tenant: str, status: AssetStatus, before: datetime, *, limit: int, cursor: str | None
    ) -> Page[str]:
        """List the assets that have been in a state since `before`, oldest first.

        The state is WAITING, or PROCESSING for assets with a RUNNING result; then the id occurs
        once for each such result. The listing may be outdated: read the asset before acting on it.
        Raises InvalidCursor; ValueError for another status.
        """


class Matches(Protocol):
    """Matches of all tenants. Every read concerns one tenant."""

    def save_match(self, match: Match) -> None:
        """Store or replace the match of a pair, keeping its first ``created_at``."""

    def withdraw_match(self, tenant: str, match_id: str, at: datetime) -> None:
        """Hide a match, if it is stored, from all reads until the pair has a match again.

        Its content and the time of the withdrawal remain stored.
        """

    def match(self, tenant: str, match_id: str) -> Match:
        """Raises NotFound."""

    def matches(self, tenant: str, ids: Sequence[str]) -> list[Match]:
        """Return the stored matches among these ids, in the same order. Strongly consistent."""

    def matches_of(
        self, tenant: str, asset_id: str, *, limit: int, cursor: str | None
    ) -> Page[Match]:
        """List the matches of an asset, sorted by the id of the other asset. Strongly consistent.

        Withdrawn matches count towards `limit` and are reported as `left_out`, so a page may have
        fewer than `limit` items, or none, and still have a cursor. A cursor is the id of the other
        asset after which the next page starts.
        """

    def list_matches(self, tenant: str, *, limit: int, cursor: str | None) -> Page[Match]:
        """Newest first. Raises InvalidCursor."""


class AssetRuns(Assets, Runs, Protocol):
    """Assets together with their jobs and results; one table holds them."""


class Deletions(Protocol):
    """The operations that permanently remove an asset."""

    def owners(self, tenant: str, sha256: str) -> list[str]:
        """Return the ids of the assets with this content that have begun a run.

        Strongly consistent.
        """

    def disown(self, tenant: str, sha256: str, asset_id: str) -> None:
        """Remove the asset from the owners of this content."""

    def list_deleted(self, tenant: str, *, limit: int, cursor: str | None) -> Page[Asset]:
        """List soft-deleted assets, the earliest purge first. Raises InvalidCursor."""

    def remove(self, asset: Asset) -> bool:
        """Permanently remove the record of a deleted asset, and its results.

        Returns False, with nothing removed, if the asset was changed since it was read.
        """

    def match_ids_of(
        self, tenant: str, asset_id: str, *, limit: int, cursor: str | None
    ) -> Page[str]:
        """Like `matches_of`, but with ids only, and including withdrawn matches."""

    def remove_match(self, tenant: str, match_id: str) -> None:
        """Permanently remove a match, withdrawn or not. Does nothing if it is not stored."""


class Library(Assets, Runs, Matches, Deletions, Protocol):
    """All records of a library."""


class ObjectStore(Protocol):
    """Blobs by bucket and key. Buckets are ``raw`` (uploads) and ``artifacts`` (derived)."""

    def size(self, bucket: str, key: str, version_id: str | None = None) -> int:
        """Return the size in bytes. Raises NotFound."""

    def download(
        self, bucket: str, key: str, target: Path, *, version_id: str | None = None
    ) -> str:
        """Stream an object to a file and return its SHA-256 in hex. Raises NotFound."""

    def get(self, bucket: str, key: str) -> bytes:
        """Raises NotFound."""

    def put(self, bucket: str, key: str, body: bytes, content_type: str) -> None: ...

    def exists(self, bucket: str, key: str) -> bool: ...

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """Return the keys with this prefix that have any version, sorted.

        `prefix` ends with a slash. Meant for folders of a few hundred objects.
        """

    def delete_versions(self, bucket: str, key: str, version_id: str | None = None) -> None:
        """Permanently remove all versions of an object, or one. Does nothing if there is none."""

    def delete_prefix(self, bucket: str, prefix: str) -> None:
        """Permanently remove every object with this prefix, which ends with a slash."""


class SignedPost(TypedDict):
    """A form to send as multipart/form-data: the fields first, then the file as ``file``."""

    url: str
    fields: dict[str, str]


class Signer(Protocol):
    """Signs requests with which clients access the buckets directly, for a limited time."""

    def presign_post(
        self, key: str, *, content_type: str, min_bytes: int, max_bytes: int, expires_s: int
    ) -> SignedPost:
        """Allow one upload to the raw bucket with this key, this type and a size in this range."""

    def presign_get(
        self,
        bucket: str,
        key: str,
        expires_s: int,
        *,
        version_id: str | None = None,
        file_name: str | None = None,
    ) -> str:
        """Return a URL to read one object, without checking whether it exists.

        With `file_name` (ASCII without quotes), browsers save the object instead of displaying it.
        """


class Workflows(Protocol):
    """Starts the workflows `analyze` and `backfill`, and checks whether they run."""

    def start(self, workflow: str, run_id: str, payload: Mapping[str, JsonValue]) -> None:
        """``workflow`` is ``express`` or ``standard``, of `analyze`, or ``backfill``. Starting the
        same run twice is harmless."""

    def running(self, workflow: str, run_id: str) -> bool:
        """Return whether the execution of the run is active.

        Always False for an Express workflow, whose executions cannot be queried.
        """
