"""An upload is refused with a reason or starts one run, whatever comes twice."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from filmgate.dedupe.engine import SPEC
from filmgate.engines import registry
from filmgate.engines.spec import EngineSpec
from filmgate.errors import TransientError
from filmgate.library.jobs import JobState
from filmgate.library.model import Asset, AssetState, AssetStatus
from filmgate.media.limits import Limits
from filmgate.media.model import MediaKind
from filmgate.pipeline.ingest import Ingested, ingest
from filmgate.pipeline.uploads import Upload
from tests.memory import MemoryWorkflows
from tests.unit.pipeline.flow import TENANT, Flow, picture


@pytest.fixture
def flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flow:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Flow(tmp_path)


class Down(MemoryWorkflows):
    """Step Functions while it does not answer."""

    def start(self, workflow: str, run_id: str, payload: Mapping[str, JsonValue]) -> None:
        raise TransientError("down")


def only_asset(flow: Flow) -> Asset:
    (record,) = flow.library.list_analyzed(TENANT, status=None, limit=9, cursor=None).items
    return record.asset


def status(flow: Flow, asset: Asset) -> AssetStatus:
    return flow.record(asset).status


def jobs(flow: Flow) -> list[JobState]:
    return [job.state for job in flow.library.list_jobs(TENANT, limit=99, cursor=None).items]


def test_a_good_file_starts_its_run(flow: Flow, tmp_path: Path) -> None:
    body = picture(1)
    asset, receipt = flow.upload("a/one.jpg", body)
    assert receipt.ingested is Ingested.STARTED
    assert (asset.state, status(flow, asset)) == (AssetState.STORED, AssetStatus.PROCESSING)
    assert asset.info is not None
    assert (asset.info.width, asset.size_bytes, asset.version_id) == (96, len(body), "v1")
    job = flow.job(asset)
    workflow, payload = flow.workflows.started[str(receipt.run_id)]
    assert workflow == job.workflow == "express"
    run = {
        "tenant": TENANT,
        "asset_id": asset.asset_id,
        "run_id": receipt.run_id,
        "correlation_id": asset.asset_id,
    }
    work: dict[str, JsonValue] = {
        **run,
        "job_id": job.job_id,
        "capability": "dedupe",
        "engine": SPEC.reference,
        "runner": "dedupe",
        "artifacts": {},
    }
    assert payload == {**run, "work": [work]}
    assert (job.state, job.attempt, job.run_id) == (JobState.RUNNING, 1, receipt.run_id)
    assert list(tmp_path.iterdir()) == [], "the temporary copy is gone"


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"", "empty"), (b"Dear all,\nthis is a letter.\n" * 9, "not_media")],
)
def test_a_file_without_media_is_refused(
    flow: Flow, tmp_path: Path, body: bytes, code: str
) -> None:
    asset, receipt = flow.upload("film.mp4", body)
    assert (receipt.ingested, receipt.reason_code) == (Ingested.REFUSED, code)
    assert (asset.state, asset.reason_code) == (AssetState.REFUSED, code)
    assert asset.reason
    record = flow.record(asset)
    assert (record.status, record.results) == (AssetStatus.REFUSED, ())
    assert flow.workflows.started == {}
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    flow = Flow(tmp_path, Limits(max_file_bytes=100))
    flow.objects.download = None  # type: ignore[method-assign, assignment]
    asset, _ = flow.upload("one.jpg", picture(1))
    assert asset.reason_code == "too_large"


def test_a_kind_that_no_engine_takes_is_refused(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = SPEC.model_copy(update={"accepts": frozenset({MediaKind.VIDEO})})
    monkeypatch.setattr(registry, "specs", lambda: (films,))
    asset, receipt = flow.upload("one.jpg", picture(1))
    assert receipt.ingested is Ingested.REFUSED
    assert (asset.reason_code, asset.reason) == (
        "not_supported",
        "No engine accepts image files.",
    )


@pytest.mark.parametrize(
    ("slow", "workflow"), [((), "express"), (("shots",), "standard"), (("a", "b"), "standard")]
)
def test_express_is_for_pictures_whose_engines_are_all_quick(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, slow: tuple[str, ...], workflow: str
) -> None:
    more = [EngineSpec(capability=name, name=name, version="1", express=False) for name in slow]
    monkeypatch.setattr(registry, "specs", lambda: (SPEC, *more))
    _, receipt = flow.upload("one.jpg", picture(1))
    assert flow.workflows.started[str(receipt.run_id)][0] == workflow


def test_other_bytes_than_announced_are_refused_and_may_be_sent_again(flow: Flow) -> None:
    body = picture(1)
    asset = flow.announce("one.jpg", body)
    ingest(flow.ingesting, flow.put(asset.key, picture(2)))
    refused = flow.library.asset(TENANT, asset.asset_id)
    assert refused.reason_code == "checksum_mismatch"
    assert refused.sha256 == asset.sha256
    receipt = ingest(flow.ingesting, flow.put(asset.key, body))
    assert receipt.ingested is Ingested.STARTED
    again = flow.library.asset(TENANT, asset.asset_id)
    assert (again.state, again.reason_code, again.version_id) == (AssetState.STORED, None, "v2")


def test_a_file_that_is_gone_is_recorded(flow: Flow) -> None:
    asset = flow.announce("one.jpg", picture(1))
    ingest(flow.ingesting, Upload(asset.key, "v1"))
    gone = flow.library.asset(TENANT, asset.asset_id)
    assert (gone.state, gone.reason_code) == (AssetState.REFUSED, "gone")


@pytest.mark.parametrize("key", ["raw/acme/", "raw/acme/folder/", "raw/BAD TENANT/a", "raw/a#b/x"])
def test_other_keys_are_ignored(flow: Flow, key: str) -> None:
    assert ingest(flow.ingesting, Upload(key, "v1")).ingested is Ingested.IGNORED


def test_a_dropped_file_gets_an_asset_for_each_version(flow: Flow) -> None:
    key = f"raw/{TENANT}/Ferien 2026/é ../b.jpg"
    first = ingest(flow.ingesting, flow.put(key, picture(1)))
    assert ingest(flow.ingesting, Upload(key, "v1")).asset_id == first.asset_id
    asset = only_asset(flow)
    assert (asset.path, asset.key, asset.sha256 is None) == ("Ferien 2026/é ../b.jpg", key, False)
    second = ingest(flow.ingesting, flow.put(key, picture(2)))
    assert second.asset_id != first.asset_id
    assert len(flow.workflows.started) == 2


def test_a_file_beside_an_announced_one_is_its_own_asset(flow: Flow) -> None:
    asset = flow.announce("one.jpg", picture(1))
    beside = ingest(
        flow.ingesting, flow.put(f"raw/{TENANT}/{asset.asset_id}/other.jpg", picture(2))
    )
    assert beside.asset_id != asset.asset_id
    assert status(flow, asset) is AssetStatus.WAITING


def test_the_same_event_twice_is_one_run(flow: Flow) -> None:
    asset, first = flow.upload("one.jpg", picture(1))
    again = ingest(flow.ingesting, Upload(asset.key, "v1"))
    assert again.run_id == first.run_id
    assert flow.library.asset(TENANT, asset.asset_id) == asset
    done = flow.run(asset)
    assert done.status is AssetStatus.DONE
    assert ingest(flow.ingesting, Upload(asset.key, "v1")).ingested is Ingested.KNOWN
    assert flow.record(asset) == done
    assert len(flow.workflows.started) == 1


def test_the_same_event_at_the_same_moment_is_one_run(flow: Flow) -> None:
    asset = flow.announce("one.jpg", picture(1))
    upload = flow.put(asset.key, picture(1))
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda _: ingest(flow.ingesting, upload), range(8)))
    assert [receipt.run_id for receipt in receipts] == [flow.job(asset).run_id] * 8
    assert list(flow.workflows.started) == [flow.job(asset).run_id]
    assert jobs(flow) == [JobState.RUNNING]


def test_the_same_file_sent_twice_is_one_run(flow: Flow) -> None:
    asset, _ = flow.upload("one.jpg", picture(1))
    second = flow.put(asset.key, picture(1))
    assert ingest(flow.ingesting, second).ingested is Ingested.KNOWN
    flow.run(asset)
    assert ingest(flow.ingesting, second).ingested is Ingested.KNOWN
    assert status(flow, asset) is AssetStatus.DONE


def test_a_start_that_failed_is_repaired_by_the_redelivery(flow: Flow) -> None:
    """The worker stored the run and could not start its workflow, or died before it."""
    up, flow.workflows = flow.workflows, Down()
    asset = flow.announce("one.jpg", picture(1))
    upload = flow.put(asset.key, picture(1))
    with pytest.raises(TransientError):
        ingest(flow.ingesting, upload)
    assert (status(flow, asset), up.started) == (AssetStatus.PROCESSING, {})
    flow.workflows = up
    receipt = ingest(flow.ingesting, upload)
    assert receipt.ingested is Ingested.STARTED
    assert list(up.started) == [receipt.run_id] == [flow.job(asset).run_id]
    assert jobs(flow) == [JobState.RUNNING]
    assert flow.run(asset).status is AssetStatus.DONE


def test_a_redelivery_starts_every_run_that_was_not(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs of two runs stay apart: each is worked on once."""
    shots = EngineSpec(capability="shots", name="shots", version="1")
    monkeypatch.setattr(registry, "specs", lambda: (SPEC, shots))
    asset, first = flow.upload("one.jpg", picture(1))
    flow.fail([job for job in flow.state(asset).work if job.capability == "shots"])
    second = flow.again(asset, "shots")
    flow.workflows.started.clear()
    receipt = ingest(flow.ingesting, Upload(asset.key, "v1"))
    assert receipt.run_id == first.run_id
    assert {
        run_id: [work["capability"] for work in payload["work"]]  # type: ignore[call-overload,index,union-attr]
        for run_id, (_, payload) in flow.workflows.started.items()
    } == {first.run_id: ["dedupe"], second.run_id: ["shots"]}


def test_a_redelivery_leaves_jobs_of_engines_that_are_gone(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing that could run them, and the message must not fail for it."""
    asset, _ = flow.upload("one.jpg", picture(1))
    newer = SPEC.model_copy(update={"version": "99"})
    monkeypatch.setattr(registry, "specs", lambda: (newer,))
    flow.workflows.started.clear()
    assert ingest(flow.ingesting, Upload(asset.key, "v1")).ingested is Ingested.KNOWN
    assert flow.workflows.started == {}


def test_a_late_refusal_does_not_undo_a_newer_upload(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the wrong bytes are read, the right ones arrive and begin."""
    body = picture(1)
    asset = flow.announce("one.jpg", body)
    wrong = flow.put(asset.key, picture(2))

    def meanwhile() -> None:
        receipt = ingest(flow.ingesting, flow.put(asset.key, body))
        assert receipt.ingested is Ingested.STARTED

    while_it_is_read(flow, monkeypatch, meanwhile)
    assert ingest(flow.ingesting, wrong).ingested is Ingested.KNOWN
    kept = flow.library.asset(TENANT, asset.asset_id)
    assert (kept.state, kept.version_id) == (AssetState.STORED, "v2")
    assert status(flow, asset) is AssetStatus.PROCESSING


def test_a_refusal_meanwhile_does_not_lose_a_good_upload(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the right bytes are read, those sent before them are refused."""
    body = picture(1)
    asset = flow.announce("one.jpg", body)
    wrong = flow.put(asset.key, picture(2))
    right = flow.put(asset.key, body)

    def meanwhile() -> None:
        assert ingest(flow.ingesting, wrong).ingested is Ingested.REFUSED

    while_it_is_read(flow, monkeypatch, meanwhile)
    assert ingest(flow.ingesting, right).ingested is Ingested.STARTED
    kept = flow.library.asset(TENANT, asset.asset_id)
    assert (kept.state, kept.version_id) == (AssetState.STORED, "v2")
    assert (kept.reason_code, kept.sha256) == (None, asset.sha256)


@pytest.mark.parametrize("bytes_too", [True, False])
def test_what_is_stored_is_not_lost_by_a_bad_upload_after_it(flow: Flow, bytes_too: bool) -> None:
    """A form for an upload is good for an hour, and may be used again after a run failed."""
    asset, _ = flow.upload("one.jpg", picture(1))
    flow.fail(flow.state(asset).work)
    stored = flow.library.asset(TENANT, asset.asset_id)
    late = flow.put(asset.key, picture(2)) if bytes_too else Upload(asset.key, "gone")
    assert ingest(flow.ingesting, late).ingested is Ingested.KNOWN
    assert flow.library.asset(TENANT, asset.asset_id) == stored
    flow.again(asset)
    assert flow.run(asset).status is AssetStatus.DONE


def test_a_failed_run_gets_another_chance_with_a_new_upload(flow: Flow) -> None:
    asset, first = flow.upload("one.jpg", picture(1))
    flow.fail(flow.state(asset).work)
    assert ingest(flow.ingesting, Upload(asset.key, "v1")).ingested is Ingested.KNOWN
    again = ingest(flow.ingesting, flow.put(asset.key, picture(1)))
    assert again.ingested is Ingested.STARTED
    assert again.run_id != first.run_id
    assert (flow.job(asset).attempt, flow.result(asset).attempt) == (2, 2)
    assert flow.result(asset).reason is None
    assert flow.run(asset).status is AssetStatus.DONE


def test_an_upload_read_before_others_ran_is_the_next_attempt(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is read, the same content runs and fails: its own run is the third."""
    asset, _ = flow.upload("one.jpg", picture(1))
    flow.fail(flow.state(asset).work)
    again = flow.put(asset.key, picture(1))

    def meanwhile() -> None:
        late = flow.put(asset.key, picture(1))
        assert ingest(flow.ingesting, late).ingested is Ingested.STARTED
        assert flow.job(asset).attempt == 2
        flow.fail(flow.state(asset).work)

    while_it_is_read(flow, monkeypatch, meanwhile)
    assert ingest(flow.ingesting, again).ingested is Ingested.STARTED
    assert flow.job(asset).attempt == 3
    assert len(flow.workflows.started) == 3


def test_a_record_that_others_change_all_the_time_is_tried_later(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = flow.announce("one.jpg", picture(1))
    upload = flow.put(asset.key, picture(1))
    monkeypatch.setattr(flow.library, "begin", lambda *_: False)
    with pytest.raises(TransientError):
        ingest(flow.ingesting, upload)
    assert flow.workflows.started == {}


def while_it_is_read(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None]
) -> None:
    """Let something happen while the next file is downloaded."""
    download = flow.objects.download

    def slow(*where: Any, **version: Any) -> str:
        monkeypatch.setattr(flow.objects, "download", download)
        meanwhile()
        return download(*where, **version)

    monkeypatch.setattr(flow.objects, "download", slow)
