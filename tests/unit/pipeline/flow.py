"""The pipeline over memory: what the workflows do on AWS, as plain calls."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from filmgate.clock import now
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate.engines.embedding.port import EmbeddingEngine
from filmgate.errors import FilmgateError
from filmgate.library.model import Asset, AssetStatus, asset_id
from filmgate.media.limits import Limits
from filmgate.pipeline.decide import DecideDeps, decide
from filmgate.pipeline.fingerprint import FingerprintDeps, fingerprint
from filmgate.pipeline.finish import Finished, finish
from filmgate.pipeline.match import MatchDeps, match
from filmgate.pipeline.receive import Receipt, ReceiveDeps, Upload, receive
from filmgate.pipeline.state import Failure, JobState, Matched, Outcome, ToFinish, ToMatch
from filmgate.sandbox.inprocess import InProcessReader
from filmgate.sandbox.port import MediaReader
from tests.memory import (
    MemoryFreshStore,
    MemoryLibrary,
    MemoryObjects,
    MemorySegmentStore,
    MemoryWorkflows,
)

TENANT = "acme"


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
        self.library, self.objects = MemoryLibrary(), MemoryObjects()
        self.workflows = MemoryWorkflows()
        self.limits = limits or Limits()
        self.embedder = embedder
        self.reader = reader or InProcessReader()
        self.index = SegmentIndex(
            MemoryFreshStore(), MemorySegmentStore(), cache_dir=folder / "segments"
        )

    @property
    def receiving(self) -> ReceiveDeps:
        return ReceiveDeps(self.library, self.objects, self.workflows, self.limits, self.reader)

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
                status=AssetStatus.WAITING,
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
        """Announce, put, receive; the asset as it is then."""
        asset = self.announce(path, body)
        receipt = receive(self.receiving, self.put(asset.key, body))
        return self.library.asset(TENANT, asset.asset_id), receipt

    def state(self, asset: Asset) -> JobState:
        """What the workflow of the asset's job starts with."""
        _, payload = self.workflows.started[str(asset.job_id)]
        return JobState.model_validate(payload)

    def fingerprint(self, state: JobState) -> dict[str, Any]:
        """Run the step; what the workflow carries on with."""
        deps = FingerprintDeps(self.library, self.objects, self.limits, self.reader, self.embedder)
        result = fingerprint(deps, state)
        return state.model_dump() | result.model_dump(mode="json")

    def match(self, carried: dict[str, Any]) -> dict[str, Any]:
        """Run the step; what the workflow carries on with."""
        deps = MatchDeps(self.library, self.objects, self.index)
        return carried | match(deps, ToMatch.model_validate(carried)).model_dump(mode="json")

    def decide(self, carried: dict[str, Any]) -> dict[str, Any]:
        """Run the step; what the workflow carries on with."""
        deps = DecideDeps(self.library, self.objects, MatchSettings())
        return carried | decide(deps, Matched.model_validate(carried)).model_dump(mode="json")

    def finish(self, carried: dict[str, Any]) -> Finished:
        """Run the last step."""
        return finish(self.library, ToFinish.model_validate(carried))

    def run(self, asset: Asset) -> Finished:
        """The whole workflow, with the catch at its end."""
        state = self.state(asset)
        try:
            carried = self.fingerprint(state)
            if carried["outcome"] == Outcome.OK:
                carried = self.decide(self.match(carried))
        except FilmgateError as error:
            failure = Failure(name=type(error).__name__, cause=str(error))
            carried = state.model_dump() | {"outcome": "failed", "error": failure.model_dump()}
        return self.finish(carried)
