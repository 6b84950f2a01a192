"""Deletion: soft first, and only as long as nobody holds the asset."""

from __future__ import annotations

import pytest

from filmgate.errors import Conflict, NotFound, TransientError
from filmgate.library.model import Asset, AssetState, AssetStatus
from filmgate.library.results import ResultState
from filmgate.review.deletion import DeletionDeps, delete, restore
from filmgate.review.holds import place_hold
from tests.memory import MemoryLibrary, MemoryWorkflows
from tests.unit.review.world import TWO, World, later


@pytest.fixture
def world() -> World:
    return World()


def test_a_deleted_asset_is_hidden_and_can_be_restored(world: World) -> None:
    one, other = world.add("a.png"), world.add("b.png", TWO)
    world.match(one, other)
    gone = world.delete(one)
    assert gone.state is AssetState.DELETED
    listed = world.library.list_analyzed("acme", status=None, limit=9, cursor=None).items
    assert [record.asset.asset_id for record in listed] == [other.asset_id]
    back = world.restore(one)
    assert back.state is AssetState.STORED
    assert back.purge_at is None
    # It was not compared with what came meanwhile, so its capabilities run again.
    assert world.analyzed(one).status is AssetStatus.PROCESSING
    assert len(world.workflows.started) == 1
    assert len(world.library.list_matches("acme", limit=9, cursor=None).items) == 1
    assert world.actions() == ["asset.deleted", "asset.restored"]


def test_deleting_again_changes_nothing(world: World) -> None:
    one = world.add("a.png")
    first = world.delete(one)
    assert world.delete(one) == first
    assert world.actions() == ["asset.deleted"]


@pytest.mark.parametrize("state", [AssetState.WAITING, AssetState.REFUSED])
def test_what_has_nothing_to_run_is_restored_as_it_was(world: World, state: AssetState) -> None:
    one = world.library.compare_and_set(world.add("a.png").changed(state=state))
    assert one is not None
    world.delete(one)
    assert world.restore(one).state is state
    assert world.workflows.started == {}


def test_a_restored_asset_says_that_its_workflow_did_not_start(world: World) -> None:
    class Down(MemoryWorkflows):
        def start(self, *_: object) -> None:
            raise TransientError("no workflows")

    one = world.add("a.png")
    world.delete(one)
    deps = DeletionDeps(world.library, world.audit, Down())
    assert restore(deps, "acme", one.asset_id, actor="key1").state is AssetState.STORED
    assert world.analyzed(one).status is AssetStatus.FAILED
    assert world.analyzed(one).reason_code == "not_started"


def test_what_is_not_deleted_cannot_be_restored(world: World) -> None:
    one = world.add("a.png")
    with pytest.raises(Conflict, match="not deleted"):
        world.restore(one)


def test_a_hold_stops_deletion(world: World) -> None:
    one = world.add("a.png")
    hold = world.hold(one, "case 7")
    with pytest.raises(Conflict, match="case 7"):
        world.delete(one)
    world.release(one, hold)
    world.delete(one)
    with pytest.raises(NotFound):
        world.release(one, hold)
    assert world.actions() == ["hold.placed", "hold.released", "asset.deleted"]


def test_a_hold_that_comes_at_the_same_time_wins_or_loses_whole(world: World) -> None:
    """The hold is placed between the deletion's read and its write."""
    one = world.add("a.png")

    class Meanwhile(MemoryLibrary):
        placed = False

        def compare_and_set(self, asset: Asset) -> Asset | None:
            if not self.placed:
                self.placed = True
                place_hold(self, world.audit, "acme", one.asset_id, actor="key2", reason="case 9")
            return super().compare_and_set(asset)

    with pytest.raises(Conflict):
        world.with_library(Meanwhile()).delete(one)
    held = world.asset(one)
    assert held.state is AssetState.STORED
    assert [hold.reason for hold in held.holds] == ["case 9"]
    assert world.actions() == ["asset.deleted", "hold.placed", "asset.deleted.failed"]


def test_a_run_that_begins_at_the_same_time_is_not_lost(world: World) -> None:
    one = world.add("a.png")

    class Meanwhile(MemoryLibrary):
        def compare_and_set(self, asset: Asset) -> Asset | None:
            world.run(world.asset(one), done=False)
            return super().compare_and_set(asset)

    with pytest.raises(Conflict):
        world.with_library(Meanwhile()).delete(one)
    assert world.analyzed(one).status is AssetStatus.PROCESSING


def test_a_job_that_ends_meanwhile_does_not_bring_it_back(world: World) -> None:
    one = world.add("a.png", done=False)
    world.delete(one)
    for result in world.library.results("acme", one.asset_id):
        ended = result.changed(state=ResultState.DONE)
        job = world.library.job("acme", result.job_id)
        assert world.library.end(job, ended)
    assert world.analyzed(one).status is AssetStatus.DELETED
    assert world.library.list_analyzed("acme", status=None, limit=9, cursor=None).items == []


def test_assets_of_others_are_not_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = world.add("a.png")
    with pytest.raises(NotFound):
        delete(world.deleting, "rival", one.asset_id, actor="k", reason="r")
    world.delete(one)
    later(monkeypatch)
    with pytest.raises(NotFound):
        restore(world.deleting, "rival", one.asset_id, actor="k")
    assert world.asset(one).state is AssetState.DELETED
