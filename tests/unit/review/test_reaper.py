"""The reaper: what nobody will end any more is ended, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from filmgate.clock import now
from filmgate.library.jobs import JobState
from filmgate.library.model import Asset, AssetState, AssetStatus
from filmgate.review.reaper import end_stuck, remove_forgotten
from tests.unit.review.world import TWO, World, later


@pytest.fixture
def world() -> World:
    return World()


def always() -> bool:
    return True


def as_standard(world: World, asset: Asset) -> None:
    """Its jobs are those of a Standard workflow."""
    for result in world.library.results("acme", asset.asset_id):
        job = world.library.job("acme", result.job_id)
        world.library.save(job.model_copy(update={"workflow": "standard"}))


@pytest.mark.parametrize(
    ("workflow", "minutes", "ends"),
    [("express", 9, 0), ("express", 11, 1), ("standard", 239, 0), ("standard", 241, 1)],
)
def test_a_job_that_outlived_its_workflow_ends_as_failed(
    world: World, monkeypatch: pytest.MonkeyPatch, workflow: str, minutes: int, ends: int
) -> None:
    one = world.add("a.png", done=False)
    if workflow == "standard":
        as_standard(world, one)
    later(monkeypatch, minutes / 1440)
    assert end_stuck(world.reaping, "acme", enough_time=always) == ends
    record = world.analyzed(one)
    assert (record.status is AssetStatus.FAILED) == bool(ends)
    if ends:
        assert record.reason_code == "stuck"
        assert "Run it again" in str(record.reason)
        job = world.library.job("acme", record.results[0].job_id)
        assert job.state is JobState.FAILED
    assert end_stuck(world.reaping, "acme", enough_time=always) == 0


def test_a_job_whose_execution_goes_on_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = world.add("a.png", done=False)
    as_standard(world, one)
    job = world.library.job("acme", world.analyzed(one).results[0].job_id)
    world.workflows.alive.add(job.run_id)
    later(monkeypatch, 1)
    assert end_stuck(world.reaping, "acme", enough_time=always) == 0


def test_only_so_much_is_done_as_there_is_time_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        world.add(f"{number}.png", f"{number:064x}", done=False)
    later(monkeypatch, 1)
    budget = iter([True, True, False])
    assert end_stuck(world.reaping, "acme", enough_time=lambda: next(budget)) == 2
    assert end_stuck(world.reaping, "acme", enough_time=always) == 3


def announced(world: World, name: str, days: float) -> Asset:
    moment = now() - timedelta(days=days)
    return world.library.create(
        Asset(
            tenant="acme",
            asset_id=name,
            path=f"{name}.png",
            key=f"raw/acme/{name}/{name}.png",
            state=AssetState.WAITING,
            created_at=moment,
            updated_at=moment,
            sha256=TWO,
        )
    )


def test_an_asset_whose_bytes_never_came_is_removed_and_that_is_recorded(world: World) -> None:
    announced(world, "old", 7.5)
    announced(world, "fresh", 6.5)
    assert remove_forgotten(world.reaping, "acme", enough_time=always) == 1
    assert [asset.asset_id for asset in world.library.assets("acme", ["old", "fresh"])] == ["fresh"]
    assert world.actions() == ["asset.forgotten"]


def test_an_asset_with_bytes_answers_or_a_hold_is_not_forgotten(world: World) -> None:
    arrived = announced(world, "arrived", 9)
    world.objects.put("raw", arrived.key, b"x", "image/png")
    world.hold(announced(world, "held", 9))
    held = world.library.asset("acme", "held")
    world.library.save(held.model_copy(update={"updated_at": now() - timedelta(days=9)}))
    known = world.add("known.png")
    moment = now() - timedelta(days=9)
    world.library.save(
        known.model_copy(
            update={"state": AssetState.WAITING, "updated_at": moment, "key": "raw/acme/no/x"}
        )
    )
    assert remove_forgotten(world.reaping, "acme", enough_time=always) == 0
    assert len(world.library.assets("acme", ["arrived", "held", known.asset_id])) == 3
