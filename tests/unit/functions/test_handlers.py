"""The workers' handlers, with one event of each shape they get."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import ValidationError

from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.index.settings import IndexSettings
from filmgate.dedupe.matching.settings import DecisionSettings
from filmgate.errors import TransientError
from filmgate.library.jobs import JobState
from filmgate.library.model import AssetState, AssetStatus
from filmgate.media.settings import LimitSettings
from filmgate.pipeline.backfill import BackfillDeps
from filmgate.settings import MatchTableSettings
from tests.memory import MemoryDeltaStore, MemorySegmentStore
from tests.unit.functions.context import Context
from tests.unit.pipeline.flow import TENANT, Flow, picture

CHECKOUT = Path(__file__).resolve().parents[3]


class Queue:
    """A queue's port, which keeps what it was asked for."""

    def __init__(self, *, down: bool = False) -> None:
        self.down = down
        self.sent: list[str] = []
        self.attributes: list[dict[str, str]] = []
        self.hidden: list[tuple[str, int]] = []

    def send(self, body: str, attributes: dict[str, str]) -> None:
        if self.down:
            raise TransientError("SQS did not answer")
        self.sent.append(body)
        self.attributes.append(attributes)

    def hide(self, receipt_handle: str, seconds: int) -> None:
        if self.down:
            raise TransientError("SQS did not answer")
        self.hidden.append((receipt_handle, seconds))


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(tmp_path)


def module(name: str) -> ModuleType:
    return importlib.import_module(f"functions.{name}.handler")


def event(function: str, name: str = "event") -> dict[str, Any]:
    file = CHECKOUT / "functions" / function / f"{name}.json"
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def object_created(key: str, version_id: str) -> str:
    """The body of a message about an object."""
    found = json.loads((CHECKOUT / "events" / "object_created.json").read_text("utf-8"))
    found["detail"]["object"] |= {"key": key, "version-id": version_id}
    return json.dumps(found)


def emitted(output: str) -> dict[str, Any]:
    """All metrics in the log lines, name to value."""
    found: dict[str, Any] = {}
    for line in output.splitlines():
        body = json.loads(line)
        for group in body.get("_aws", {}).get("CloudWatchMetrics", []):
            found |= {metric["Name"]: body[metric["Name"]] for metric in group["Metrics"]}
    return found


def test_ingest_gets_the_key_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    ingest, seen = module("ingest"), []

    def once(upload: dict[str, Any]) -> None:
        ingest.metrics.add_metric("UploadsStarted", "Count", 1)
        seen.append(upload)

    monkeypatch.setattr(ingest, "_ingest", lambda: once)
    assert ingest.handler(event("ingest"), Context()) == {"batchItemFailures": []}
    (upload,) = seen
    assert upload["key"].endswith("/holiday in Rome.mp4")
    assert upload["version_id"] == "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"


def test_a_bad_message_fails_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    batch = event("ingest")
    good = batch["Records"][0]
    bodies = ["not json", "{}", '{"detail": {}}', good["body"], good["body"].replace("Rome", "Ro")]
    batch["Records"] = [
        deepcopy(good) | {"messageId": f"m{i}", "body": body} for i, body in enumerate(bodies)
    ]
    seen = []

    def receive(upload: dict[str, Any]) -> None:
        if "Rome" in upload["key"]:
            raise TransientError("S3 did not answer")
        seen.append(upload)

    ingest, queue = module("ingest"), Queue()
    monkeypatch.setattr(ingest, "_ingest", lambda: receive)
    monkeypatch.setattr(ingest, "_queue", lambda: queue)
    answer = ingest.handler(batch, Context())
    failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    assert failed == ["m0", "m1", "m2", "m3"]
    assert len(seen) == 1
    assert len(queue.hidden) == 4
    faults = [record.fault[0] for record in caplog.records if record.msg == "a message failed"]  # type: ignore[attr-defined]
    assert [fault.get("message") for fault in faults] == [None, None, None, "S3 did not answer"]
    assert "Rome" not in caplog.text + str(faults)


@pytest.mark.parametrize(
    ("received", "wait_s"), [(1, 30), (2, 60), (3, 120), (5, 480), (6, 900), (40, 900)]
)
@pytest.mark.parametrize("down", [False, True])
def test_a_message_that_failed_is_shown_again_soon(
    monkeypatch: pytest.MonkeyPatch, received: int, wait_s: int, down: bool
) -> None:
    def receive(upload: dict[str, Any]) -> None:
        raise TransientError("S3 did not answer")

    batch = event("ingest")
    batch["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(received)
    ingest, queue = module("ingest"), Queue(down=down)
    monkeypatch.setattr(ingest, "_ingest", lambda: receive)
    monkeypatch.setattr(ingest, "_queue", lambda: queue)
    answer = ingest.handler(batch, Context())
    assert len(answer["batchItemFailures"]) == 1
    handle = batch["Records"][0]["receiptHandle"]
    assert queue.hidden == ([] if down else [(handle, wait_s)])


def test_what_was_given_up_is_marked_and_kept(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asset = flow.announce("holiday in Rome.jpg", picture(1))
    letters, queue = module("dead_letters"), Queue()
    monkeypatch.setattr(letters, "_library", lambda: flow.library)
    monkeypatch.setattr(letters, "_dead_letters", lambda: queue)
    batch = event("dead_letters")
    (record,) = batch["Records"]
    bodies = [object_created(asset.key, "v1"), "not json", object_created("elsewhere/x", "v1")]
    record["messageAttributes"] = {
        "ERROR_CODE": {"dataType": "String", "stringValue": "NO_PERMISSIONS"}
    }
    batch["Records"] = [record | {"messageId": body[:9], "body": body} for body in bodies]
    assert letters.handler(batch, Context()) == {"batchItemFailures": []}
    assert queue.sent == bodies
    assert queue.attributes == [{"ERROR_CODE": "NO_PERMISSIONS"}] * 3
    failed = flow.library.asset(TENANT, asset.asset_id)
    assert (failed.state, failed.reason_code) == (AssetState.FAILED, "not_processed")
    assert "Rome" not in caplog.text


def test_a_dead_letter_that_cannot_be_kept_comes_back(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = module("dead_letters")
    monkeypatch.setattr(letters, "_library", lambda: flow.library)
    monkeypatch.setattr(letters, "_dead_letters", lambda: Queue(down=True))
    answer = letters.handler(event("dead_letters"), Context())
    assert len(answer["batchItemFailures"]) == 1


def test_each_step_takes_what_the_one_before_left(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = flow.upload("a.jpg", picture(1))
    flow.run(first)
    asset, _ = flow.upload("b.jpg", picture(1, side=160))
    _, started = flow.workflows.started[flow.job(asset).run_id]
    assert keys_of(started) == keys_of(event("derive")), "the event on file is what comes"
    deriving = module("derive")
    monkeypatch.setattr(deriving, "_deps", lambda: flow.deriving)
    derived = deriving.handler(dict(started), Context())
    assert derived["outcome"] == "ok"
    (job,) = derived["work"]
    assert keys_of(job) == keys_of(event("dedupe"))
    assert job["artifacts"].keys() == event("dedupe")["artifacts"].keys()
    deduping = module("dedupe")
    monkeypatch.setattr(deduping, "_wired", lambda: (flow.running, flow.deduping))
    capsys.readouterr()
    answer = deduping.handler(job, Context())
    assert answer == {
        "job_id": job["job_id"],
        "capability": "dedupe",
        "engine": job["engine"],
        "state": "succeeded",
    }
    assert flow.record(asset).status is AssetStatus.DONE
    metrics = emitted(capsys.readouterr().out)
    assert metrics["JobsSucceeded"] == [1.0]
    assert metrics["JobSeconds"] == [flow.job(asset).seconds]
    json.dumps([derived, answer])


def keys_of(state: Any) -> Any:
    """The names in a state, without what artifacts there are."""
    if isinstance(state, list):
        return [keys_of(one) for one in state]
    if isinstance(state, dict):
        return {name: keys_of(value) for name, value in state.items() if name != "artifacts"}
    return None


def test_the_time_that_is_left_is_the_functions(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too little for a single comparison, so it says that it made none."""
    flow.run(flow.upload("a.jpg", picture(1))[0])
    asset, _ = flow.upload("b.jpg", picture(1, side=160))
    (job,) = flow.derive(flow.state(asset)).work
    deduping = module("dedupe")
    monkeypatch.setattr(deduping, "_wired", lambda: (flow.running, flow.deduping))
    deduping.handler(job.model_dump(mode="json"), Context(remaining_ms=15_000))
    assert flow.result(asset).summary["uncompared"] == 1


def test_a_refusal_while_deriving_is_counted(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    flow.objects.remove("raw", asset.key)
    deriving = module("derive")
    monkeypatch.setattr(deriving, "_deps", lambda: flow.deriving)
    capsys.readouterr()
    derived = deriving.handler(flow.state(asset).model_dump(mode="json"), Context())
    assert (derived["outcome"], derived["work"], derived["reason_code"]) == ("refused", [], "gone")
    assert emitted(capsys.readouterr().out)["JobsRefused"] == [1.0]


def test_finish_records_what_went_wrong(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    failed = event("finish") | {"work": flow.state(asset).model_dump(mode="json")["work"]}
    assert keys_of(failed) == keys_of(event("finish"))
    last = module("finish")
    monkeypatch.setattr(last, "_library", lambda: flow.library)
    capsys.readouterr()
    (ended,) = last.handler(failed, Context())["jobs"]
    assert ended["state"] == JobState.FAILED
    assert emitted(capsys.readouterr().out)["JobsFailed"] == [1.0]
    record = flow.record(asset)
    assert record.status is AssetStatus.FAILED
    assert "longer than a step may take" in str(record.reason)
    assert last.handler(failed, Context()) == {"jobs": []}
    assert "JobsFailed" not in emitted(capsys.readouterr().out), "an end is counted once"


class Requests:
    """`filmgate.dedupe.index.port.CompactionRequests`, written down."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def request(self, tenants: Sequence[str]) -> None:
        self.calls.append(list(tenants))


class Delta(MemoryDeltaStore):
    """The store of one tenant fails."""

    def manifest(self, tenant: str) -> Any:
        if tenant == "bad":
            raise TransientError("down")
        return super().manifest(tenant)


def put_all(delta: MemoryDeltaStore, flow: Flow, tenants: Sequence[str]) -> None:
    """Something to compact for each tenant."""
    asset, _ = flow.upload("a.jpg", picture(1))
    flow.run(asset)
    (item,) = delta.read(TENANT, delta.keys(TENANT))
    for tenant in tenants:
        delta.put(tenant, item)


def test_a_backfill_lists_and_begins(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    flow.run(asset)
    monkeypatch.setenv("FILMGATE_ARTIFACTS_BUCKET", "artifacts-bucket")
    backfill = module("backfill")
    monkeypatch.setattr(backfill, "_deps", lambda: BackfillDeps(flow.library, flow.objects))
    order = event("backfill")
    order["order"] |= {"tenant": TENANT, "everything": True}
    listing = backfill.handler(order, Context())
    assert (listing["bucket"], listing["count"]) == ("artifacts-bucket", 1)
    (item,) = json.loads(flow.objects.get("artifacts", listing["key"]))
    assert item.keys() == event("backfill", "event_begin")["item"].keys()
    run = backfill.handler({"step": "begin", "item": item}, Context())["run"]
    assert [job["capability"] for job in run["work"]] == ["dedupe"]
    assert backfill.handler({"step": "begin", "item": item}, Context()) == {"run": None}


def test_compact_continues_after_a_tenant_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flow: Flow
) -> None:
    delta, segments = Delta(), MemorySegmentStore()
    index = SegmentIndex(delta, segments, IndexSettings(compact_entries=1), cache_dir=tmp_path)
    flow.index = index
    put_all(delta, flow, ["bad"])
    compact = module("compact")
    monkeypatch.setattr(compact, "_stores", lambda: (delta, index))
    too_late = Context(remaining_ms=compact.LONGEST_ROUND_MS)
    assert compact.handler(event("compact"), too_late) == {}
    assert compact.handler(event("compact"), Context()) == {TENANT: 1, "bad": 0}
    assert compact.handler(event("compact"), Context()) == {"bad": 0}


def test_compact_takes_the_tenants_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flow: Flow
) -> None:
    delta, segments = Delta(), MemorySegmentStore()
    index = SegmentIndex(delta, segments, IndexSettings(compact_entries=1), cache_dir=tmp_path)
    flow.index = index
    put_all(delta, flow, ["b", "c"])
    compact = module("compact")
    monkeypatch.setattr(compact, "_stores", lambda: (delta, index))
    assert compact.handler({"tenants": ["b"]}, Context()) == {"b": 1}
    assert compact.handler({"tenants": []}, Context()) == {}
    assert delta.keys("c") and delta.keys(TENANT)


def test_a_scheduled_compaction_hands_over_what_is_too_much_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flow: Flow
) -> None:
    delta, requests, compact = Delta(), Requests(), module("compact")
    index = SegmentIndex(
        delta, MemorySegmentStore(), IndexSettings(compact_entries=1), cache_dir=tmp_path
    )
    flow.index = index
    count = 2 * compact.TENANTS_PER_CALL
    put_all(delta, flow, [f"t{number}" for number in range(count)])
    monkeypatch.setattr(compact, "_stores", lambda: (delta, index))
    monkeypatch.setattr(compact, "_requests", lambda function: requests)
    here = compact.handler(event("compact"), Context())
    assert [len(call) for call in requests.calls] == [compact.TENANTS_PER_CALL, 1]
    waiting = [tenant for call in requests.calls for tenant in call]
    assert sorted([*here, *waiting]) == delta.tenants()
    assert set(here.values()) == {1}
    requests.calls.clear()
    again = compact.handler(event("compact"), Context())
    assert {*again, *(name for call in requests.calls for name in call)} == set(waiting)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FILMGATE_MATCHES_TABLE", raising=False)
    with pytest.raises(ValidationError, match="matches_table"):
        MatchTableSettings()
    monkeypatch.setenv("FILMGATE_LIMITS", '{"max_duration_s": 60}')
    monkeypatch.setenv("FILMGATE_MATCH_SETTINGS", '{"image": {"near": 0.9}}')
    assert LimitSettings().limits.max_duration_s == 60
    assert DecisionSettings().match_settings.image.near == 0.9
