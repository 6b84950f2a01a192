"""Assets: uploaded files, what they are and where they are stored.

Nothing here depends on a capability.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from filmgate.clock import now
from filmgate.library.results import Result, ResultState, current
from filmgate.media.model import MediaInfo
from filmgate.model import FrozenModel

GONE = "gone"
CHECKSUM_MISMATCH = "checksum_mismatch"
CHANGED = "changed"
NOT_AS_ANNOUNCED = frozenset({GONE, CHECKSUM_MISMATCH, CHANGED})
"""Reasons for a refusal that do not concern the content: it may be uploaded again."""
NOT_PROCESSED = "not_processed"
"""Reason for a failure: processing of the upload was abandoned before its file could be read."""


class AssetState(StrEnum):
    """The state of the file itself.

    WAITING: announced but not uploaded. FAILED: uploaded, but abandoned before it could be read.
    STORED: stored and readable. REFUSED: not acceptable. DELETED: can be restored until it is
    purged.
    """

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


class DataKind(StrEnum):
    """The data stored for an asset besides its records; each kind has its own retention time.

    RAW: the uploaded bytes. FRAMES, SOUND: pictures and sound decoded from them. FINGERPRINTS,
    EMBEDDINGS: computed from pictures and sound. FINDINGS: findings of capabilities. OUTPUTS: all
    other files that engines created.
    """

    RAW = "raw"
    FRAMES = "frames"
    SOUND = "sound"
    FINGERPRINTS = "fingerprints"
    EMBEDDINGS = "embeddings"
    FINDINGS = "findings"
    OUTPUTS = "outputs"


class Hold(FrozenModel):
    """A legal hold: an asset cannot be deleted as long as it has one.

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
        path: the owner's name for the file; displayed, never used as a file name.
        key: its S3 key in the raw bucket, ``raw/{tenant}/{asset_id}/{safe name}``.
        version_id: the version of the object that `sha256` and `info` describe.
        reason_code, reason: why the file was refused or abandoned; None otherwise.
        holds: current legal holds.
        deleted_at, purge_at, state_before: for a deleted asset, when it was deleted, from when on
            it may be purged, and the state to restore; None otherwise.
        purge_started_at: when its purge started, which cannot be stopped any more; None
            otherwise.
        stored_at: when its bytes were last stored; None before.
        removed: kinds of data that the retention policy removed, and when; data that a later run
            creates counts as new.
        removing: those of them whose removal has started and may not be complete.
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
    purge_started_at: datetime | None = None
    stored_at: datetime | None = None
    removed: dict[DataKind, datetime] = Field(default_factory=dict)
    removing: tuple[DataKind, ...] = ()
    version: int = 0

    @property
    def bytes_gone(self) -> bool:
        """Return whether the retention policy removed the uploaded bytes."""
        return DataKind.RAW in self.removed

    def changed(self, **fields: object) -> Asset:
        """Return a copy with these fields, updated now."""
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
        """Return whether the content still has to be uploaded.

        True if nothing was uploaded, if the upload was not the announced file, or if it could not
        be read.
        """
        if self.asset.state is AssetState.FAILED:
            return True
        status = self.status
        not_as_announced = status is AssetStatus.REFUSED and self.reason_code in NOT_AS_ANNOUNCED
        return status is AssetStatus.WAITING or not_as_announced

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
        """Remarks for the owner about an accepted file."""
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
    """Return the id of an asset, which is the same for the same content, path and tenant.

    It has 26 hex digits (104 bits) of the SHA-256 of the three, so requesting an upload twice is
    harmless.
    """
    digest = hashlib.sha256("\0".join((tenant, path, sha256)).encode())
    return digest.hexdigest()[:26]
