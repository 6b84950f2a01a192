"""An API over memory, with two tenants who own much the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from fastapi.testclient import TestClient

from filmgate.access.service import KeyRing, create_key
from filmgate.api.app import create_app
from filmgate.api.services import Observed, Services
from filmgate.dedupe.engine import SPEC
from filmgate.dedupe.matching.model import MatchClass, Verdict
from filmgate.dedupe.records import match_of
from filmgate.library.jobs import Job, JobState, new_id
from filmgate.library.matches import Match
from filmgate.library.model import Asset, AssetState, AssetStatus, asset_id
from filmgate.library.results import Result, ResultState
from filmgate.media.limits import Limits
from filmgate.media.model import MediaInfo, MediaKind
from tests.aws_limits import AnswerLimits, item_limits, workflow_limits
from tests.memory import MemoryLibrary, MemoryObjects, MemoryWorkflows
from tests.memory_audit import MemoryAuditLog
from tests.memory_keys import MemoryKeyStore

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
IMAGE = MediaInfo(kind=MediaKind.IMAGE, format="png", content_type="image/png", width=9, height=9)
LIMITS = Limits(max_file_bytes=1000)
_STATES = {
    AssetStatus.PROCESSING: (ResultState.RUNNING, JobState.RUNNING),
    AssetStatus.DONE: (ResultState.DONE, JobState.SUCCEEDED),
    AssetStatus.FAILED: (ResultState.FAILED, JobState.FAILED),
}
"""How the result and the job of a stored asset stand."""


def verdict(score: float) -> Verdict:
    """A verdict that differs in its score only."""
    return Verdict(
        match_class=MatchClass.NEAR,
        score=score,
        visual=score,
        audio=None,
        metadata=None,
        weights={"visual": 1.0},
        reason="the pictures agree",
        boundary=0.85,
        engine="test/1",
    )


@dataclass
class World:
    """Everything behind one test API; `acme` and `rival` are tenants with a key each."""

    library: MemoryLibrary = field(default_factory=lambda: item_limits(MemoryLibrary()))
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    workflows: MemoryWorkflows = field(default_factory=lambda: workflow_limits(MemoryWorkflows()))
    audit: MemoryAuditLog = field(default_factory=MemoryAuditLog)
    key_store: MemoryKeyStore = field(default_factory=MemoryKeyStore)
    observed: list[Observed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = {name: create_key(self.key_store, name, "test") for name in ("acme", "rival")}
        self.services = Services(
            library=self.library,
            objects=self.objects,
            signer=self.objects,
            workflows=self.workflows,
            keys=KeyRing(self.key_store),
            audit=self.audit,
            stage="test",
            limits=LIMITS,
            observe=self.observed.append,
        )

    def client(self, tenant: str | None = "acme") -> TestClient:
        """A client with the tenant's key, or with none."""
        headers = {"x-api-key": self.keys[tenant]} if tenant else {}
        return TestClient(AnswerLimits(create_app(self.services)), headers=headers)

    def add_asset(
        self,
        tenant: str,
        name: str,
        status: AssetStatus = AssetStatus.DONE,
        *,
        minute: int = 0,
        info: MediaInfo | None = IMAGE,
    ) -> Asset:
        """An asset as the pipeline leaves it: a stored one with its files, a result and a job."""
        identity = asset_id(tenant, name, "0" * 64)
        moment = START + timedelta(minutes=minute)
        stored = status in _STATES
        asset = Asset(
            tenant=tenant,
            asset_id=identity,
            path=name,
            key=f"raw/{tenant}/{identity}/{name}",
            state=AssetState.STORED if stored else AssetState(status.value),
            created_at=moment,
            updated_at=moment,
            version_id="v1",
            size_bytes=3,
            sha256="0" * 64,
            info=info,
        )
        self.library.save(asset)
        if stored:
            self.objects.put("raw", asset.key, b"abc", "image/png")
            self._add_result(asset, *_STATES[status])
        return self.library.asset(tenant, identity)

    def _add_result(self, asset: Asset, state: ResultState, job_state: JobState) -> None:
        folder = f"artifacts/{asset.tenant}/{asset.sha256}/dedupe/e/1"
        files = ("fingerprint.npz", "tiles.jpg", "tiles.json", "pdq.json")
        for file in files:
            self.objects.put("artifacts", f"{folder}/{file}", b"x", "application/octet-stream")
        job = Job(
            tenant=asset.tenant,
            job_id=new_id(),
            run_id=new_id(),
            asset_id=asset.asset_id,
            capability=SPEC.capability,
            engine=SPEC.reference,
            state=job_state,
            attempt=1,
            started_at=asset.created_at,
            workflow="express",
            finished_at=None if job_state is JobState.RUNNING else asset.created_at,
        )
        self.library.save(job)
        failed = state is ResultState.FAILED
        self.library.save(
            Result(
                tenant=asset.tenant,
                asset_id=asset.asset_id,
                capability=job.capability,
                engine=job.engine,
                state=state,
                job_id=job.job_id,
                attempt=1,
                asset_created_at=asset.created_at,
                created_at=asset.created_at,
                updated_at=asset.created_at,
                reason_code="failed" if failed else None,
                reason="Processing failed." if failed else None,
                summary={"candidates": 1, "matches": 1, "uncompared": 0},
                artifacts={file: f"{folder}/{file}" for file in files},
            )
        )

    def result(self, asset: Asset) -> Result:
        """The asset's only result, as it is now."""
        (result,) = self.library.results(asset.tenant, asset.asset_id)
        return result

    def change_result(self, asset: Asset, **changes: object) -> None:
        """Store the asset's only result with other values."""
        self.library.save(self.result(asset).model_copy(update=changes))

    def add_match(self, first: Asset, second: Asset, score: float, *, minute: int = 0) -> Match:
        """A stored match between two assets of one tenant."""
        a, b = sorted((first.asset_id, second.asset_id))
        moment = START + timedelta(minutes=minute)
        match = match_of(first.tenant, a, b, verdict(score), moment)
        self.library.save_match(match)
        return match
