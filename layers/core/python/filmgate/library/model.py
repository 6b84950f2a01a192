"""Assets: uploaded files, what they are and where they lie. Nothing of any capability."""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum

from filmgate.clock import now
from filmgate.library.results import Result, ResultState, current
from filmgate.media.model import MediaInfo
from filmgate.model import FrozenModel

GONE = "gone"
CHECKSUM_MISMATCH = "checksum_mismatch"
CHANGED = "changed"
NOT_AS_ANNOUNCED = frozenset({GONE, CHECKSUM_MISMATCH, CHANGED})
"""Reasons for a refusal that say nothing about the content: it may be uploaded again."""
NOT_PROCESSED = "not_processed"
"""Reason for a failure: the upload was given up before its file could be looked at."""


class AssetState(StrEnum):
    """Where a file itself is: announced, arrived and given up before it could be looked at, stored
    and readable, not acceptable, or deleted and waiting to be restored or purged."""

    WAITING = "waiting"
    FAILED = "failed"
    STORED = "stored"
    REFUSED = "refused"
    DELETED = "deleted"


class AssetStatus(StrEnum):
    """An asset's state together with its results. All but WAITING and PROCESSING are final until
    something runs again."""

    WAITING = "waiting"
    PROCESSING = "processing"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    DELETED = "deleted"

    @property
    def final(self) -> bool:
        return self not in {AssetStatus.WAITING, AssetStatus.PROCESSING}


class Hold(FrozenModel):
    """A legal hold: as long as an asset has one, nothing deletes it.

    Attributes:
        hold_id: a ULID.
        placed_by: the actor, as in the audit log.
    """

    hold_id: str
    reason: str
    placed_by: str
    placed_at: datetime


class Asset(FrozenModel):
    """One uploaded file of a tenant.

    Attributes:
        path: the name its owner knows it by; shown, never used as a file name.
        key: its S3 key in the raw bucket, ``raw/{tenant}/{asset_id}/{safe name}``.
        version_id: the version of the object that `sha256` and `info` describe.
        reason_code, reason: why the file was refused or given up; None otherwise.
        holds: legal holds in force.
        deleted_at, purge_at, state_before: of a deleted asset: since when, from when on it may be
            purged, and the state to restore it to; None otherwise.
        version: counts the stored changes of this record, for optimistic locking; 0 before the
            first.
    """

    tenant: str
    asset_id: str
    path: str
    key: str
    state: AssetState
    created_at: datetime
    updated_at: datetime
    version_id: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    info: MediaInfo | None = None
    reason_code: str | None = None
    reason: str | None = None
    holds: tuple[Hold, ...] = ()
    deleted_at: datetime | None = None
    purge_at: datetime | None = None
    state_before: AssetState | None = None
    version: int = 0

    def changed(self, **fields: object) -> Asset:
        """The asset with these fields, as of now."""
        return self.model_copy(update={**fields, "updated_at": now()})


class AnalyzedAsset(FrozenModel):
    """An asset with every stored result; its status is derived from both."""

    asset: Asset
    results: tuple[Result, ...] = ()

    @property
    def current(self) -> tuple[Result, ...]:
        """The latest result of each capability."""
        return current(self.results)

    @property
    def status(self) -> AssetStatus:
        """PROCESSING while anything runs; FAILED if anything failed; REFUSED if all was refused."""
        if self.asset.state is not AssetState.STORED:
            return AssetStatus(self.asset.state.value)
        states = {result.state for result in self.current}
        if not states or ResultState.RUNNING in states:
            return AssetStatus.PROCESSING
        if ResultState.FAILED in states:
            return AssetStatus.FAILED
        if states == {ResultState.REFUSED}:
            return AssetStatus.REFUSED
        return AssetStatus.DONE

    @property
    def awaits_bytes(self) -> bool:
        """Whether its content is yet to arrive: nothing came, not what was announced, or what came
        could not be looked at."""
        if self.asset.state is AssetState.FAILED:
            return True
        status = self.status
        missed = status is AssetStatus.REFUSED and self.reason_code in NOT_AS_ANNOUNCED
        return status is AssetStatus.WAITING or missed

    @property
    def reason_code(self) -> str | None:
        """Machine-readable cause of REFUSED or FAILED; None otherwise."""
        cause = self._cause
        return cause.reason_code if cause else None

    @property
    def reason(self) -> str | None:
        """The sentence that belongs to `reason_code`."""
        cause = self._cause
        return cause.reason if cause else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the owner should know although the file was accepted."""
        return tuple(dict.fromkeys(note for result in self.current for note in result.notes))

    @property
    def _cause(self) -> Asset | Result | None:
        if self.asset.state is AssetState.FAILED:
            return self.asset
        if self.status is AssetStatus.FAILED:
            return next(r for r in self.current if r.state is ResultState.FAILED)
        if self.status is AssetStatus.REFUSED:
            return self.asset if self.asset.state is AssetState.REFUSED else self.current[0]
        return None


def asset_id(tenant: str, path: str, sha256: str) -> str:
    """A stable id: the same content under the same path of a tenant is the same asset.

    26 hex digits (104 bits) of SHA-256 over the three, so asking for an upload twice is harmless.
    """
    digest = hashlib.sha256("\0".join((tenant, path, sha256)).encode())
    return digest.hexdigest()[:26]
