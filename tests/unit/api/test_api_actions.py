"""Jobs, engines and files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient

from filmgate.engines.status import EngineState, report
from filmgate.library.model import AssetStatus
from tests.unit.api.world import START, World


def test_a_job_is_shown_without_what_only_the_service_needs(
    world: World, client: TestClient
) -> None:
    asset = world.add_asset("acme", "a.png")
    job_id = world.result(asset).job_id
    shown = client.get(f"/jobs/{job_id}").json()
    hidden = {"tenant", "workflow", "external_call", "version"}
    assert shown == world.library.job("acme", job_id).model_dump(mode="json", exclude=hidden)


def test_engines_are_those_a_worker_reported(world: World, client: TestClient) -> None:
    assert client.get("/engines").json() == {"engines": [], "reported_at": None}
    state = EngineState(capability="embedding", engine=None, reason="no model is configured")
    report(world.objects, (state,))
    reported = client.get("/engines").json()
    assert reported["engines"] == [state.model_dump()]
    assert reported["reported_at"] is not None


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
    world.change_result(asset, artifacts={})
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("status", [AssetStatus.WAITING, AssetStatus.REFUSED])
def test_an_asset_that_is_not_stored_has_no_artifacts(
    world: World, client: TestClient, status: AssetStatus
) -> None:
    asset = world.add_asset("acme", "a.png", status)
    for name in ("tiles.jpg", "original"):
        assert client.get(f"/assets/{asset.asset_id}/files/{name}").status_code == 404


@pytest.mark.parametrize(
    "key",
    ["artifacts/rival/{}", "artifacts/acme2/{}", "raw/acme/{}", "{}", "/artifacts/acme/{}"],
)
@pytest.mark.parametrize("name", ["tiles.jpg", "tiles.json", "pdq.json"])
def test_no_artifact_outside_of_the_tenants_own_is_signed(
    world: World, client: TestClient, name: str, key: str
) -> None:
    """Even where the record says so: a worker that was taken over could have written it."""
    asset = world.add_asset("acme", "a.png")
    foreign = key.format(name)
    world.objects.put("artifacts", foreign, b"secret", "image/jpeg")
    world.change_result(asset, artifacts={name: foreign})
    answer = client.get(f"/assets/{asset.asset_id}/files/{name}")
    assert answer.status_code == 404
    assert "url" not in answer.json()


@pytest.mark.parametrize("key", ["raw/rival/x/a.png", "raw/acme2/a.png", "acme/a.png", "a.png"])
def test_no_original_outside_of_the_tenants_own_is_signed(
    world: World, client: TestClient, key: str
) -> None:
    asset = world.add_asset("acme", "a.png")
    world.objects.put("raw", key, b"secret", "image/png")
    world.library.save(asset.model_copy(update={"key": key}))
    assert client.get(f"/assets/{asset.asset_id}/files/original").status_code == 404


def test_findings_are_fetched_by_their_capability(world: World, client: TestClient) -> None:
    asset = world.add_asset("acme", "a.png")
    path = f"/assets/{asset.asset_id}/findings"
    assert client.get(f"{path}/dedupe").status_code == 404, "it has none"
    key = f"artifacts/acme/{asset.sha256}/dedupe/e/1/findings.json"
    world.objects.put("artifacts", key, b"[]", "application/json")
    world.change_result(asset, artifacts={"findings.json": key})
    url = urlsplit(client.get(f"{path}/dedupe").json()["url"])
    assert (url.netloc, url.path) == ("artifacts.test", f"/{key}")
    for unknown in ("faces", "no such", "x" * 99):
        assert client.get(f"{path}/{unknown}").status_code == 404
    world.change_result(asset, artifacts={"findings.json": key.replace("/acme/", "/rival/")})
    world.objects.put("artifacts", key.replace("/acme/", "/rival/"), b"[]", "application/json")
    assert client.get(f"{path}/dedupe").status_code == 404


def test_jobs_are_listed_newest_first(world: World, client: TestClient) -> None:
    made = [world.add_asset("acme", f"{n}.png", minute=n) for n in range(5)]
    world.add_asset("rival", "x.png", minute=9)
    first = client.get("/jobs", params={"limit": 3}).json()
    rest = client.get("/jobs", params={"limit": 3, "cursor": first["cursor"]}).json()
    listed = [job["asset_id"] for job in first["items"] + rest["items"]]
    assert listed == [asset.asset_id for asset in reversed(made)]
    assert rest["cursor"] is None
    job = first["items"][0]
    assert job == client.get(f"/jobs/{job['job_id']}").json()
    assert job["started_at"] == (START + timedelta(minutes=4)).isoformat().replace("+00:00", "Z")
