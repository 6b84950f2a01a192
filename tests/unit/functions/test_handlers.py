"""The workers' handlers, with one event of each shape they get."""

from __future__ import annotations

import importlib
import json
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import ValidationError

from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.index.settings import IndexSettings
from filmgate.errors import TransientError
from filmgate.library.jobs import JobState
from filmgate.library.model import AssetStatus
from filmgate.settings import DecisionSettings, LimitSettings, MatchTableSettings
from tests.memory import MemoryFreshStore, MemorySegmentStore
from tests.unit.functions.context import Context
from tests.unit.pipeline.flow import TENANT, Flow, picture

EVENTS = Path(__file__).resolve().parents[3] / "events"


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(tmp_path)


def module(name: str) -> ModuleType:
    return importlib.import_module(f"functions.{name}.handler")


def event(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    return found


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
    assert ingest.handler(event("sqs_object_created"), Context()) == {"batchItemFailures": []}
    (upload,) = seen
    assert upload["key"].endswith("/holiday in Rome.mp4")
    assert upload["version_id"] == "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"


def test_a_bad_message_fails_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    batch = event("sqs_object_created")
    good = batch["Records"][0]
    bodies = ["not json", "{}", '{"detail": {}}', good["body"], good["body"].replace("Rome", "Ro")]
    batch["Records"] = [
        deepcopy(good) | {"messageId": f"m{i}", "body": body} for i, body in enumerate(bodies)
    ]
    seen = []

    def once(upload: dict[str, Any]) -> None:
        if "Rome" in upload["key"]:
            raise TransientError("S3 did not answer")
        seen.append(upload)

    ingest = module("ingest")
    monkeypatch.setattr(ingest, "_ingest", lambda: once)
    answer = ingest.handler(batch, Context())
    failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    assert failed == ["m0", "m1", "m2", "m3"]
    assert len(seen) == 1
    assert "S3 did not answer" in caplog.text


def test_each_step_takes_what_the_one_before_left(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = flow.upload("a.jpg", picture(1))
    flow.run(first)
    asset, _ = flow.upload("b.jpg", picture(1, side=160))
    _, started = flow.workflows.started[flow.job(asset).run_id]
    assert keys_of(started) == keys_of(event("step_derive")), "the event on file is what comes"
    deriving = module("derive")
    monkeypatch.setattr(deriving, "_deps", lambda: flow.deriving)
    derived = deriving.handler(dict(started), Context())
    assert derived["outcome"] == "ok"
    (job,) = derived["work"]
    assert keys_of(job) == keys_of(event("step_dedupe"))
    assert job["artifacts"].keys() == event("step_dedupe")["artifacts"].keys()
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
    failed = event("step_finish") | {"work": flow.state(asset).model_dump(mode="json")["work"]}
    assert keys_of(failed) == keys_of(event("step_finish"))
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


def test_compact_passes_over_the_tenant_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flow: Flow
) -> None:
    class Fresh(MemoryFreshStore):
        def manifest(self, tenant: str) -> Any:
            if tenant == "bad":
                raise TransientError("down")
            return super().manifest(tenant)

    fresh, segments = Fresh(), MemorySegmentStore()
    index = SegmentIndex(fresh, segments, IndexSettings(fold_entries=1), cache_dir=tmp_path)
    asset, _ = flow.upload("a.jpg", picture(1))
    flow.index = index
    flow.run(asset)
    MemoryFreshStore.put(fresh, "bad", fresh.read(TENANT)[0])
    compact = module("compact")
    monkeypatch.setattr(compact, "_stores", lambda: (fresh, index))
    too_late = Context(remaining_ms=compact.LONGEST_ROUND_MS)
    assert compact.handler(event("schedule_compact"), too_late) == {}
    assert compact.handler(event("schedule_compact"), Context()) == {TENANT: 1, "bad": 0}
    assert compact.handler(event("schedule_compact"), Context()) == {TENANT: 0, "bad": 0}


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FILMGATE_MATCHES_TABLE", raising=False)
    with pytest.raises(ValidationError, match="matches_table"):
        MatchTableSettings()
    monkeypatch.setenv("FILMGATE_LIMITS", '{"max_duration_s": 60}')
    monkeypatch.setenv("FILMGATE_MATCH_SETTINGS", '{"image": {"near": 0.9}}')
    assert LimitSettings().limits.max_duration_s == 60
    assert DecisionSettings().match_settings.image.near == 0.9
