"""What the domain needs of storage; DynamoDB and S3 implement it, tests use memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Generic, Protocol, TypedDict, TypeVar

from pydantic import BaseModel

from filmgate.library.model import Asset, AssetStatus, Job, Match

Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """A slice of a listing. ``cursor`` is opaque; None on the last page.

    ``left_out`` counts the rows that were read for it and are not among the items, where the
    listing promises to tell.
    """

    items: list[Item]
    cursor: str | None = None
    left_out: int = 0


class Assets(Protocol):
    """Assets and their jobs, of all tenants. Every read is of one tenant."""

    def create(self, asset: Asset) -> Asset:
        """Store a new asset, or return the one already stored under its id, unchanged."""

    def replace(self, known: Asset, asset: Asset) -> bool:
        """Store the asset if it still is as `known` was read; False, with nothing stored, if
        another writer changed it meanwhile.

        An asset is as it was known if its status and its `updated_at`, to the millisecond, are:
        `Asset.changed` makes that enough. So with `begin` and `end`, too."""

    def asset(self, tenant: str, asset_id: str) -> Asset:
        """Strongly consistent. Raises NotFound."""

    def assets(self, tenant: str, ids: Sequence[str]) -> list[Asset]:
        """Those of the ids that exist, in the order asked."""

    def list_assets(
        self, tenant: str, *, status: AssetStatus | None, limit: int, cursor: str | None
    ) -> Page[Asset]:
        """Newest first. Raises InvalidCursor.

        With a status, a page may hold fewer than `limit`, even none, and have a cursor all the
        same: no call reads a whole library for a few rare ones.
        """

    def begin(self, job: Job, known: Asset, asset: Asset) -> bool:
        """Store a new job, and replace its asset, in one step; False, with nothing stored, if the
        job is already there or the asset was changed. So one run of a job begins, however many
        workers try, and none by an outdated asset."""

    def end(self, job: Job, known: Asset | None = None, asset: Asset | None = None) -> bool:
        """Store how a running job ended, and replace its asset if one is given, in one step;
        False, with nothing stored, if the job has ended before or the asset was changed. So a job
        ends once, and the first end stands."""

    def job(self, tenant: str, job_id: str) -> Job:
        """Raises NotFound."""


class Matches(Protocol):
    """Matches of all tenants. Every read is of one tenant."""

    def save_match(self, match: Match) -> None:
        """Store or replace the pair's verdict, keeping its first ``created_at``."""

    def withdraw_match(self, tenant: str, match_id: str, at: datetime) -> None:
        """Take the pair's verdict back, if one is stored: no read finds it, until a verdict is
        saved for the pair again. What was said and when it was withdrawn stays stored."""

    def match(self, tenant: str, match_id: str) -> Match:
        """Raises NotFound."""

    def matches(self, tenant: str, ids: Sequence[str]) -> list[Match]:
        """Those of the ids that are stored, in the order asked. Strongly consistent."""

    def matches_of(
        self, tenant: str, asset_id: str, *, limit: int, cursor: str | None
    ) -> Page[Match]:
        """Matches with this asset on either side, by the other side's id. Strongly consistent.

        Withdrawn ones count towards `limit` and are told as `left_out`, so a page may hold fewer
        than `limit`, even none, and have a cursor all the same. A cursor is the other side's id to
        go on after.
        """

    def list_matches(self, tenant: str, *, limit: int, cursor: str | None) -> Page[Match]:
        """Newest first. Raises InvalidCursor."""


class Library(Assets, Matches, Protocol):
    """All of a library, for who needs both."""


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
    """Starts the pipeline for one asset."""

    def start(self, workflow: str, job_id: str, payload: dict[str, str]) -> None:
        """``workflow`` is ``image`` or ``video``. Starting the same job twice is harmless."""
