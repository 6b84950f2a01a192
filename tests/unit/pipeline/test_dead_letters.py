"""Uploads that were given up: what their assets say, and the ways back."""

from __future__ import annotations

from pathlib import Path

import pytest

from filmgate.library.model import AnalyzedAsset, AssetState, AssetStatus
from filmgate.pipeline.dead_letters import give_up
from filmgate.pipeline.ingest import Ingested, ingest
from filmgate.pipeline.uploads import Upload
from tests.unit.pipeline.flow import TENANT, Flow, picture


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(tmp_path)


def test_an_upload_given_up_fails_with_a_reason(flow: Flow) -> None:
    asset = flow.announce("a.jpg", picture(1))
    failed = give_up(flow.library, flow.put(asset.key, picture(1)))
    assert failed is not None
    assert failed.reason
    assert flow.library.asset(TENANT, asset.asset_id) == failed
    record = AnalyzedAsset(asset=failed)
    assert (record.status, record.reason_code) == (AssetStatus.FAILED, "not_processed")
    assert record.reason == failed.reason
    assert record.awaits_bytes


def test_a_dropped_file_that_nothing_knew_of_fails_too(flow: Flow) -> None:
    upload = Upload(f"raw/{TENANT}/folder/b.jpg", "v1")
    failed = give_up(flow.library, upload)
    assert failed is not None
    assert flow.library.asset(TENANT, failed.asset_id).state is AssetState.FAILED


@pytest.mark.parametrize("dropped", [False, True])
def test_the_same_upload_is_looked_at_once_it_is_moved_back(flow: Flow, dropped: bool) -> None:
    key = f"raw/{TENANT}/folder/c.jpg" if dropped else flow.announce("c.jpg", picture(3)).key
    upload = flow.put(key, picture(3))
    failed = give_up(flow.library, upload)
    assert failed is not None
    receipt = ingest(flow.ingesting, upload)
    assert receipt.ingested is Ingested.STARTED
    again = flow.library.asset(TENANT, failed.asset_id)
    assert (again.state, again.reason_code) == (AssetState.STORED, None)


def test_what_went_further_is_left_alone(flow: Flow) -> None:
    asset, _ = flow.upload("d.jpg", picture(4))
    running = flow.library.asset(TENANT, asset.asset_id)
    assert running.state is AssetState.STORED
    assert give_up(flow.library, Upload(asset.key, "another version")) is None
    assert flow.library.asset(TENANT, asset.asset_id) == running
    assert give_up(flow.library, Upload("elsewhere/d.jpg", "v1")) is None
