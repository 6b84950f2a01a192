"""An upload is refused with a reason or starts one workflow, whatever comes twice."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from filmgate.errors import TransientError
from filmgate.library.model import Asset, AssetStatus, JobStatus
from filmgate.media.limits import Limits
from filmgate.pipeline.receive import Received, receive
from filmgate.pipeline.uploads import Upload
from tests.memory import MemoryWorkflows
from tests.unit.pipeline.flow import TENANT, Flow, picture


@pytest.fixture
def flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flow:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Flow(tmp_path)


def only_asset(flow: Flow) -> Asset:
    (asset,) = flow.library.list_assets(TENANT, status=None, limit=9, cursor=None).items
    return asset


def test_a_good_file_starts_its_workflow(flow: Flow, tmp_path: Path) -> None:
    body = picture(1)
    asset, receipt = flow.upload("a/one.jpg", body)
    assert receipt.received is Received.STARTED
    assert asset.status is AssetStatus.PROCESSING
    assert asset.info is not None
    assert (asset.info.width, asset.size_bytes, asset.version_id) == (96, len(body), "v1")
    workflow, payload = flow.workflows.started[f"{asset.asset_id}-1"]
    assert workflow == "image"
    assert payload == {
        "tenant": TENANT,
        "asset_id": asset.asset_id,
        "job_id": f"{asset.asset_id}-1",
        "correlation_id": asset.asset_id,
    }
    assert flow.library.job(TENANT, f"{asset.asset_id}-1").status is JobStatus.RUNNING
    assert list(tmp_path.iterdir()) == [], "the temporary copy is gone"


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"", "empty"), (b"Dear all,\nthis is a letter.\n" * 9, "not_media")],
)
def test_what_is_no_media_is_refused(flow: Flow, tmp_path: Path, body: bytes, code: str) -> None:
    asset, receipt = flow.upload("film.mp4", body)
    assert receipt.received is Received.REFUSED
    assert (asset.status, asset.reason_code) == (AssetStatus.REFUSED, code)
    assert asset.reason
    assert asset.job_id is None
    assert flow.workflows.started == {}
    assert list(tmp_path.iterdir()) == []


def test_what_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    flow = Flow(tmp_path, Limits(max_file_bytes=100))
    flow.objects.download = None  # type: ignore[method-assign, assignment]
    asset, _ = flow.upload("one.jpg", picture(1))
    assert asset.reason_code == "too_large"


def test_other_bytes_than_announced_are_refused_and_may_be_sent_again(flow: Flow) -> None:
    body = picture(1)
    asset = flow.announce("one.jpg", body)
    receive(flow.receiving, flow.put(asset.key, picture(2)))
    refused = flow.library.asset(TENANT, asset.asset_id)
    assert refused.reason_code == "checksum_mismatch"
    assert refused.sha256 == asset.sha256
    receipt = receive(flow.receiving, flow.put(asset.key, body))
    assert receipt.received is Received.STARTED
    again = flow.library.asset(TENANT, asset.asset_id)
    assert (again.status, again.reason_code, again.version_id) == (
        AssetStatus.PROCESSING,
        None,
        "v2",
    )


def test_what_is_gone_is_recorded(flow: Flow) -> None:
    asset = flow.announce("one.jpg", picture(1))
    receive(flow.receiving, Upload(asset.key, "v1"))
    gone = flow.library.asset(TENANT, asset.asset_id)
    assert (gone.status, gone.reason_code) == (AssetStatus.REFUSED, "gone")


@pytest.mark.parametrize("key", ["raw/acme/", "raw/acme/folder/", "raw/BAD TENANT/a", "raw/a#b/x"])
def test_other_keys_are_ignored(flow: Flow, key: str) -> None:
    assert receive(flow.receiving, Upload(key, "v1")).received is Received.IGNORED


def test_a_dropped_file_gets_an_asset_for_each_version(flow: Flow) -> None:
    key = f"raw/{TENANT}/Ferien 2026/é ../b.jpg"
    first = receive(flow.receiving, flow.put(key, picture(1)))
    assert receive(flow.receiving, Upload(key, "v1")).asset_id == first.asset_id
    asset = only_asset(flow)
    assert (asset.path, asset.key, asset.sha256 is None) == ("Ferien 2026/é ../b.jpg", key, False)
    second = receive(flow.receiving, flow.put(key, picture(2)))
    assert second.asset_id != first.asset_id
    assert len(flow.workflows.started) == 2


def test_a_file_beside_an_announced_one_is_its_own_asset(flow: Flow) -> None:
    asset = flow.announce("one.jpg", picture(1))
    beside = receive(
        flow.receiving, flow.put(f"raw/{TENANT}/{asset.asset_id}/other.jpg", picture(2))
    )
    assert beside.asset_id != asset.asset_id
    assert flow.library.asset(TENANT, asset.asset_id).status is AssetStatus.WAITING


def test_the_same_event_twice_is_one_run(flow: Flow) -> None:
    asset, first = flow.upload("one.jpg", picture(1))
    again = receive(flow.receiving, Upload(asset.key, "v1"))
    assert again.job_id == first.job_id
    assert flow.library.asset(TENANT, asset.asset_id) == asset
    flow.run(asset)
    done = flow.library.asset(TENANT, asset.asset_id)
    assert receive(flow.receiving, Upload(asset.key, "v1")).received is Received.KNOWN
    assert flow.library.asset(TENANT, asset.asset_id) == done
    assert len(flow.workflows.started) == 1


def test_the_same_event_at_the_same_moment_is_one_run(flow: Flow) -> None:
    asset = flow.announce("one.jpg", picture(1))
    upload = flow.put(asset.key, picture(1))
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda _: receive(flow.receiving, upload), range(8)))
    assert {receipt.job_id for receipt in receipts} == {f"{asset.asset_id}-1"}
    assert list(flow.workflows.started) == [f"{asset.asset_id}-1"]


def test_the_same_file_sent_twice_is_one_run(flow: Flow) -> None:
    asset, _ = flow.upload("one.jpg", picture(1))
    second = flow.put(asset.key, picture(1))
    assert receive(flow.receiving, second).received is Received.KNOWN
    flow.run(asset)
    assert receive(flow.receiving, second).received is Received.KNOWN
    assert flow.library.asset(TENANT, asset.asset_id).status is AssetStatus.DONE


def test_a_start_that_failed_is_made_up_for(flow: Flow) -> None:
    class Down(MemoryWorkflows):
        def start(self, workflow: str, job_id: str, payload: dict[str, str]) -> None:
            raise TransientError("down")

    up, flow.workflows = flow.workflows, Down()
    asset = flow.announce("one.jpg", picture(1))
    upload = flow.put(asset.key, picture(1))
    with pytest.raises(TransientError):
        receive(flow.receiving, upload)
    flow.workflows = up
    assert receive(flow.receiving, upload).received is Received.STARTED
    assert list(up.started) == [f"{asset.asset_id}-1"]


def test_a_late_refusal_does_not_undo_a_newer_upload(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = picture(1)
    asset = flow.announce("one.jpg", body)
    wrong = flow.put(asset.key, picture(2))
    download = flow.objects.download

    def slow(*where: Any, **version: Any) -> str:
        """While the wrong bytes are read, the right ones arrive and begin."""
        monkeypatch.setattr(flow.objects, "download", download)
        assert receive(flow.receiving, flow.put(asset.key, body)).received is Received.STARTED
        return download(*where, **version)

    monkeypatch.setattr(flow.objects, "download", slow)
    assert receive(flow.receiving, wrong).received is Received.KNOWN
    kept = flow.library.asset(TENANT, asset.asset_id)
    assert (kept.status, kept.version_id) == (AssetStatus.PROCESSING, "v2")


def test_a_refusal_meanwhile_does_not_lose_a_good_upload(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the right bytes are read, those sent before them are refused."""
    body = picture(1)
    asset = flow.announce("one.jpg", body)
    wrong = flow.put(asset.key, picture(2))
    right = flow.put(asset.key, body)
    download = flow.objects.download

    def slow(*where: Any, **version: Any) -> str:
        monkeypatch.setattr(flow.objects, "download", download)
        assert receive(flow.receiving, wrong).received is Received.REFUSED
        return download(*where, **version)

    monkeypatch.setattr(flow.objects, "download", slow)
    assert receive(flow.receiving, right).received is Received.STARTED
    kept = flow.library.asset(TENANT, asset.asset_id)
    assert (kept.status, kept.version_id) == (AssetStatus.PROCESSING, "v2")
    assert (kept.reason_code, kept.sha256) == (None, asset.sha256)


def test_an_upload_read_before_others_ran_takes_the_next_number(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is read, the same content runs and fails: its own run is the third."""
    asset, _ = flow.upload("one.jpg", picture(1))
    state = flow.state(asset).model_dump()
    flow.finish(state | {"outcome": "failed"})
    again = flow.put(asset.key, picture(1))
    download = flow.objects.download

    def slow(*where: Any, **version: Any) -> str:
        monkeypatch.setattr(flow.objects, "download", download)
        late = flow.put(asset.key, picture(1))
        assert receive(flow.receiving, late).job_id == f"{asset.asset_id}-2"
        second = flow.library.asset(TENANT, asset.asset_id)
        flow.finish(flow.state(second).model_dump() | {"outcome": "failed"})
        return download(*where, **version)

    monkeypatch.setattr(flow.objects, "download", slow)
    assert receive(flow.receiving, again).job_id == f"{asset.asset_id}-3"
    assert len(flow.workflows.started) == 3
