"""Jobs, files and running again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient

from filmgate.api.rerun import STUCK_AFTER
from filmgate.clock import now
from filmgate.errors import TransientError
from filmgate.library.engines import EngineState, report
from filmgate.library.model import AssetStatus, JobStatus
from filmgate.media.model import MediaKind
from filmgate.pipeline.finish import finish
from filmgate.pipeline.state import Outcome, ToFinish
from tests.unit.api.world import IMAGE, World


def test_a_job_is_shown_without_its_tenant(world: World, client: TestClient) -> None:
    asset = world.add_asset("acme", "a.png")
    shown = client.get(f"/jobs/{asset.asset_id}-1").json()
    stored = world.library.job("acme", f"{asset.asset_id}-1")
    assert shown == stored.model_dump(mode="json", exclude={"tenant"})


def test_engines_are_those_a_worker_told_of(world: World, client: TestClient) -> None:
    assert client.get("/engines").json() == {"engines": [], "reported_at": None}
    state = EngineState(capability="embedding", engine=None, reason="no model is configured")
    report(world.objects, (state,))
    told = client.get("/engines").json()
    assert told["engines"] == [state.model_dump()]
    assert told["reported_at"] is not None


@pytest.mark.parametrize("name", ["tiles.jpg", "tiles.json", "pdq.json"])
def test_artifacts_have_urls(world: World, client: TestClient, name: str) -> None:
    asset = world.add_asset("acme", "a.png")
    answer = client.get(f"/assets/{asset.asset_id}/files/{name}").json()
    url = urlsplit(answer["url"])
    assert url.netloc == "artifacts.test"
    assert url.path == f"/artifacts/acme/{'0' * 64}/dedupe/e/1/{name}"
    assert parse_qs(url.query)["expires"] == ["900"]
    left = datetime.fromisoformat(answer["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=880) < left <= timedelta(seconds=900)


def test_the_original_is_the_version_that_was_read_and_is_saved_not_shown(
    world: World, client: TestClient
) -> None:
    asset = world.add_asset("acme", "a.png")
    url = urlsplit(client.get(f"/assets/{asset.asset_id}/files/original").json()["url"])
    assert (url.netloc, url.path) == ("raw.test", f"/{asset.key}")
    assert parse_qs(url.query) == {"expires": ["900"], "version": ["v1"], "name": ["a.png"]}


@pytest.mark.parametrize("name", ["tiles.jpg", "tiles.json", "pdq.json", "original"])
def test_a_file_that_is_not_there_is_404(world: World, client: TestClient, name: str) -> None:
    asset = world.add_asset("acme", "a.png")
    path = f"/assets/{asset.asset_id}/files/{name}"
    for bucket in ("raw", "artifacts"):
        for key in world.objects.keys(bucket):
            world.objects.remove(bucket, key)
    assert client.get(path).status_code == 404
    world.library.save(asset.model_copy(update={"tiles_key": None, "fingerprint_key": None}))
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("kind", list(MediaKind))
def test_a_failed_asset_runs_again(world: World, client: TestClient, kind: MediaKind) -> None:
    info = IMAGE.model_copy(update={"kind": kind})
    asset = world.add_asset("acme", "a.png", AssetStatus.FAILED, info=info)
    answer = client.post(f"/assets/{asset.asset_id}/rerun", headers={"x-request-id": "r1"})
    assert answer.status_code == 202
    job_id = f"{asset.asset_id}-2"
    workflow = "image" if kind is MediaKind.IMAGE else "video"
    assert (answer.json()["job_id"], answer.json()["status"]) == (job_id, "running")
    assert world.workflows.started == {
        job_id: (
            workflow,
            {
                "tenant": "acme",
                "asset_id": asset.asset_id,
                "job_id": job_id,
                "correlation_id": "r1",
            },
        )
    }
    stored = world.library.asset("acme", asset.asset_id)
    assert (stored.status, stored.job_id) == (AssetStatus.PROCESSING, job_id)
    again = client.post(f"/assets/{asset.asset_id}/rerun")
    assert again.status_code == 409
    assert len(world.workflows.started) == 1


@pytest.mark.parametrize("status", [s for s in AssetStatus if s is not AssetStatus.FAILED])
def test_only_a_failed_asset_runs_again(
    world: World, client: TestClient, status: AssetStatus
) -> None:
    asset = world.add_asset("acme", "a.png", status).model_copy(update={"updated_at": now()})
    world.library.save(asset)
    answer = client.post(f"/assets/{asset.asset_id}/rerun")
    assert answer.status_code == 409
    assert status.value in answer.json()["detail"]
    assert world.library.asset("acme", asset.asset_id) == asset


def test_what_was_never_read_has_no_job_to_repeat(world: World, client: TestClient) -> None:
    asset = world.add_asset("acme", "a.png", AssetStatus.FAILED, info=None)
    answer = client.post(f"/assets/{asset.asset_id}/rerun")
    assert answer.status_code == 409
    assert not world.workflows.started


def test_a_start_that_fails_leaves_the_asset_to_be_run_again(
    world: World, client: TestClient
) -> None:
    asset = world.add_asset("acme", "a.png", AssetStatus.FAILED)
    start = world.workflows.start

    def fail(*_: object) -> None:
        raise TransientError("throttled")

    world.workflows.start = fail  # type: ignore[method-assign,assignment]
    assert client.post(f"/assets/{asset.asset_id}/rerun").status_code == 503
    assert world.library.asset("acme", asset.asset_id).status is AssetStatus.FAILED
    assert world.library.job("acme", f"{asset.asset_id}-2").status is JobStatus.FAILED
    world.workflows.start = start  # type: ignore[method-assign]
    answer = client.post(f"/assets/{asset.asset_id}/rerun")
    assert answer.json()["job_id"] == f"{asset.asset_id}-3"


def test_a_start_that_only_seemed_to_fail_is_not_undone(world: World, client: TestClient) -> None:
    """The workflow started, ran and ended before the answer was given up."""
    asset = world.add_asset("acme", "a.png", AssetStatus.FAILED)

    def lose_the_answer(_: str, job_id: str, payload: dict[str, str]) -> None:
        ending = ToFinish(**payload, outcome=Outcome.OK, matches=2)
        finish(world.library, ending)
        raise TransientError("no answer")

    world.workflows.start = lose_the_answer  # type: ignore[method-assign,assignment]
    assert client.post(f"/assets/{asset.asset_id}/rerun").status_code == 503
    assert world.library.asset("acme", asset.asset_id).status is AssetStatus.DONE
    job = world.library.job("acme", f"{asset.asset_id}-2")
    assert (job.status, job.matches) == (JobStatus.SUCCEEDED, 2)


def test_an_asset_whose_job_fell_silent_runs_again(world: World, client: TestClient) -> None:
    asset = world.add_asset("acme", "a.png", AssetStatus.PROCESSING)
    long_ago = asset.updated_at - STUCK_AFTER - timedelta(days=1)
    world.library.save(asset.model_copy(update={"updated_at": long_ago}))
    assert client.post(f"/assets/{asset.asset_id}/rerun").status_code == 202
