"""A tenant's library in memory with the ports that deletion, purge and retention need."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from filmgate.clock import now
from filmgate.errors import TransientError
from filmgate.library.matches import Match
from filmgate.library.model import AnalyzedAsset, Asset, AssetState, Hold, asset_id
from filmgate.library.results import ResultState
from filmgate.media.model import MediaInfo, MediaKind
from filmgate.pipeline.runs import Ending, end_job, plan
from filmgate.review import deletion, purge, reaper, retention
from filmgate.review.audit import broken_link
from filmgate.review.deletion import DeletionDeps, delete, restore
from filmgate.review.holds import place_hold, release_hold
from filmgate.review.purge import PurgeDeps
from filmgate.review.reaper import ReaperDeps
from tests.memory import MemoryLibrary, MemoryObjects, MemoryWorkflows
from tests.memory_audit import MemoryAuditLog

START = datetime.fromisoformat("2026-01-02T03:04:05+00:00")
IMAGE = MediaInfo(kind=MediaKind.IMAGE, format="png", content_type="image/png", width=9, height=9)
ONE, TWO = "ab" * 32, "cd" * 32
MADE = {
    "fingerprint/f/1/fingerprint.npz",
    "fingerprint/f/1/tiles.jpg",
    "dedupe/d/1/findings.json",
    "dedupe/d/1/report.json",
}
"""What engines leave of a content, under its folder."""


@dataclass
class Index:
    """Remembers what was removed; fails as often as asked."""

    removed: list[str] = field(default_factory=list)
    failures: int = 0

    def remove(self, tenant: str, asset_id: str) -> None:
        if self.failures:
            self.failures -= 1
            raise TransientError("the index does not answer")
        self.removed.append(asset_id)


@dataclass
class World:
    library: MemoryLibrary = field(default_factory=MemoryLibrary)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    index: Index = field(default_factory=Index)
    audit: MemoryAuditLog = field(default_factory=MemoryAuditLog)
    workflows: MemoryWorkflows = field(default_factory=MemoryWorkflows)

    @property
    def deleting(self) -> DeletionDeps:
        return DeletionDeps(self.library, self.audit, self.workflows)

    @property
    def purging(self) -> PurgeDeps:
        return PurgeDeps(self.library, self.objects, (self.index,), self.audit, self.workflows)

    @property
    def reaping(self) -> ReaperDeps:
        return ReaperDeps(self.library, self.objects, self.workflows, self.audit)

    def add(self, path: str, content: str = ONE, *, done: bool = True) -> Asset:
        """An asset with an upload, artifacts, a result and a job, which has ended."""
        name = asset_id("acme", path, content)
        key = f"raw/acme/{name}/{path}"
        asset = self.library.create(
            Asset(
                tenant="acme",
                asset_id=name,
                path=path,
                key=key,
                state=AssetState.STORED,
                created_at=now(),
                updated_at=now(),
                sha256=content,
                info=IMAGE,
            )
        )
        self.run(asset, done=done)
        self.objects.put("raw", key, b"file", "image/png")
        return self.library.asset("acme", name)

    def run(self, asset: Asset, *, done: bool = True) -> None:
        """A run of all engines, which leaves artifacts."""
        run = plan(asset, self.library.results("acme", asset.asset_id))
        assert self.library.begin(asset, run.jobs, run.results)
        if done:
            for job in run.jobs:
                end_job(self.library, "acme", job.job_id, Ending(ResultState.DONE))
        for name in MADE:
            self.objects.put("artifacts", f"artifacts/acme/{asset.sha256}/{name}", b"x", "a/b")

    def match(self, one: Asset, other: Asset) -> str:
        a, b = sorted((one.asset_id, other.asset_id))
        match = Match(
            tenant="acme",
            a=a,
            b=b,
            capability="dedupe",
            label="near",
            score=0.9,
            engine="e/1",
            created_at=START,
            updated_at=START,
        )
        self.library.save_match(match)
        return match.match_id

    def asset(self, asset: Asset) -> Asset:
        """As it is now."""
        return self.library.asset("acme", asset.asset_id)

    def analyzed(self, asset: Asset) -> AnalyzedAsset:
        """As it is now, with its results."""
        return self.library.analyzed("acme", [asset.asset_id])[0]

    def made_of(self, content: str) -> set[str]:
        """What is left of `MADE`."""
        folder = f"artifacts/acme/{content}/"
        return {key.removeprefix(folder) for key in self.objects.keys("artifacts", folder)}

    def delete(self, asset: Asset) -> Asset:
        return delete(self.deleting, "acme", asset.asset_id, actor="key1", reason="asked to")

    def restore(self, asset: Asset) -> Asset:
        return restore(self.deleting, "acme", asset.asset_id, actor="key1")

    def purge(self, asset: Asset) -> None:
        purge.purge(self.purging, "acme", asset.asset_id, actor="policy")

    def hold(self, asset: Asset, reason: str = "case 7") -> Hold:
        return place_hold(
            self.library, self.audit, "acme", asset.asset_id, actor="key1", reason=reason
        )

    def release(self, asset: Asset, hold: Hold) -> None:
        release_hold(self.library, self.audit, "acme", asset.asset_id, hold.hold_id, actor="key1")

    def actions(self) -> list[str]:
        """Of all events, whose chain holds."""
        events = self.audit.events("acme", limit=1000, cursor=None).items
        assert broken_link(events) is None
        return [event.action for event in events]

    def with_library(self, library: MemoryLibrary) -> World:
        """The same world seen through another library over the same records."""
        library.__dict__.update(self.library.__dict__)
        return replace(self, library=library)


def later(monkeypatch: pytest.MonkeyPatch, days: float = 31) -> None:
    """So much time passes, for what the review package reads of the clock."""
    moment = now() + timedelta(days=days)
    for module in (deletion, purge, reaper, retention):
        monkeypatch.setattr(module, "now", lambda: moment)
    for name in ("pipeline.runs", "library.results", "library.model"):
        monkeypatch.setattr(f"filmgate.{name}.now", lambda: moment)
