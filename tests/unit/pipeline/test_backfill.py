"""A library is brought up to date: nothing twice, nothing forgotten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from filmgate.engines import registry
from filmgate.engines.spec import EngineSpec
from filmgate.library.jobs import JobState
from filmgate.library.model import AssetState
from filmgate.library.results import ResultState
from filmgate.pipeline.backfill import BackfillDeps, BackfillItem, BackfillOrder, begin, list_assets
from tests.unit.pipeline.flow import TENANT, Flow, picture


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(tmp_path)


def raised(monkeypatch: pytest.MonkeyPatch) -> EngineSpec:
    """As if the dedupe engine's version had been raised now."""
    (old,) = (spec for spec in registry.specs() if spec.capability == "dedupe")
    new = old.model_copy(update={"version": "99.9"})
    monkeypatch.setattr(registry, "specs", lambda: (new,))
    return new


def listed(flow: Flow, **order: object) -> list[BackfillItem]:
    given = BackfillOrder(tenant=TENANT, backfill_id="b1", **order)
    listing = list_assets(BackfillDeps(flow.library, flow.objects), given)
    items = json.loads(flow.objects.get("artifacts", listing.key))
    assert len(items) == listing.count
    return [BackfillItem.model_validate(item) for item in items]


def test_a_library_that_is_up_to_date_has_nothing_to_run(flow: Flow) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    flow.run(asset)
    assert listed(flow) == []
    (item,) = listed(flow, everything=True)
    assert (item.asset_id, item.want) == (asset.asset_id, ("dedupe",))


def test_after_a_new_version_every_readable_file_is_listed(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, _ = flow.upload("a.jpg", picture(1))
    refused, _ = flow.upload("text.jpg", b"no picture at all")
    waiting = flow.announce("later.jpg", b"later")
    gone, _ = flow.upload("gone.jpg", picture(2))
    deleted = flow.library.compare_and_set(gone.changed(state=AssetState.DELETED))
    assert deleted is not None
    raised(monkeypatch)
    ids = {item.asset_id for item in listed(flow)}
    assert ids == {done.asset_id}
    assert not ids & {refused.asset_id, waiting.asset_id, gone.asset_id}


def test_what_failed_is_listed_again(flow: Flow) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    flow.run(asset)
    (result,) = flow.library.results(TENANT, asset.asset_id)
    flow.library.save(result.changed(state=ResultState.FAILED))
    assert [item.asset_id for item in listed(flow)] == [asset.asset_id]
    flow.library.save(result.changed(state=ResultState.REFUSED))
    assert listed(flow) == []


def test_a_run_of_the_new_version_stands_beside_the_old_result(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    old = flow.result(asset).engine
    newer = raised(monkeypatch)
    (item,) = listed(flow)
    deps = BackfillDeps(flow.library, flow.objects)
    # The upload's own run has not ended yet.
    assert begin(deps, item, "b1") is None
    flow.library.save(flow.result(asset).changed(state=ResultState.DONE))
    run = begin(deps, item, "b1")
    assert run is not None
    assert [job.engine for job in run.work] == [newer.reference]
    job = flow.library.job(TENANT, run.work[0].job_id)
    assert (job.state, job.workflow) == (JobState.RUNNING, "standard")
    engines = {result.engine for result in flow.library.results(TENANT, asset.asset_id)}
    assert engines == {old, newer.reference}
    assert begin(deps, item, "b1") is None


def test_an_asset_that_is_gone_or_deleted_since_is_left_alone(flow: Flow) -> None:
    deps = BackfillDeps(flow.library, flow.objects)
    missing = BackfillItem(tenant=TENANT, asset_id="0" * 26, want=("dedupe",))
    assert begin(deps, missing, "b1") is None
    asset, _ = flow.upload("a.jpg", picture(1))
    flow.run(asset)
    current = flow.library.asset(TENANT, asset.asset_id)
    assert flow.library.compare_and_set(current.changed(state=AssetState.DELETED))
    item = BackfillItem(tenant=TENANT, asset_id=asset.asset_id, want=("dedupe",))
    assert begin(deps, item, "b1") is None


def test_an_unknown_capability_is_named(flow: Flow) -> None:
    with pytest.raises(ValueError, match="no capability poetry"):
        listed(flow, want=("poetry",))
