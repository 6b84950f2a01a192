"""Purge: everything goes, once, and nothing that is held or that another asset has too."""

from __future__ import annotations

import pytest

from filmgate.errors import Conflict, NotFound, TransientError
from filmgate.library.model import Asset, AssetState, AssetStatus
from filmgate.library.results import ResultState
from filmgate.pipeline.runs import Ending, end_running
from filmgate.review.holds import place_hold
from filmgate.review.purge import purge_due
from tests.memory import MemoryLibrary, MemoryObjects
from tests.unit.review.world import MADE, ONE, TWO, World, later


@pytest.fixture
def world() -> World:
    return World()


def always() -> bool:
    return True


def test_a_purged_asset_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = world.add("a.png"), world.add("b.png", TWO)
    world.match(one, other)
    world.objects.put("artifacts", f"comparisons/acme/{ONE}/e/1/job.json", b"x", "a/b")
    world.objects.put("raw", one.key, b"sent twice", "image/png")
    world.delete(one)
    later(monkeypatch)
    world.purge(one)
    with pytest.raises(NotFound):
        world.asset(one)
    assert world.library.results("acme", one.asset_id) == []
    assert world.library.match_ids_of("acme", one.asset_id, limit=9, cursor=None).items == []
    assert world.library.owners("acme", ONE) == []
    assert world.index.removed == [one.asset_id]
    assert world.objects.keys("raw") == [other.key]
    assert world.made_of(ONE) == set()
    assert world.made_of(TWO) == MADE
    assert world.objects.keys("artifacts", "comparisons/") == []
    assert world.actions() == ["asset.deleted", "asset.purged"]


def test_what_another_asset_has_too_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = world.add("a.png"), world.add("copy.png")
    world.delete(one)
    world.delete(other)
    later(monkeypatch)
    world.purge(one)
    assert world.made_of(ONE) == MADE
    world.purge(other)
    assert world.made_of(ONE) == set()


def test_content_that_comes_back_during_the_purge_is_run_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy begins to count on artifacts at the moment they are deleted."""
    one = world.add("a.png")
    world.delete(one)
    later(monkeypatch)

    class Meanwhile(MemoryObjects):
        copy: Asset | None = None

        def delete_prefix(self, bucket: str, prefix: str) -> None:
            self.copy = self.copy or world.add("copy.png")
            super().delete_prefix(bucket, prefix)

    objects = Meanwhile()
    objects.__dict__.update(world.objects.__dict__)
    world.objects = objects
    world.purge(one)
    assert objects.copy is not None
    assert world.analyzed(objects.copy).status is AssetStatus.PROCESSING
    assert len(world.workflows.started) == 1


def test_a_version_of_a_dropped_file_goes_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each version of a file that was dropped into the bucket is an asset of its own."""
    world.objects.put("raw", "raw/acme/dropped.png", b"1", "image/png")
    world.objects.put("raw", "raw/acme/dropped.png", b"2", "image/png")
    one = world.library.compare_and_set(
        world.add("a.png").changed(key="raw/acme/dropped.png", version_id="v1")
    )
    assert one is not None
    world.delete(one)
    later(monkeypatch)
    world.purge(one)
    assert world.objects.get("raw", "raw/acme/dropped.png") == b"2"
    with pytest.raises(NotFound):
        world.objects.size("raw", "raw/acme/dropped.png", "v1")


def test_nothing_is_purged_within_its_window(world: World) -> None:
    one = world.add("a.png")
    with pytest.raises(Conflict, match="not deleted"):
        world.purge(one)
    world.delete(one)
    with pytest.raises(Conflict, match="can be restored until"):
        world.purge(one)
    assert world.objects.keys("raw")
    assert world.actions() == ["asset.deleted"]


def test_a_hold_stops_the_purge(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = world.add("a.png")
    world.delete(one)
    hold = world.hold(one, "case 8")
    later(monkeypatch)
    assert purge_due(world.purging, "acme", actor="policy", enough_time=always) == 0
    with pytest.raises(Conflict, match="case 8"):
        world.purge(one)
    world.release(one, hold)
    assert purge_due(world.purging, "acme", actor="policy", enough_time=always) == 1


def test_a_hold_or_restore_that_comes_during_the_purge_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = world.add("a.png")
    world.delete(one)
    later(monkeypatch)
    world.index.failures = 1
    with pytest.raises(TransientError):
        world.purge(one)
    with pytest.raises(Conflict, match="permanently removed"):
        world.hold(one)
    with pytest.raises(Conflict, match="permanently removed"):
        world.restore(one)
    # The next purge completes it, and the log names it once.
    assert purge_due(world.purging, "acme", actor="policy", enough_time=always) == 1
    assert world.objects.keys("raw") == world.objects.keys("artifacts") == []
    assert world.actions() == ["asset.deleted", "asset.purged"]


def test_a_hold_that_comes_before_the_claim_keeps_everything(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = world.add("a.png")
    world.delete(one)
    later(monkeypatch)

    class Meanwhile(MemoryLibrary):
        placed = False

        def compare_and_set(self, asset: Asset) -> Asset | None:
            if not self.placed:
                self.placed = True
                place_hold(self, world.audit, "acme", one.asset_id, actor="k", reason="case 9")
            return super().compare_and_set(asset)

    with pytest.raises(Conflict):
        world.with_library(Meanwhile()).purge(one)
    assert world.objects.keys("raw") == [one.key]
    assert world.made_of(ONE) == MADE
    assert world.index.removed == []


@pytest.mark.parametrize("failing", ["delete_versions", "delete_prefix"])
def test_a_purge_that_was_interrupted_is_completed(
    world: World, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    one, other = world.add("a.png"), world.add("b.png", TWO)
    world.match(one, other)
    world.delete(one)
    later(monkeypatch)

    def down(*_: object, **__: object) -> None:
        raise TransientError("S3 does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(world.objects, failing, down)
        with pytest.raises(TransientError):
            world.purge(one)
    assert world.asset(one).purge_started_at is not None
    world.purge(one)
    assert world.objects.keys("raw") == [other.key]
    assert world.made_of(ONE) == set()
    assert world.library.match_ids_of("acme", other.asset_id, limit=9, cursor=None).items == []


def test_nothing_is_purged_while_a_job_works_on_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = world.add("a.png", done=False)
    world.delete(one)
    later(monkeypatch)
    with pytest.raises(Conflict, match="job"):
        world.purge(one)
    jobs = [
        world.library.job("acme", result.job_id)
        for result in world.library.results("acme", one.asset_id)
    ]
    end_running(world.library, jobs, Ending(ResultState.FAILED, "stuck", "It stopped."))
    world.purge(one)


def test_what_is_due_is_purged_while_there_is_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        world.delete(world.add(f"{number}.png", f"{number:064x}"))
    later(monkeypatch)
    budget = iter([True, True, False])
    purging = world.purging
    assert purge_due(purging, "acme", actor="policy", enough_time=lambda: next(budget)) == 2
    assert len(world.library.list_deleted("acme", limit=9, cursor=None).items) == 4
    assert purge_due(purging, "acme", actor="policy", enough_time=always) == 4


def test_the_same_file_can_come_again_after_its_purge(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = world.add("a.png")
    world.delete(one)
    later(monkeypatch)
    world.purge(one)
    again = world.add("a.png")
    assert again.asset_id == one.asset_id
    assert again.state is AssetState.STORED
