"""Retention: what is older than the policy says goes, kind by kind, and nothing else."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from filmgate.errors import Conflict, TransientError
from filmgate.library.model import Asset, AssetStatus, DataKind
from filmgate.pipeline.artifacts import kind_of
from filmgate.review.holds import place_hold
from filmgate.review.policy import TenantPolicy, policy_of, set_policy
from filmgate.review.retention import enforce, sweep
from tests.memory import MemoryLibrary
from tests.unit.review.world import MADE, ONE, TWO, World, later

RAW = TenantPolicy(raw=30)
DERIVED = TenantPolicy(frames=30, fingerprints=30, findings=30, outputs=30)


@pytest.fixture
def world() -> World:
    return World()


def always() -> bool:
    return True


def run(world: World, policy: TenantPolicy) -> int:
    return sweep(world.purging, "acme", policy, enough_time=always)


@pytest.mark.parametrize("days", [0, -1, 36501, 1.5, "many", True])
def test_a_policy_has_whole_days_or_none(days: object) -> None:
    with pytest.raises(ValidationError):
        TenantPolicy.model_validate({"raw": days})


def test_a_policy_is_stored_with_its_change_in_the_log(world: World) -> None:
    assert policy_of(world.objects, "acme") == TenantPolicy()
    assert policy_of(world.objects, "acme").keeps_everything
    set_policy(world.objects, world.audit, "acme", RAW, actor="key1")
    assert policy_of(world.objects, "acme") == RAW
    assert policy_of(world.objects, "rival") == TenantPolicy()
    (event,) = world.audit.events("acme", limit=9, cursor=None).items
    assert event.actor == "key1"
    assert event.details["after"]["raw"] == 30  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("artifacts/t/s/fingerprint/e/1/fingerprint.npz", DataKind.FINGERPRINTS),
        ("artifacts/t/s/fingerprint/e/1/pdq.json", DataKind.FINGERPRINTS),
        ("artifacts/t/s/fingerprint/e/1/tiles.jpg", DataKind.FRAMES),
        ("artifacts/t/s/frames/e/1/0001.jpg", DataKind.FRAMES),
        ("artifacts/t/s/sound16k/1/sound.opus", DataKind.SOUND),
        ("artifacts/t/s/embeddings/e/1/v.npz", DataKind.EMBEDDINGS),
        ("artifacts/t/s/logos/e/1/findings.json", DataKind.FINDINGS),
        ("artifacts/t/s/logos/e/1/heat.png", DataKind.OUTPUTS),
        ("comparisons/t/s/e/1/job.json", DataKind.FINGERPRINTS),
    ],
)
def test_every_key_has_a_kind(key: str, kind: DataKind) -> None:
    assert kind_of(key) is kind


def test_bytes_go_and_the_answers_stay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = world.add("a.png")
    later(monkeypatch, 31)
    assert run(world, RAW) == 1
    assert world.objects.keys("raw") == []
    assert world.made_of(ONE) == MADE
    record = world.analyzed(one)
    assert record.asset.bytes_gone
    assert record.asset.removing == ()
    assert record.status is AssetStatus.DONE
    (event,) = world.audit.events("acme", limit=9, cursor=None).items
    assert (event.action, event.subject) == ("data.removed", one.asset_id)
    assert event.details == {"kind": "raw", "days": 30}
    later(monkeypatch, 33)
    assert run(world, RAW) == 0, "what is gone is gone"
    assert world.actions() == ["data.removed"]


def test_each_kind_goes_by_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = world.add("a.png")
    later(monkeypatch, 31)
    assert run(world, DERIVED.model_copy(update={"outputs": 60, "findings": None})) == 2
    assert world.made_of(ONE) == {"dedupe/d/1/findings.json", "dedupe/d/1/report.json"}
    assert world.index.removed == [one.asset_id], "no search finds it by what is gone"
    assert world.objects.keys("raw") == [one.key]
    assert world.actions() == ["data.removed"] * 2


def test_nothing_is_removed_early(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.add("a.png")
    later(monkeypatch, 29)
    assert run(world, DERIVED) == 0
    assert world.made_of(ONE) == MADE
    assert world.actions() == []


def test_what_a_later_run_makes_counts_as_new(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = world.add("a.png")
    later(monkeypatch, 31)
    assert run(world, DERIVED) == 4
    later(monkeypatch, 40)
    world.run(world.asset(one))
    assert run(world, DERIVED) == 0
    assert world.made_of(ONE) == MADE
    later(monkeypatch, 71)
    assert run(world, DERIVED) == 4
    assert world.made_of(ONE) == set()


def test_nothing_held_or_worked_on_is_touched(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, busy = world.add("a.png"), world.add("b.png", TWO, done=False)
    hold = world.hold(held)
    later(monkeypatch, 31)
    both = RAW.model_copy(update={"fingerprints": 1})
    assert run(world, both) == 0
    assert set(world.objects.keys("raw")) == {held.key, busy.key}
    world.release(world.asset(held), hold)
    later(monkeypatch, 33)
    assert run(world, both) == 2
    assert world.objects.keys("raw") == [busy.key]


def test_what_another_asset_keeps_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one, copy = world.add("a.png"), world.add("copy.png")
    hold = world.hold(copy)
    later(monkeypatch, 31)
    assert run(world, DERIVED) == 0
    assert world.made_of(ONE) == MADE
    world.release(world.asset(copy), hold)
    later(monkeypatch, 33)
    assert run(world, DERIVED) == 4, "once, though two assets have it"
    assert world.made_of(ONE) == set()
    assert set(world.index.removed) == {one.asset_id, copy.asset_id}


def test_a_hold_that_comes_before_the_claim_keeps_everything(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = world.add("a.png")
    later(monkeypatch, 31)

    class Meanwhile(MemoryLibrary):
        placed = False

        def compare_and_set(self, asset: Asset) -> Asset | None:
            if not self.placed:
                self.placed = True
                place_hold(self, world.audit, "acme", one.asset_id, actor="k", reason="case 9")
            return super().compare_and_set(asset)

    seen = world.with_library(Meanwhile())
    assert enforce(seen.purging, RAW, world.analyzed(one)) == ()
    assert world.objects.keys("raw") == [one.key]
    assert not world.asset(one).bytes_gone
    assert world.actions() == ["data.removed", "hold.placed", "data.removed.failed"]


def test_a_removal_that_was_interrupted_is_completed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = world.add("a.png")
    later(monkeypatch, 31)

    def down(*_: object, **__: object) -> None:
        raise TransientError("S3 does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(world.objects, "delete_versions", down)
        with pytest.raises(TransientError):
            run(world, RAW)
    assert world.asset(one).removing == (DataKind.RAW,)
    with pytest.raises(Conflict, match="raw"):
        world.hold(one)
    run(world, RAW)
    assert world.objects.keys("raw") == []
    assert world.asset(one).removing == ()
    world.hold(one)
    assert world.actions() == ["data.removed", "hold.placed"]


def test_a_sweep_goes_on_where_it_stopped_and_begins_once_a_day(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filmgate.review.retention._PAGE", 2)
    for number in range(5):
        world.add(f"{number}.png", f"{number:064x}")
    later(monkeypatch, 31)
    budget = iter([True] * 4 + [False] * 9)
    first = sweep(world.purging, "acme", RAW, enough_time=lambda: next(budget))
    assert first == 2, "a page and the check before the next"
    assert run(world, RAW) == 3
    world.add("late.png", "f" * 64)
    assert run(world, RAW) == 0, "today's is done"
    later(monkeypatch, 33)
    assert run(world, RAW) == 1


def test_another_policy_begins_another_sweep(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.add("a.png")
    later(monkeypatch, 31)
    assert run(world, TenantPolicy(raw=60)) == 0
    assert run(world, RAW) == 1


def test_without_a_policy_nothing_is_read(world: World) -> None:
    assert run(world, TenantPolicy()) == 0
    assert world.objects.keys("artifacts", "settings/") == []
