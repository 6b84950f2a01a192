"""POST /assets/{id}/analyses: run capabilities, for the first time or again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import JsonValue

from filmgate.clock import now
from filmgate.dedupe.engine import SPEC
from filmgate.engines import registry
from filmgate.engines.spec import EngineSpec
from filmgate.errors import TransientError
from filmgate.library.jobs import JobState
from filmgate.library.model import Asset, AssetStatus
from filmgate.library.results import ResultState
from filmgate.media.model import MediaKind
from filmgate.pipeline.runs import Ending, end_job
from tests.unit.api.world import IMAGE, World

SHOTS = EngineSpec(
    capability="shots", name="shots", version="1", accepts=frozenset({MediaKind.VIDEO})
)


@pytest.fixture
def shots(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a second capability, for videos."""
    monkeypatch.setattr(registry, "specs", lambda: (SPEC, SHOTS))


def post(client: TestClient, asset: Asset, *want: str, status: int = 202) -> Any:
    body = {"want": want} if want else {}
    answer = client.post(
        f"/assets/{asset.asset_id}/analyses", json=body, headers={"x-request-id": "r1"}
    )
    assert answer.status_code == status, answer.text
    return answer.json()


def video(world: World, status: AssetStatus = AssetStatus.DONE) -> Asset:
    info = IMAGE.model_copy(update={"kind": MediaKind.VIDEO})
    return world.add_asset("acme", "a.mp4", status, info=info)


@pytest.mark.parametrize("kind", list(MediaKind))
@pytest.mark.parametrize("status", [AssetStatus.FAILED, AssetStatus.DONE])
def test_an_asset_runs_again(
    world: World, client: TestClient, kind: MediaKind, status: AssetStatus
) -> None:
    info = IMAGE.model_copy(update={"kind": kind})
    asset = world.add_asset("acme", "a.png", status, info=info)
    (shown,) = post(client, asset)["jobs"]
    workflow = "express" if kind is MediaKind.IMAGE else "standard"
    assert (shown["capability"], shown["engine"]) == ("dedupe", SPEC.reference)
    assert (shown["state"], shown["attempt"]) == ("running", 2)
    ((run_id, (started, payload)),) = world.workflows.started.items()
    assert (run_id, started) == (shown["run_id"], workflow)
    assert payload["correlation_id"] == "r1"
    assert payload["work"][0]["job_id"] == shown["job_id"]  # type: ignore[index,call-overload]
    result = world.result(asset)
    assert (result.state, result.job_id) == (ResultState.RUNNING, shown["job_id"])
    assert client.get(f"/assets/{asset.asset_id}").json()["status"] == "processing"
    assert client.get(f"/jobs/{shown['job_id']}").json() == shown
    answer = post(client, asset, status=409)
    assert answer["detail"] == "It is already running: dedupe."
    assert len(world.workflows.started) == 1


@pytest.mark.usefixtures("shots")
def test_only_the_capabilities_asked_for_run(world: World, client: TestClient) -> None:
    asset = video(world)
    before = world.result(asset)
    (job,) = post(client, asset, "shots")["jobs"]
    assert (job["capability"], job["attempt"]) == ("shots", 1)
    assert before in world.library.results("acme", asset.asset_id)
    (other,) = post(client, asset, "dedupe")["jobs"]
    assert other["run_id"] != job["run_id"]
    assert len(world.workflows.started) == 2
    post(client, asset, "shots", "dedupe", status=409)


@pytest.mark.usefixtures("shots")
def test_without_names_all_that_suit_the_file_run(world: World, client: TestClient) -> None:
    capabilities = [
        [job["capability"] for job in post(client, asset)["jobs"]]
        for asset in (video(world), world.add_asset("acme", "b.png"))
    ]
    assert capabilities == [["dedupe", "shots"], ["dedupe"]]


@pytest.mark.usefixtures("shots")
@pytest.mark.parametrize(
    ("want", "field", "words"),
    [
        (["faces"], "body.want", "there is no capability faces"),
        (["dedupe", "faces", "a"], "body.want", "there is no capability a, faces"),
        (["shots"], "body.want", "no requested engine accepts image files"),
        ([], "body.want", "at least 1"),
        (["dedupe"] * 41, "body.want", "at most 40"),
        (["x" * 5000], "body.want.0", "pattern"),
        (["No Name"], "body.want.0", "pattern"),
        ("dedupe", "body.want", "tuple"),
    ],
)
def test_a_capability_that_does_not_suit_is_the_callers_fault(
    world: World, client: TestClient, want: object, field: str, words: str
) -> None:
    asset = world.add_asset("acme", "a.png")
    answer = client.post(f"/assets/{asset.asset_id}/analyses", json={"want": want})
    assert answer.status_code == 422
    errors = {error["field"]: error["message"] for error in answer.json()["errors"]}
    assert words in errors[field]
    assert len(answer.content) < 2000
    assert world.result(asset).state is ResultState.DONE
    assert not world.workflows.started


@pytest.mark.parametrize("status", [AssetStatus.WAITING, AssetStatus.REFUSED])
def test_a_file_that_is_not_stored_has_nothing_to_run_on(
    world: World, client: TestClient, status: AssetStatus
) -> None:
    asset = world.add_asset("acme", "a.png", status)
    assert "not stored" in post(client, asset, status=409)["detail"]
    assert not world.workflows.started


@pytest.mark.parametrize(
    ("silent", "status"),
    [(timedelta(0), 409), (timedelta(hours=3, minutes=59), 409), (timedelta(hours=4), 202)],
)
def test_a_job_that_fell_silent_may_be_run_again(
    world: World, client: TestClient, silent: timedelta, status: int
) -> None:
    asset = world.add_asset("acme", "a.png", AssetStatus.PROCESSING)
    old = world.result(asset).job_id
    world.change_result(asset, updated_at=now() - silent)
    post(client, asset, status=status)
    if status == 202:
        end_job(world.library, "acme", old, Ending(ResultState.DONE))
        assert world.result(asset).state is ResultState.RUNNING, "the old job owns it no longer"


def test_another_capability_begun_meanwhile_is_no_obstacle(
    world: World, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The asset's record changes between the read and the write."""
    asset = world.add_asset("acme", "a.png")
    results = world.library.results

    def meanwhile(tenant: str, asset_id: str) -> Any:
        monkeypatch.setattr(world.library, "results", results)
        changed = world.library.asset(tenant, asset_id).changed()
        assert world.library.compare_and_set(changed)
        return results(tenant, asset_id)

    monkeypatch.setattr(world.library, "results", meanwhile)
    assert post(client, asset)["jobs"][0]["attempt"] == 2


def test_a_record_that_never_keeps_still_is_a_conflict(
    world: World, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = world.add_asset("acme", "a.png")
    monkeypatch.setattr(world.library, "begin", lambda *_: False)
    assert "kept changing" in post(client, asset, status=409)["detail"]


def test_a_start_that_fails_leaves_the_asset_to_be_run_again(
    world: World, client: TestClient
) -> None:
    asset = world.add_asset("acme", "a.png")
    start = world.workflows.start

    def fail(*_: object) -> None:
        raise TransientError("throttled")

    world.workflows.start = fail  # type: ignore[method-assign,assignment]
    post(client, asset, status=503)
    result = world.result(asset)
    assert (result.state, result.reason_code) == (ResultState.FAILED, "not_started")
    assert world.library.job("acme", result.job_id).state is JobState.FAILED
    world.workflows.start = start  # type: ignore[method-assign]
    assert post(client, asset)["jobs"][0]["attempt"] == 3


def test_a_start_that_only_seemed_to_fail_is_not_undone(world: World, client: TestClient) -> None:
    """The workflow started, ran and ended before the answer was given up."""
    asset = world.add_asset("acme", "a.png", AssetStatus.FAILED)

    def lose_the_answer(_: str, __: str, payload: Mapping[str, JsonValue]) -> None:
        job_id = payload["work"][0]["job_id"]  # type: ignore[index,call-overload]
        end_job(world.library, "acme", str(job_id), Ending(ResultState.DONE))
        raise TransientError("no answer")

    world.workflows.start = lose_the_answer  # type: ignore[method-assign,assignment]
    post(client, asset, status=503)
    result = world.result(asset)
    assert (result.state, result.reason) == (ResultState.DONE, None)
    assert world.library.job("acme", result.job_id).state is JobState.SUCCEEDED
