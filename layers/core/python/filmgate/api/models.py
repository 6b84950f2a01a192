"""Requests and responses of the HTTP API, for the server and the client; without FastAPI."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Generic, TypeVar

from pydantic import ConfigDict, Field, JsonValue, StringConstraints

from filmgate.dedupe.matching.model import Verdict
from filmgate.dedupe.records import verdict_of
from filmgate.engines.spec import Name
from filmgate.library.jobs import Job, JobState, Progress
from filmgate.library.matches import Match
from filmgate.library.model import AnalyzedAsset, Asset, AssetStatus, Hold
from filmgate.library.results import Result, ResultState
from filmgate.media.model import MediaInfo
from filmgate.model import ClosedModel, FrozenModel
from filmgate.review.audit import AuditEvent
from filmgate.review.policy import TenantPolicy

MAX_UPLOADS = 100
MAX_PATH_CHARACTERS = 1024
MAX_IDS = 100
MAX_MATCH_ASSETS = 50
MAX_PAGE = 100
DEFAULT_PAGE = 50
MAX_REASON_CHARACTERS = 500
NO_REASON = "no reason was given"

Item = TypeVar("Item")


Reason = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=MAX_REASON_CHARACTERS,
        pattern=r"^[^\x00-\x1f\x7f-\x9f]+$",
    ),
]
"""A reason given by a person, for the audit log."""


class DownloadName(StrEnum):
    """The files of an asset that can be downloaded."""

    TILES = "tiles.jpg"
    TILES_INDEX = "tiles.json"
    PDQ = "pdq.json"
    ORIGINAL = "original"


class UploadFile(ClosedModel):
    """A file to upload.

    `path` is a label. It may contain anything but control characters, and is never used as a file
    name.
    """

    path: Annotated[
        str,
        StringConstraints(
            min_length=1, max_length=MAX_PATH_CHARACTERS, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$"
        ),
    ]
    size_bytes: Annotated[int, Field(ge=0, le=2**53, strict=True)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    content_type: Annotated[
        str,
        StringConstraints(
            max_length=127, pattern=r"^[A-Za-z0-9!#$&^_.+-]{1,60}/[A-Za-z0-9!#$&^_.+-]{1,60}$"
        ),
    ] = "application/octet-stream"


class UploadRequest(ClosedModel):
    """1 to 100 files."""

    files: Annotated[tuple[UploadFile, ...], Field(min_length=1, max_length=MAX_UPLOADS)]


class PresignedPost(FrozenModel):
    """A multipart/form-data POST: `fields` first, then the file as the last part, named `file`."""

    url: str
    fields: dict[str, str]


class Upload(FrozenModel):
    """Where to send one file; `upload` is null if there is nothing to send.

    Then `hint` says what can be done instead, if anything.
    """

    asset_id: str
    path: str
    status: AssetStatus
    upload: PresignedPost | None
    hint: str | None = None


class Uploads(FrozenModel):
    """In the order of the requested files."""

    uploads: list[Upload]


class ResultView(FrozenModel):
    """The latest result of an engine for an asset; fields as in
    `filmgate.library.results.Result`."""

    capability: str
    engine: str
    state: ResultState
    job_id: str
    attempt: int
    created_at: datetime
    updated_at: datetime
    reason_code: str | None = None
    reason: str | None = None
    notes: tuple[str, ...] = ()
    summary: dict[str, JsonValue] = Field(default_factory=dict)
    seconds: float | None = None
    cost_usd: float | None = None

    @classmethod
    def of(cls, result: Result) -> ResultView:
        """Without the keys of its artifacts."""
        return cls.model_validate(result.model_dump(include=set(cls.model_fields)))


class Bytes(StrEnum):
    """Whether the uploaded bytes are stored, or were removed by the retention policy."""

    STORED = "stored"
    GONE = "gone"


class HoldView(FrozenModel):
    """A legal hold: an asset cannot be deleted as long as it has one."""

    hold_id: str
    reason: str
    placed_by: str
    placed_at: datetime

    @classmethod
    def of(cls, hold: Hold) -> HoldView:
        """All of it."""
        return cls.model_validate(hold.model_dump())


class HoldRequest(ClosedModel):
    """Why an asset must not be deleted."""

    reason: Reason


class PolicyView(TenantPolicy):
    """Days until data of each kind is removed, 1 to 36,500; null keeps for ever."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def of(cls, policy: TenantPolicy) -> PolicyView:
        """All of it."""
        return cls.model_validate(policy.model_dump())


class AuditView(FrozenModel):
    """An event of the audit log; fields as in `filmgate.review.audit.AuditEvent`."""

    tenant: str
    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, JsonValue]
    previous: str
    hash: str

    @classmethod
    def of(cls, event: AuditEvent) -> AuditView:
        """All of it, so that its hash can be checked."""
        return cls.model_validate(event.model_dump())


class AssetView(FrozenModel):
    """An asset as its owner sees it; times in UTC.

    `status`, `reason` and `notes` summarize the results, one for each capability. `bytes` is null
    before the upload. A deleted asset can be restored until `purge_at`.
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
    results: tuple[ResultView, ...] = ()
    bytes: Bytes | None = None
    holds: tuple[HoldView, ...] = ()
    deleted_at: datetime | None = None
    purge_at: datetime | None = None

    @classmethod
    def of(cls, record: AnalyzedAsset) -> AssetView:
        """Without the tenant and the storage key."""
        asset, results = record.asset, record.current
        return cls(
            asset_id=asset.asset_id,
            path=asset.path,
            status=record.status,
            created_at=asset.created_at,
            updated_at=max([asset.updated_at, *(result.updated_at for result in results)]),
            version_id=asset.version_id,
            size_bytes=asset.size_bytes,
            sha256=asset.sha256,
            info=asset.info,
            reason_code=record.reason_code,
            reason=record.reason,
            notes=record.notes,
            results=tuple(ResultView.of(result) for result in results),
            bytes=_bytes(asset),
            holds=tuple(HoldView.of(hold) for hold in asset.holds),
            deleted_at=asset.deleted_at,
            purge_at=asset.purge_at,
        )

    def summary_count(self, capability: str, name: str) -> int:
        """Return a count in the summary of a capability; 0 if it is missing."""
        for result in self.results:
            value = result.summary.get(name) if result.capability == capability else None
            if isinstance(value, int):
                return value
        return 0


def _bytes(asset: Asset) -> Bytes | None:
    if asset.bytes_gone:
        return Bytes.GONE
    return Bytes.STORED if asset.version_id or asset.stored_at or asset.info else None


Want = Annotated[tuple[Name, ...] | None, Field(min_length=1, max_length=40)]
"""Capabilities; null for all that accept the file."""


class AnalysisRequest(ClosedModel):
    """Capabilities to run; null for all that accept the file."""

    want: Want = None


class BackfillRequest(ClosedModel):
    """What to run on all files: those without a result of the current engine, or `everything`."""

    want: Want = None
    everything: bool = False


class Backfill(FrozenModel):
    """A backfill that was started."""

    backfill_id: str


class JobView(FrozenModel):
    """One attempt of one capability, as the asset's owner sees it; times in UTC. Fields as in
    `filmgate.library.jobs.Job`."""

    job_id: str
    run_id: str
    asset_id: str
    capability: str
    engine: str
    state: JobState
    attempt: int
    started_at: datetime
    finished_at: datetime | None = None
    progress: Progress | None = None
    error: str | None = None
    seconds: float | None = None
    cost_usd: float | None = None

    @classmethod
    def of(cls, job: Job) -> JobView:
        """Without what only the service needs."""
        return cls.model_validate(job.model_dump(include=set(cls.model_fields)))


class Analyses(FrozenModel):
    """The jobs that were started."""

    jobs: list[JobView]


class MatchView(FrozenModel):
    """A pair and its verdict; `a` is the smaller asset id.

    The paths are the owner's names of the two assets, empty if an asset does not exist any more.
    """

    match_id: str
    a: str
    b: str
    a_path: str
    b_path: str
    verdict: Verdict
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, match: Match, paths: Mapping[str, str]) -> MatchView:
        """`paths` maps asset ids to paths."""
        return cls(
            match_id=match.match_id,
            a=match.a,
            b=match.b,
            a_path=paths.get(match.a, ""),
            b_path=paths.get(match.b, ""),
            verdict=verdict_of(match),
            created_at=match.created_at,
            updated_at=match.updated_at,
        )


class Listing(FrozenModel, Generic[Item]):
    """A page of a listing. Pass `cursor` back unchanged for the next; null on the last page."""

    items: list[Item]
    cursor: str | None = None


class FileUrl(FrozenModel):
    """A URL of a file, valid until `expires_at` (UTC)."""

    url: str
    expires_at: datetime


class Health(FrozenModel):
    """The status, version and stage of the service."""

    status: str = "ok"
    version: str
    stage: str


class FieldError(FrozenModel):
    """An invalid field: its JSON path, such as `body.files.0.sha256`, and why it is invalid."""

    field: str
    message: str


class Problem(FrozenModel):
    """An error as defined by RFC 9457. `instance` contains the request id, as the logs do."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError] | None = None
