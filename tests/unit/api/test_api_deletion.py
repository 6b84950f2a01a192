"""Deletion, holds, the audit log and the policy over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from filmgate.library.model import Asset, AssetStatus, DataKind
from tests.unit.api.world import START, World


@pytest.fixture
def assets(world: World) -> tuple[Asset, Asset]:
    """Two that match."""
    one, other = (world.add_asset("acme", name) for name in ("a.png", "b.png"))
    world.add_match(one, other, 0.9)
    return one, other


def test_a_deleted_asset_is_in_no_answer(
    world: World, client: TestClient, assets: tuple[Asset, Asset]
) -> None:
    one, other = assets
    match_id = ":".join(sorted((one.asset_id, other.asset_id)))
    assert client.get(f"/matches/{match_id}").is_success
    gone = client.delete(f"/assets/{one.asset_id}", params={"reason": "asked to"})
    assert gone.status_code == 200
    shown = gone.json()
    assert shown["status"] == "deleted"
    assert shown["deleted_at"] < shown["purge_at"]
    assert client.delete(f"/assets/{one.asset_id}").json()["deleted_at"] == shown["deleted_at"]
    assert [item["asset_id"] for item in client.get("/assets").json()["items"]] == [other.asset_id]
    for path in (
        "/matches",
        f"/matches?asset={other.asset_id}",
        f"/assets/{other.asset_id}/matches",
        f"/assets/{one.asset_id}/matches",
    ):
        assert client.get(path).json()["items"] == [], path
    jobs = client.get("/jobs").json()["items"]
    assert {job["asset_id"] for job in jobs} == {other.asset_id}
    for path in (
        f"/matches/{match_id}",
        f"/assets/{one.asset_id}/files/original",
        f"/assets/{one.asset_id}/findings/dedupe",
    ):
        assert client.get(path).status_code == 404, path
    assert client.post(f"/assets/{one.asset_id}/analyses", json={}).status_code == 409
    (listed,) = client.get("/assets", params={"status": "deleted"}).json()["items"]
    assert listed["asset_id"] == one.asset_id
    assert client.get(f"/assets/{one.asset_id}").json() == listed


def test_a_restored_asset_is_back_with_its_matches_and_runs_again(
    world: World, client: TestClient, assets: tuple[Asset, Asset]
) -> None:
    one, _ = assets
    assert client.post(f"/assets/{one.asset_id}/restore").status_code == 409
    client.delete(f"/assets/{one.asset_id}")
    back = client.post(f"/assets/{one.asset_id}/restore")
    assert back.status_code == 200
    assert back.json()["status"] == "processing"
    assert back.json()["purge_at"] is None
    assert len(client.get("/matches").json()["items"]) == 1
    assert len(world.workflows.started) == 1


def test_a_deleted_file_is_not_taken_again_but_its_owner_is_told(
    world: World, client: TestClient
) -> None:
    asset = world.add_asset("acme", "a.png")
    client.delete(f"/assets/{asset.asset_id}")
    file = {"path": "a.png", "size_bytes": 3, "sha256": "0" * 64}
    (answer,) = client.post("/uploads", json={"files": [file]}).json()["uploads"]
    assert (answer["status"], answer["upload"]) == ("deleted", None)
    assert f"/assets/{asset.asset_id}/restore" in answer["hint"]


def test_holds_keep_an_asset(world: World, client: TestClient, assets: tuple[Asset, Asset]) -> None:
    one, _ = assets
    path = f"/assets/{one.asset_id}"
    placed = client.post(f"{path}/holds", json={"reason": " case 7 "})
    assert placed.status_code == 201
    hold = placed.json()
    assert hold["reason"] == "case 7"
    assert client.get(path).json()["holds"] == [hold]
    refused = client.delete(path)
    assert refused.status_code == 409
    assert "case 7" in refused.json()["detail"]
    released = client.delete(f"{path}/holds/{hold['hold_id']}")
    assert (released.status_code, released.content) == (204, b"")
    assert client.delete(f"{path}/holds/{hold['hold_id']}").status_code == 404
    assert client.delete(path).status_code == 200


@pytest.mark.parametrize(
    "body",
    [{}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 501}, {"reason": "a\nb"}, {"x": 1}],
)
def test_a_reason_is_a_line_of_words(
    world: World, client: TestClient, assets: tuple[Asset, Asset], body: dict[str, Any]
) -> None:
    one, _ = assets
    assert client.post(f"/assets/{one.asset_id}/holds", json=body).status_code == 422
    if "reason" in body:
        assert client.delete(f"/assets/{one.asset_id}", params=body).status_code == 422
    assert world.audit.last("acme") is None


def test_the_audit_log_comes_in_pages_oldest_first_with_the_key_as_actor(
    world: World, client: TestClient
) -> None:
    assets = [world.add_asset("acme", f"{number}.png") for number in range(5)]
    for asset in assets:
        client.delete(f"/assets/{asset.asset_id}", params={"reason": "r"})
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = client.get("/audit", params=params).json()
        found += page["items"]
        if page["cursor"] is None:
            break
        params["cursor"] = page["cursor"]
    assert [event["number"] for event in found] == [1, 2, 3, 4, 5]
    assert [event["subject"] for event in found] == [asset.asset_id for asset in assets]
    (record,) = world.key_store.records("acme")
    assert {event["actor"] for event in found} == {record.key_id}
    assert found[1]["previous"] == found[0]["hash"]
    assert world.client("rival").get("/audit").json()["items"] == []
    assert client.get("/audit", params={"cursor": "1"}).status_code == 422


def test_a_policy_is_set_and_read(world: World, client: TestClient) -> None:
    assert set(client.get("/policy").json().values()) == {None}
    wanted = {"raw": 90, "frames": 30}
    stored = client.put("/policy", json=wanted)
    assert stored.status_code == 200
    assert client.get("/policy").json() == stored.json()
    assert {kind: days for kind, days in stored.json().items() if days} == wanted
    assert set(world.client("rival").get("/policy").json().values()) == {None}
    event = client.get("/audit").json()["items"][0]
    assert event["action"] == "policy.changed"
    assert event["details"]["after"]["raw"] == 90
    for wrong in ({"raw": 0}, {"raw": "x"}, {"all": 3}, {"raw": 1.5}, {"raw": 40000}):
        assert client.put("/policy", json=wrong).status_code == 422, wrong


def test_an_asset_says_whether_its_bytes_are_there(world: World, client: TestClient) -> None:
    stored = world.add_asset("acme", "a.png")
    gone = world.add_asset("acme", "b.png")
    world.library.save(gone.model_copy(update={"removed": {DataKind.RAW: START}}))
    waiting = world.library.create(
        stored.model_copy(
            update={"asset_id": "f" * 26, "version": 0, "version_id": None, "info": None}
        )
    )
    shown = [client.get(f"/assets/{asset.asset_id}").json() for asset in (stored, gone, waiting)]
    assert [one["bytes"] for one in shown] == ["stored", "gone", None]
    assert shown[1]["status"] == AssetStatus.DONE.value


def test_an_asset_is_found_by_its_name_and_content(world: World, client: TestClient) -> None:
    asset = world.add_asset("acme", "a.png")
    named = {"path": "a.png", "sha256": "0" * 64}
    (found,) = client.get("/assets", params=named).json()["items"]
    assert found["asset_id"] == asset.asset_id
    assert client.get("/assets", params=named | {"path": "b.png"}).json()["items"] == []
    assert world.client("rival").get("/assets", params=named).json()["items"] == []
    assert client.get("/assets", params={"path": "a.png"}).status_code == 422
