"""What the domain asks of storage; DynamoDB and S3 implement it, tests use memory."""

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

    ``left_out`` counts the rows that were read for it and are not among the items, where the
    listing promises to count them.
    """

    items: list[Item]
    cursor: str | None = None
    left_out: int = 0


class Assets(Protocol):
    """Assets of all tenants. Every read is of one tenant."""

    def create(self, asset: Asset) -> Asset:
        """Store a new asset, or return the one already stored under its id, unchanged."""

    def compare_and_set(self, asset: Asset) -> Asset | None:
        """Store the asset if the stored one still has its `version`; the asset as stored, with
        the next version. None, with nothing stored, if another writer changed it meanwhile."""

    def asset(self, tenant: str, asset_id: str) -> Asset:
        """Strongly consistent. Raises NotFound."""

    def assets(self, tenant: str, ids: Sequence[str]) -> list[Asset]:
        """Those of the ids that exist, in the order asked. Strongly consistent."""


class Runs(Protocol):
    """Jobs and the results they are after, of all tenants. Every read is of one tenant."""

    def begin(self, asset: Asset, jobs: Sequence[Job], results: Sequence[Result]) -> bool:
        """Store new jobs, their results and the asset they belong to, in one step.

        False, with nothing stored, if one of the jobs exists, or the asset or one of the results
        was changed since it was read (its `version` differs). So one run begins, however many
        workers try, and none from outdated records. The asset becomes an owner of its content. 1
        to 40 jobs, one result for each.
        """

    def report_progress(self, tenant: str, job_id: str, progress: Progress) -> None:
        """Record how far a running job is; nothing if it has ended or does not exist."""

    def end(self, job: Job, result: Result | None) -> bool:
        """Store how a running job ended and what it found, in one step.

        False, with nothing stored, if the job does not run, or it or the result was changed since
        it was read. So a job ends once and the first end stands. With None, the result is left
        alone: a later job owns it by now.
        """

    def job(self, tenant: str, job_id: str) -> Job:
        """Strongly consistent. Raises NotFound."""

    def list_jobs(self, tenant: str, *, limit: int, cursor: str | None) -> Page[Job]:
        """Newest first. Raises InvalidCursor."""

    def results(self, tenant: str, asset_id: str) -> list[Result]:
        """All of an asset's results, by capability and engine. Strongly consistent; empty for an
        unknown asset."""

    def analyzed(self, tenant: str, ids: Sequence[str]) -> list[AnalyzedAsset]:
        """Those of the assets that exist, with their results, in the order asked. Strongly
        consistent."""

    def list_analyzed(
        self, tenant: str, *, status: AssetStatus | None, limit: int, cursor: str | None
    ) -> Page[AnalyzedAsset]:
        """Assets with their results, newest first. Raises InvalidCursor.

        With WAITING, PROCESSING, REFUSED or FAILED, those that came into this state last are
        first. With a status, a page may hold fewer than `limit`, even none, and have a cursor all
        the same: no call reads a whole library to find a few. An asset is listed once, however
        many of its results have the state, unless it changes between two pages.
        """

    def overdue(
        self, tenant: str, status: AssetStatus, before: datetime, *, limit: int, cursor: str | None
    ) -> Page[str]:
        """Ids of the assets that are WAITING, or have a result that is RUNNING (PROCESSING), and
        did not change since `before`; the oldest first, one id for each such result. The listing
        may lag behind: read the asset before you act. Raises InvalidCursor; ValueError for
        another status."""


class Matches(Protocol):
    """Matches of all tenants. Every read is of one tenant."""

    def save_match(self, match: Match) -> None:
        """Store or replace the pair's match, keeping its first ``created_at``."""

    def withdraw_match(self, tenant: str, match_id: str, at: datetime) -> None:
        """Hide the pair's match, if one is stored, from all reads until one is saved for the pair
        again. What was said and when it was withdrawn stays stored."""

    def match(self, tenant: str, match_id: str) -> Match:
        """Raises NotFound."""

    def matches(self, tenant: str, ids: Sequence[str]) -> list[Match]:
        """Those of the ids that are stored, in the order asked. Strongly consistent."""

    def matches_of(
        self, tenant: str, asset_id: str, *, limit: int, cursor: str | None
    ) -> Page[Match]:
        """Matches with this asset on either side, by the other side's id. Strongly consistent.

        Withdrawn ones count towards `limit` and are reported as `left_out`, so a page may hold
        fewer than `limit`, even none, and have a cursor all the same. A cursor is the other side's
        id to continue after.
        """

    def list_matches(self, tenant: str, *, limit: int, cursor: str | None) -> Page[Match]:
        """Newest first. Raises InvalidCursor."""


class AssetRuns(Assets, Runs, Protocol):
    """Assets together with their jobs and results; one table holds them."""


class Deletions(Protocol):
    """What removing an asset for good takes."""

    def owners(self, tenant: str, sha256: str) -> list[str]:
        """Ids of the assets whose content this is, since a run of theirs began. Strongly
        consistent."""

    def disown(self, tenant: str, sha256: str, asset_id: str) -> None:
        """The asset is not among the owners of this content any longer."""

    def list_deleted(self, tenant: str, *, limit: int, cursor: str | None) -> Page[Asset]:
        """Softly deleted assets, the first to be purged first. Raises InvalidCursor."""

    def remove(self, asset: Asset) -> bool:
        """Remove the record of a deleted asset and its results for good; False, with nothing
        removed, if it was changed since it was read."""

    def match_ids_of(
        self, tenant: str, asset_id: str, *, limit: int, cursor: str | None
    ) -> Page[str]:
        """As `matches_of`, ids alone, and those of withdrawn matches too."""

    def remove_match(self, tenant: str, match_id: str) -> None:
        """Remove the pair's match for good, withdrawn or not; nothing where none is stored."""


class Library(Assets, Runs, Matches, Deletions, Protocol):
    """All records of a library."""


class ObjectStore(Protocol):
    """Blobs by bucket and key. Buckets are ``raw`` (uploads) and ``artifacts`` (made by us)."""

    def size(self, bucket: str, key: str, version_id: str | None = None) -> int:
        """Bytes. Raises NotFound."""

    def download(
        self, bucket: str, key: str, target: Path, *, version_id: str | None = None
    ) -> str:
        """Stream to a file; returns the SHA-256 hex digest of what was written. Raises NotFound."""

    def get(self, bucket: str, key: str) -> bytes:
        """Raises NotFound."""

    def put(self, bucket: str, key: str, body: bytes, content_type: str) -> None: ...

    def exists(self, bucket: str, key: str) -> bool: ...

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """Keys that start so and have any version, sorted, each once. `prefix` ends with a slash;
        meant for folders of a few hundred objects."""

    def delete_versions(self, bucket: str, key: str, version_id: str | None = None) -> None:
        """Remove an object for good, in all its versions or in one; nothing where there is none."""

    def delete_prefix(self, bucket: str, prefix: str) -> None:
        """The same for every object whose key starts so. `prefix` ends with a slash."""


class SignedPost(TypedDict):
    """A form to send as multipart/form-data: the fields first, then the file as ``file``."""

    url: str
    fields: dict[str, str]


class Signer(Protocol):
    """Lets others move bytes straight to and from the buckets, for a while."""

    def presign_post(
        self, key: str, *, content_type: str, min_bytes: int, max_bytes: int, expires_s: int
    ) -> SignedPost:
        """One upload to the raw bucket under this key, of this type and a size in this range."""

    def presign_get(
        self,
        bucket: str,
        key: str,
        expires_s: int,
        *,
        version_id: str | None = None,
        file_name: str | None = None,
    ) -> str:
        """A URL to read one object; it does not tell whether the object is there.

        With `file_name` (plain ASCII, no quotes), browsers save it instead of showing it.
        """


class Workflows(Protocol):
    """Starts the workflows `analyze` and `backfill`, and looks after them."""

    def start(self, workflow: str, run_id: str, payload: Mapping[str, JsonValue]) -> None:
        """``workflow`` is ``express`` or ``standard``, of `analyze`, or ``backfill``. Starting the
        same run twice is harmless."""

    def running(self, workflow: str, run_id: str) -> bool:
        """Whether the run's execution goes on. An Express one cannot be asked: False."""
