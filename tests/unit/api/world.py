"""An API over memory, with two tenants who own much the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from fastapi.testclient import TestClient

from filmgate.access.service import KeyRing, create_key
from filmgate.api.app import create_app
from filmgate.api.services import Observed, Services
from filmgate.dedupe.matching.model import MatchClass, Verdict
from filmgate.library.model import Asset, AssetStatus, Job, JobStatus, Match, asset_id
from filmgate.media.limits import Limits
from filmgate.media.model import MediaInfo, MediaKind
from tests.memory import MemoryLibrary, MemoryObjects, MemoryWorkflows
from tests.memory_keys import MemoryKeyStore

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
IMAGE = MediaInfo(kind=MediaKind.IMAGE, format="png", content_type="image/png", width=9, height=9)
LIMITS = Limits(max_file_bytes=1000)


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

    library: MemoryLibrary = field(default_factory=MemoryLibrary)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    workflows: MemoryWorkflows = field(default_factory=MemoryWorkflows)
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
            stage="test",
            limits=LIMITS,
            observe=self.observed.append,
        )

    def client(self, tenant: str | None = "acme") -> TestClient:
        """A client with the tenant's key, or with none."""
        headers = {"x-api-key": self.keys[tenant]} if tenant else {}
        return TestClient(create_app(self.services), headers=headers)

    def add_asset(
        self,
        tenant: str,
        name: str,
        status: AssetStatus = AssetStatus.DONE,
        *,
        minute: int = 0,
        info: MediaInfo | None = IMAGE,
    ) -> Asset:
        """A stored asset with all its files, as the pipeline leaves it."""
        identity = asset_id(tenant, name, "0" * 64)
        moment = START + timedelta(minutes=minute)
        asset = Asset(
            tenant=tenant,
            asset_id=identity,
            path=name,
            key=f"raw/{tenant}/{identity}/{name}",
            status=status,
            created_at=moment,
            updated_at=moment,
            version_id="v1",
            size_bytes=3,
            sha256="0" * 64,
            info=info,
            fingerprint_key=f"artifacts/{tenant}/{'0' * 64}/dedupe/e/1/fingerprint.npz",
            tiles_key=f"artifacts/{tenant}/{'0' * 64}/dedupe/e/1/tiles.jpg",
            job_id=f"{identity}-1",
        )
        self.library.save(asset)
        self.objects.put("raw", asset.key, b"abc", "image/png")
        folder = f"artifacts/{tenant}/{'0' * 64}/dedupe/e/1"
        for file in ("fingerprint.npz", "tiles.jpg", "tiles.json", "pdq.json"):
            self.objects.put("artifacts", f"{folder}/{file}", b"x", "application/octet-stream")
        self.library.save_job(
            Job(
                tenant=tenant,
                job_id=f"{identity}-1",
                asset_id=identity,
                workflow="image",
                status=JobStatus.SUCCEEDED,
                started_at=moment,
                finished_at=moment,
                matches=1,
            )
        )
        return asset

    def add_match(self, first: Asset, second: Asset, score: float, *, minute: int = 0) -> Match:
        """A stored match between two assets of one tenant."""
        a, b = sorted((first.asset_id, second.asset_id))
        moment = START + timedelta(minutes=minute)
        match = Match(
            tenant=first.tenant,
            a=a,
            b=b,
            verdict=verdict(score),
            created_at=moment,
            updated_at=moment,
        )
        self.library.save_match(match)
        return match
