"""Deletion: soft first, held where somebody asks for it, then for good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from filmgate.clock import now
from filmgate.errors import Conflict, FilmgateError, NotFound, TransientError
from filmgate.library.matches import Match
from filmgate.library.model import Asset, AssetState, AssetStatus, asset_id
from filmgate.media.model import MediaInfo, MediaKind
from filmgate.pipeline.runs import plan
from filmgate.review import deletion
from filmgate.review.audit import AuditEvent, broken_link
from filmgate.review.deletion import (
    DeletionDeps,
    delete,
    place_hold,
    purge,
    purge_due,
    release_hold,
    restore,
)
from tests.memory import MemoryLibrary, MemoryObjects, MemoryWorkflows
from tests.memory_audit import MemoryAuditLog

START = datetime.fromisoformat("2026-01-02T03:04:05+00:00")
IMAGE = MediaInfo(kind=MediaKind.IMAGE, format="png", content_type="image/png", width=9, height=9)


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
    def deps(self) -> DeletionDeps:
        return DeletionDeps(self.library, self.objects, (self.index,), self.audit, self.workflows)

    def add(self, path: str, content: str = "ab" * 32) -> Asset:
        """An asset with an upload, artifacts, a result and a job."""
        name = asset_id("acme", path, content)
        key = f"raw/acme/{name}/{path}"
        asset = self.library.create(
            Asset(
                tenant="acme",
                asset_id=name,
                path=path,
                key=key,
                state=AssetState.STORED,
                created_at=START,
                updated_at=START,
                sha256=content,
                info=IMAGE,
            )
        )
        run = plan(asset, [])
        assert self.library.begin(asset, run.jobs, run.results)
        self.objects.put("raw", key, b"file", "image/png")
        self.objects.put("artifacts", f"artifacts/acme/{content}/fingerprint/x", b"f", "a/b")
        return self.library.asset("acme", name)

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

    def actions(self) -> list[str]:
        events = self.audit.events("acme", limit=100, cursor=None).items
        assert broken_link(events) is None
        return [event.action for event in events]


@pytest.fixture
def world() -> World:
    return World()


def later(monkeypatch: pytest.MonkeyPatch, days: float = 31) -> None:
    moment = now() + timedelta(days=days)
    monkeypatch.setattr(deletion, "now", lambda: moment)


def test_a_deleted_asset_is_hidden_and_can_be_restored(world: World) -> None:
    one, other = world.add("a.png"), world.add("b.png", "cd" * 32)
    world.match(one, other)
    gone = delete(world.deps, "acme", one.asset_id, actor="key1", reason="asked to")
    assert gone.state is AssetState.DELETED
    listed = world.library.list_analyzed("acme", status=None, limit=9, cursor=None).items
    assert [record.asset.asset_id for record in listed] == [other.asset_id]
    assert world.library.list_matches("acme", limit=9, cursor=None).items == []
    assert world.index.removed == [one.asset_id]
    back = restore(world.deps, "acme", one.asset_id, actor="key1")
    assert back.state is AssetState.STORED
    assert back.purge_at is None
    # Its capabilities run again, which puts it into the index and finds its matches.
    (record,) = world.library.analyzed("acme", [one.asset_id])
    assert record.status is AssetStatus.PROCESSING
    assert len(world.workflows.started) == 1
    assert world.actions() == ["asset.deleted", "asset.restored"]


def test_deleting_again_completes_what_was_interrupted(world: World) -> None:
    one, other = world.add("a.png"), world.add("b.png", "cd" * 32)
    world.match(one, other)
    world.index.failures = 1
    with pytest.raises(TransientError):
        delete(world.deps, "acme", one.asset_id, actor="key1", reason="asked to")
    assert world.library.asset("acme", one.asset_id).state is AssetState.DELETED
    delete(world.deps, "acme", one.asset_id, actor="key1", reason="asked to")
    assert world.index.removed == [one.asset_id]
    assert world.library.list_matches("acme", limit=9, cursor=None).items == []
    assert world.actions() == ["asset.deleted"]


def test_a_purged_asset_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = world.add("a.png"), world.add("b.png", "cd" * 32)
    world.match(one, other)
    delete(world.deps, "acme", one.asset_id, actor="key1", reason="asked to")
    later(monkeypatch)
    purge(world.deps, "acme", one.asset_id, actor="policy")
    with pytest.raises(NotFound):
        world.library.asset("acme", one.asset_id)
    assert world.library.results("acme", one.asset_id) == []
    assert world.library.match_ids_of("acme", one.asset_id, limit=9, cursor=None).items == []
    assert world.objects.keys("raw") == [other.key]
    assert world.objects.keys("artifacts") == [f"artifacts/acme/{'cd' * 32}/fingerprint/x"]
    assert world.actions() == ["asset.deleted", "asset.purged"]


def test_what_another_asset_has_too_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = world.add("a.png"), world.add("copy.png")
    for asset in (one, other):
        assert world.objects.keys("artifacts")
        delete(world.deps, "acme", asset.asset_id, actor="key1", reason="asked to")
    later(monkeypatch)
    purge(world.deps, "acme", one.asset_id, actor="policy")
    assert world.objects.keys("artifacts")
    purge(world.deps, "acme", other.asset_id, actor="policy")
    assert world.objects.keys("artifacts") == []


def test_nothing_is_purged_within_its_window(world: World) -> None:
    one = world.add("a.png")
    with pytest.raises(Conflict, match="not deleted"):
        purge(world.deps, "acme", one.asset_id, actor="policy")
    delete(world.deps, "acme", one.asset_id, actor="key1", reason="asked to")
    with pytest.raises(Conflict, match="can be restored until"):
        purge(world.deps, "acme", one.asset_id, actor="policy")
    assert world.objects.keys("raw")


def test_a_hold_stops_deletion_and_purge(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = world.add("a.png"), world.add("b.png", "cd" * 32)
    hold = place_hold(world.deps, "acme", one.asset_id, actor="key1", reason="case 7")
    with pytest.raises(Conflict, match="case 7"):
        delete(world.deps, "acme", one.asset_id, actor="key1", reason="asked to")
    delete(world.deps, "acme", two.asset_id, actor="key1", reason="asked to")
    place_hold(world.deps, "acme", two.asset_id, actor="key1", reason="case 8")
    later(monkeypatch)
    assert purge_due(world.deps, "acme", actor="policy", enough_time=lambda: True) == 0
    with pytest.raises(Conflict, match="case 8"):
        purge(world.deps, "acme", two.asset_id, actor="policy")
    release_hold(world.deps, "acme", one.asset_id, hold.hold_id, actor="key1")
    delete(world.deps, "acme", one.asset_id, actor="key1", reason="asked to")
    with pytest.raises(NotFound):
        release_hold(world.deps, "acme", one.asset_id, hold.hold_id, actor="key1")


def test_a_hold_that_comes_at_the_same_time_wins_or_loses_whole(world: World) -> None:
    """The hold is placed between the deletion's read and its write."""
    one = world.add("a.png")

    class Meanwhile(MemoryAuditLog):
        placed = False

        def last(self, tenant: str) -> AuditEvent | None:
            if not self.placed:
                self.placed = True
                deps = world.deps
                place_hold(deps, "acme", one.asset_id, actor="key2", reason="case 9")
            return super().last(tenant)

    deps = DeletionDeps(world.library, world.objects, (world.index,), Meanwhile(), world.workflows)
    with pytest.raises(Conflict):
        delete(deps, "acme", one.asset_id, actor="key1", reason="asked to")
    held = world.library.asset("acme", one.asset_id)
    assert held.state is AssetState.STORED
    assert [hold.reason for hold in held.holds] == ["case 9"]


def test_what_is_due_is_purged_while_there_is_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = [world.add(f"{number}.png", f"{number:064x}") for number in range(6)]
    for asset in assets:
        delete(world.deps, "acme", asset.asset_id, actor="key1", reason="asked to")
    later(monkeypatch)
    budget = iter([True, True, False])
    purged = purge_due(world.deps, "acme", actor="policy", enough_time=lambda: next(budget))
    assert purged == 2
    assert len(world.library.list_deleted("acme", limit=9, cursor=None).items) == 4
    assert purge_due(world.deps, "acme", actor="policy", enough_time=lambda: True) == 4


@pytest.mark.parametrize("step", ["delete", "restore", "purge"])
def test_unknown_assets_and_those_of_others_are_not_found(world: World, step: str) -> None:
    one = world.add("a.png")
    calls: dict[str, Callable[[], object]] = {
        "delete": lambda: delete(world.deps, "rival", one.asset_id, actor="k", reason="r"),
        "restore": lambda: restore(world.deps, "rival", one.asset_id, actor="k"),
        "purge": lambda: purge(world.deps, "rival", one.asset_id, actor="k"),
    }
    with pytest.raises(FilmgateError):
        calls[step]()
    assert world.library.asset("acme", one.asset_id).state is AssetState.STORED
