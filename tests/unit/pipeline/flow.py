"""The pipeline over memory: what the workflow does on AWS, as plain calls."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from filmgate.clock import now
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate.engines.embedding.port import EmbeddingEngine
from filmgate.engines.loading import load
from filmgate.engines.spec import Engine
from filmgate.errors import FilmgateError
from filmgate.library.jobs import Job
from filmgate.library.model import AnalyzedAsset, Asset, AssetState, asset_id
from filmgate.library.results import Result
from filmgate.media.limits import Limits
from filmgate.pipeline.dedupe import DedupeEngine
from filmgate.pipeline.derive import DeriveDeps, derive
from filmgate.pipeline.finish import finish
from filmgate.pipeline.ingest import IngestDeps, Receipt, ingest
from filmgate.pipeline.run_engine import EngineDeps, run_engine
from filmgate.pipeline.runs import plan, start
from filmgate.pipeline.state import Derived, Failure, JobState, RunState, ToFinish
from filmgate.pipeline.uploads import Upload
from filmgate.sandbox.inprocess import InProcessReader
from filmgate.sandbox.port import MediaReader
from tests.aws_limits import item_limits, workflow_limits
from tests.memory import (
    MemoryDeltaStore,
    MemoryLibrary,
    MemoryObjects,
    MemorySegmentStore,
    MemoryWorkflows,
)

TENANT = "acme"
REMAINING_S = 300.0
"""What a function has left when it starts an engine here."""


def picture(seed: int, side: int = 96, quality: int = 92) -> bytes:
    """A JPEG of coloured blobs; the same seed shows the same at any size and quality."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    out = io.BytesIO()
    image = Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


class Flow:
    """One tenant's pipeline."""

    def __init__(
        self,
        folder: Path,
        limits: Limits | None = None,
        embedder: EmbeddingEngine | None = None,
        reader: MediaReader | None = None,
    ) -> None:
        self.library, self.objects = item_limits(MemoryLibrary()), MemoryObjects()
        self.workflows = workflow_limits(MemoryWorkflows())
        self.limits = limits or Limits()
        self.embedder = embedder
        self.reader = reader or InProcessReader()
        self.index = SegmentIndex(
            MemoryDeltaStore(), MemorySegmentStore(), cache_dir=folder / "segments"
        )

    @property
    def ingesting(self) -> IngestDeps:
        return IngestDeps(self.library, self.objects, self.workflows, self.limits, self.reader)

    @property
    def deriving(self) -> DeriveDeps:
        return DeriveDeps(self.library, self.objects, self.limits, self.reader, self.embedder)

    @property
    def running(self) -> EngineDeps:
        return EngineDeps(self.library, self.objects)

    @property
    def deduping(self) -> DedupeEngine:
        return DedupeEngine(self.library, self.library, self.objects, self.index, MatchSettings())

    def announce(self, path: str, body: bytes) -> Asset:
        """What the API records before an upload."""
        sha256 = hashlib.sha256(body).hexdigest()
        name = asset_id(TENANT, path, sha256)
        moment = now()
        return self.library.create(
            Asset(
                tenant=TENANT,
                asset_id=name,
                path=path,
                key=f"raw/{TENANT}/{name}/{Path(path).name}",
                state=AssetState.WAITING,
                created_at=moment,
                updated_at=moment,
                size_bytes=len(body),
                sha256=sha256,
            )
        )

    def put(self, key: str, body: bytes) -> Upload:
        """An object arrives."""
        self.objects.put("raw", key, body, "application/octet-stream")
        version = sum(1 for _ in self.objects._versions["raw", key])
        return Upload(key, f"v{version}")

    def upload(self, path: str, body: bytes) -> tuple[Asset, Receipt]:
        """Announce, put, ingest; the asset as it is then."""
        asset = self.announce(path, body)
        receipt = ingest(self.ingesting, self.put(asset.key, body))
        return self.library.asset(TENANT, asset.asset_id), receipt

    def record(self, asset: Asset) -> AnalyzedAsset:
        """The asset with its results, as they are now."""
        (record,) = self.library.analyzed(asset.tenant, [asset.asset_id])
        return record

    def result(self, asset: Asset, capability: str = "dedupe") -> Result:
        """What the capability last said of the asset."""
        return next(r for r in self.record(asset).current if r.capability == capability)

    def job(self, asset: Asset, capability: str = "dedupe") -> Job:
        """The job that owns the capability's result."""
        return self.library.job(asset.tenant, self.result(asset, capability).job_id)

    def state(self, asset: Asset) -> RunState:
        """What the workflow of the asset's last run starts with."""
        run_id = max(
            self.library.job(asset.tenant, result.job_id).run_id
            for result in self.record(asset).results
        )
        _, payload = self.workflows.started[run_id]
        return RunState.model_validate(payload)

    def again(self, asset: Asset, *capabilities: str) -> RunState:
        """Begin and start another run of the asset, of all capabilities or of some."""
        asset = self.library.asset(asset.tenant, asset.asset_id)
        stored = self.library.results(asset.tenant, asset.asset_id)
        run = plan(asset, stored, frozenset(capabilities) or None)
        assert self.library.begin(asset.changed(), run.jobs, run.results)
        start(self.workflows, run.jobs, "again")
        return self.state(asset)

    def derive(self, state: RunState) -> Derived:
        """Run the step; what the workflow carries on with."""
        return derive(self.deriving, state)

    def engine(self, job: JobState) -> Engine:
        """What the function named in the job's state would run."""
        return self.deduping if job.runner == "dedupe" else load(job.engine, self.objects)

    def run_job(
        self,
        job: JobState,
        engine: Engine | None = None,
        remaining_s: Callable[[], float] = lambda: REMAINING_S,
    ) -> Job:
        """Run the engine of a job, or another in its place."""
        return run_engine(self.running, engine or self.engine(job), job, remaining_s)

    def dedupe(self, asset: Asset, engine: DedupeEngine | None = None) -> dict[str, int]:
        """Derive and run the last run of the asset; what its summary counts then."""
        (job,) = self.derive(self.state(asset)).work
        self.run_job(job, engine)
        return {name: int(str(n)) for name, n in self.result(asset).summary.items()}

    def fail(self, work: Iterable[JobState], failure: Failure | None = None) -> list[Job]:
        """The workflow's catch: what was ended by it."""
        error = failure or Failure(name="States.Timeout")
        return finish(self.library, ToFinish(work=tuple(work), error=error))

    def run(self, asset: Asset) -> AnalyzedAsset:
        """The whole workflow of the asset's last run, with its catches; the asset at its end."""
        return self.work(self.state(asset))

    def work(self, state: RunState) -> AnalyzedAsset:
        """The whole workflow, with its catches; the asset at its end."""
        try:
            work = self.derive(state).work
        except FilmgateError as error:
            self.fail(state.work, Failure(name=type(error).__name__, cause=str(error)))
            work = ()
        for job in work:
            try:
                self.run_job(job)
            except FilmgateError as error:
                self.fail([job], Failure(name=type(error).__name__, cause=str(error)))
        (record,) = self.library.analyzed(state.tenant, [state.asset_id])
        return record

    def stricter(self, settings: MatchSettings) -> DedupeEngine:
        """The dedupe engine with other settings."""
        return replace(self.deduping, settings=settings)
