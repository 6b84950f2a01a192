"""The nouns a tenant's library is made of."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from filmgate.clock import now
from filmgate.dedupe.matching.model import Verdict
from filmgate.media.model import MediaInfo

_TICK = timedelta(milliseconds=1)
NOT_PROCESSED = "not_processed"
"""Reason for a failure: the upload was given up before its file could be looked at."""
GONE = "gone"
CHECKSUM_MISMATCH = "checksum_mismatch"
NOT_AS_ANNOUNCED = frozenset({GONE, CHECKSUM_MISMATCH})
"""Reasons for a refusal that say nothing about the content: it may be uploaded again."""


class AssetStatus(StrEnum):
    """Where an asset is. DONE, REFUSED and FAILED are final until it is run again."""

    WAITING = "waiting"
    RECEIVED = "received"
    PROCESSING = "processing"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        return self in {AssetStatus.DONE, AssetStatus.REFUSED, AssetStatus.FAILED}


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class AssetFacts(_Record):
    """What a tenant is told of one uploaded file of theirs.

    Attributes:
        path: the name its owner knows it by; shown, never used as a file name.
        reason_code, reason: why it was refused or failed; None otherwise.
        notes: what its owner should know though it was accepted.
        passed_over: candidates that its last run did not compare it with, for lack of time.
    """

    asset_id: str
    path: str
    status: AssetStatus
    created_at: datetime
    updated_at: datetime
    version_id: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    info: MediaInfo | None = None
    reason_code: str | None = None
    reason: str | None = None
    notes: tuple[str, ...] = ()
    fingerprint_key: str | None = None
    tiles_key: str | None = None
    engine: str | None = None
    job_id: str | None = None
    passed_over: int = 0


class Asset(AssetFacts):
    """One uploaded file of a tenant, as it is kept.

    Attributes:
        key: its S3 key in the raw bucket, ``raw/{tenant}/{asset_id}/{safe name}``.
    """

    tenant: str
    key: str

    def changed(self, **fields: object) -> Asset:
        """The asset with these fields, as of now.

        `updated_at` always grows, by a millisecond at least, whatever the clocks of two workers
        say: so it tells one state of an asset from every other, and storage goes by it.
        """
        moment = max(now(), self.updated_at + _TICK)
        return self.model_copy(update={**fields, "updated_at": moment})

    @property
    def awaits_bytes(self) -> bool:
        """Whether its content is yet to arrive: nothing came, not what was
        announced, or what came could not be processed."""
        missed = self.status is AssetStatus.REFUSED and self.reason_code in NOT_AS_ANNOUNCED
        return self.status is AssetStatus.WAITING or missed or self.given_up

    @property
    def given_up(self) -> bool:
        """Whether its upload arrived and was given up; it may be sent, or looked at, again."""
        return self.status is AssetStatus.FAILED and self.reason_code == NOT_PROCESSED


class JobStatus(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class JobFacts(_Record):
    """What a tenant is told of one run of a workflow over one asset of theirs.

    Attributes:
        matches: how many it found.
        passed_over: candidates that it did not compare, for lack of time.
    """

    job_id: str
    asset_id: str
    workflow: str
    status: JobStatus
    started_at: datetime
    finished_at: datetime | None = None
    error: str | None = None
    matches: int | None = None
    passed_over: int | None = None


class Job(JobFacts):
    """One run, as it is kept."""

    tenant: str


class Match(_Record):
    """A pair of assets with its verdict; ``a`` is the smaller id, so a pair has one record."""

    tenant: str
    a: str
    b: str
    verdict: Verdict
    created_at: datetime
    updated_at: datetime

    @property
    def match_id(self) -> str:
        return match_id(self.a, self.b)


def match_id(first: str, second: str) -> str:
    """The id of an unordered pair of assets."""
    return ":".join(sorted((first, second)))


def asset_id(tenant: str, path: str, sha256: str) -> str:
    """A stable id: the same content under the same path of a tenant is the same asset.

    26 hex digits (104 bits) of SHA-256 over the three, so asking for an upload twice is harmless.
    """
    digest = hashlib.sha256("\0".join((tenant, path, sha256)).encode())
    return digest.hexdigest()[:26]
