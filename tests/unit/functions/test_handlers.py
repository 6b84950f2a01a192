"""The workers' handlers, with one event of each shape they get."""

from __future__ import annotations

import importlib
import json
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import ValidationError

from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.index.settings import IndexSettings
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate.errors import TransientError
from filmgate.library.model import AssetStatus
from filmgate.pipeline.decide import DecideDeps
from filmgate.pipeline.fingerprint import FingerprintDeps
from filmgate.pipeline.match import MatchDeps
from filmgate.settings import DecisionSettings, LimitSettings, MatchTableSettings
from tests.memory import MemoryFreshStore, MemorySegmentStore
from tests.unit.pipeline.flow import TENANT, Flow, picture

EVENTS = Path(__file__).resolve().parents[3] / "events"


@dataclass(frozen=True)
class Context:
    function_name: str = "filmgate-test"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:111122223333:function:filmgate-test"
    aws_request_id: str = "5a3e"

    remaining_ms: int = 300_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


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

    def receive(upload: dict[str, Any]) -> None:
        ingest.metrics.add_metric("UploadsStarted", "Count", 1)
        seen.append(upload)

    monkeypatch.setattr(ingest, "_receive", lambda: receive)
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

    def receive(upload: dict[str, Any]) -> None:
        if "Rome" in upload["key"]:
            raise TransientError("S3 did not answer")
        seen.append(upload)

    ingest = module("ingest")
    monkeypatch.setattr(ingest, "_receive", lambda: receive)
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
    library, objects = flow.library, flow.objects
    deps = {
        "fingerprint": FingerprintDeps(library, objects, flow.limits, flow.reader),
        "match": MatchDeps(library, objects, flow.index),
        "decide": DecideDeps(library, objects, MatchSettings()),
    }
    carried = flow.state(asset).model_dump()
    shapes = {"fingerprint": "step_fingerprint", "match": "step_match", "decide": "step_decide"}
    for name, wired in deps.items():
        assert set(carried) == set(event(shapes[name])), "the event on file is what really comes"
        step = module(name)
        monkeypatch.setattr(step, "_deps", lambda wired=wired: wired)
        carried |= step.handler(carried, Context())
    assert set(carried) == set(event("step_finish"))
    last = module("finish")
    monkeypatch.setattr(last, "_library", lambda: library)
    capsys.readouterr()
    assert last.handler(carried, Context())["status"] == "done"
    assert library.asset(TENANT, asset.asset_id).status is AssetStatus.DONE
    metrics = emitted(capsys.readouterr().out)
    assert metrics["AssetsDone"] == [1.0]
    assert metrics["MatchesFound"] == [1.0]
    json.dumps(carried)


@pytest.mark.parametrize(
    ("name", "status", "told"),
    [
        ("step_finish_refused", AssetStatus.REFUSED, "damaged"),
        ("step_finish_failed", AssetStatus.FAILED, "longer than a step may take"),
    ],
)
def test_finish_records_what_went_wrong(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, name: str, status: AssetStatus, told: str
) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    last = module("finish")
    monkeypatch.setattr(last, "_library", lambda: flow.library)
    last.handler(event(name) | flow.state(asset).model_dump(), Context())
    ended = flow.library.asset(TENANT, asset.asset_id)
    assert ended.status is status
    assert ended.reason is not None
    assert told in ended.reason


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
    carried = flow.fingerprint(flow.state(asset))
    flow.match(carried)
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
