"""Errors: problem documents, keys, ids of other tenants, faults inside."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from filmgate.access.model import new_key
from filmgate.api.app import create_app
from filmgate.api.models import Problem
from filmgate.errors import TransientError
from filmgate.library.model import AssetStatus
from filmgate.review.holds import place_hold
from tests.unit.api.world import World


def problem(answer: Any, status: int) -> Problem:
    """The problem in an answer, checked for what RFC 9457 and we ask of it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = Problem.model_validate_json(answer.content)
    assert found.status == status
    assert found.type.startswith("urn:filmgate:problem:")
    assert found.title
    assert found.detail
    assert found.instance.startswith("urn:filmgate:request:")
    return found


def routes(world: World) -> list[tuple[str, str]]:
    """Method and template of every route that needs a key."""
    app = create_app(world.services)
    return [
        (method, path)
        for path, operations in app.openapi()["paths"].items()
        for method in operations
        if path != "/health"
    ]


def owned(world: World, tenant: str) -> dict[str, str]:
    """The ids of one tenant by the names the templates have for them."""
    first = world.add_asset(tenant, "a.png", AssetStatus.FAILED)
    key = f"artifacts/{tenant}/{first.sha256}/dedupe/e/1/findings.json"
    world.objects.put("artifacts", key, b"[]", "application/json")
    world.change_result(first, artifacts={"findings.json": key})
    second = world.add_asset(tenant, "b.png")
    match = world.add_match(first, second, 0.9)
    hold = place_hold(
        world.library, world.audit, tenant, first.asset_id, actor="key1", reason="case 7"
    )
    return {
        "asset_id": first.asset_id,
        "match_id": match.match_id,
        "job_id": world.result(first).job_id,
        "name": "original",
        "capability": "dedupe",
        "hold_id": hold.hold_id,
    }


BODIES: dict[str, dict[str, Any]] = {
    "/assets/{asset_id}/analyses": {},
    "/assets/{asset_id}/holds": {"reason": "case 7"},
}
"""What routes with an id in their path need."""


def test_every_route_is_known_to_these_tests(world: World) -> None:
    assert sorted(routes(world)) == [
        ("delete", "/assets/{asset_id}"),
        ("delete", "/assets/{asset_id}/holds/{hold_id}"),
        ("get", "/assets"),
        ("get", "/assets/{asset_id}"),
        ("get", "/assets/{asset_id}/files/{name}"),
        ("get", "/assets/{asset_id}/findings/{capability}"),
        ("get", "/assets/{asset_id}/matches"),
        ("get", "/audit"),
        ("get", "/engines"),
        ("get", "/jobs"),
        ("get", "/jobs/{job_id}"),
        ("get", "/matches"),
        ("get", "/matches/{match_id}"),
        ("get", "/policy"),
        ("post", "/assets/{asset_id}/analyses"),
        ("post", "/assets/{asset_id}/holds"),
        ("post", "/assets/{asset_id}/restore"),
        ("post", "/backfills"),
        ("post", "/uploads"),
        ("put", "/policy"),
    ]


@pytest.mark.parametrize("key", [None, "", "x", "unknown", "é"])
def test_every_route_wants_a_valid_key(world: World, key: str | None) -> None:
    ids = owned(world, "acme")
    value = new_key() if key == "unknown" else key
    headers = {} if value is None else {"x-api-key": value.encode()}
    for method, template in routes(world):
        answer = world.client(None).request(method, template.format(**ids), headers=headers)
        problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("ApiKey")


def test_health_needs_no_key(world: World) -> None:
    answer = world.client(None).get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "version": "0.1.0", "stage": "test"}
    assert world.key_store.lookups == 0


def test_another_tenants_ids_do_not_exist(world: World) -> None:
    """The same request that its owner gets an answer to is 404 for anyone else."""
    ids = owned(world, "rival")
    templates = [(method, path) for method, path in routes(world) if "{" in path]
    assert len(templates) == 11
    for method, template in templates:
        path = template.format(**ids)
        foreign = world.client("acme").request(method, path, json=BODIES.get(template))
        assert problem(foreign, 404).detail == "There is nothing here under that id."
        assert "rival" not in foreign.text
    changing = [
        ("delete", "/assets/{asset_id}/holds/{hold_id}"),
        ("delete", "/assets/{asset_id}"),
        ("post", "/assets/{asset_id}/restore"),
        ("post", "/assets/{asset_id}/holds"),
    ]
    for method, template in [pair for pair in templates if pair not in changing] + changing:
        path = template.format(**ids)
        own = world.client("rival").request(method, path, json=BODIES.get(template))
        assert own.is_success, (template, own.text)


def test_another_tenants_ids_select_nothing(world: World) -> None:
    ids = owned(world, "rival")
    acme = world.client("acme")
    for path in (
        "/assets",
        "/jobs",
        "/matches",
        f"/assets?id={ids['asset_id']}",
        f"/matches?asset={ids['asset_id']}",
    ):
        assert acme.get(path).json() == {"items": [], "cursor": None}


def test_the_same_upload_of_two_tenants_is_two_assets(world: World) -> None:
    body = {"files": [{"path": "a", "size_bytes": 1, "sha256": "ab" * 32}]}
    ours, theirs = (
        world.client(tenant).post("/uploads", json=body).json()["uploads"][0]
        for tenant in ("acme", "rival")
    )
    assert ours["asset_id"] != theirs["asset_id"]
    assert ours["upload"]["fields"]["key"].startswith("raw/acme/")
    assert theirs["upload"]["fields"]["key"].startswith("raw/rival/")


@pytest.mark.parametrize(
    "path",
    [
        "/assets/nothing",
        "/assets/" + "f" * 26,
        "/assets/" + "F" * 26,
        "/assets/" + "f" * 26 + "/matches",
        "/assets/" + "f" * 26 + "/files/secret.txt",
        "/matches/" + "f" * 26,
        "/matches/" + "f" * 26 + ":" + "e" * 26,
        "/jobs/" + "f" * 26,
        "/jobs/" + "F" * 26,
        "/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV-1",
        "/nowhere",
        "/assets/",
    ],
)
def test_what_is_not_there_is_404(client: TestClient, path: str) -> None:
    problem(client.get(path), 404)


def test_a_wrong_method_is_405_and_names_the_right_one(client: TestClient) -> None:
    answer = client.delete("/assets")
    problem(answer, 405)
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[]", b"null", b"", b"[" * 100_000])
def test_a_body_that_is_not_what_it_should_be_is_the_callers_fault(
    client: TestClient, body: bytes
) -> None:
    answer = client.post("/uploads", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    problem(answer, answer.status_code)


def test_text_that_is_no_unicode_does_not_break_the_answer(client: TestClient) -> None:
    for file in (rb'{"path": "\ud800"}', rb'{"path": "a", "\udfff": 1}', rb'"\ud800"'):
        body = b'{"files": [' + file + b"]}"
        answer = client.post("/uploads", content=body, headers={"content-type": "application/json"})
        assert problem(answer, 422).errors


def test_many_errors_are_cut_short(client: TestClient) -> None:
    body = {"files": [{"x" * 1000: 1} for _ in range(100)]}
    answer = client.post("/uploads", json=body)
    assert len(problem(answer, 422).errors or []) == 50
    assert len(answer.content) < 20_000


def test_a_store_that_does_not_answer_is_503(world: World, client: TestClient) -> None:
    def fail(*_: object, **__: object) -> None:
        raise TransientError("DynamoDB did not answer for secret-table")

    world.library.analyzed = fail  # type: ignore[method-assign,assignment]
    answer = client.get("/assets/" + "f" * 26)
    problem(answer, 503)
    assert answer.headers["retry-after"] == "2"
    assert "secret-table" not in answer.text
    assert isinstance(world.observed[-1].error, TransientError)


def test_a_fault_inside_is_500_without_its_words_and_is_observed(
    world: World, client: TestClient
) -> None:
    fault = ZeroDivisionError("secret")

    def fail(*_: object, **__: object) -> None:
        raise fault

    world.library.analyzed = fail  # type: ignore[method-assign,assignment]
    answer = client.get("/assets/" + "f" * 26)
    problem(answer, 500)
    assert "secret" not in answer.text
    assert world.observed[-1].error is fault
    assert world.observed[-1].status == 500


def test_the_id_of_a_request_is_returned_and_is_the_instance(client: TestClient) -> None:
    answer = client.get("/nowhere", headers={"x-request-id": "JKJaXmPLvHcESHA="})
    assert answer.headers["x-request-id"] == "JKJaXmPLvHcESHA="
    assert problem(answer, 404).instance == "urn:filmgate:request:JKJaXmPLvHcESHA%3D"


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 129, "a\tb"])
def test_a_request_without_a_good_id_gets_one(client: TestClient, given: str | None) -> None:
    headers = {} if given is None else {"x-request-id": given}
    made = client.get("/health", headers=headers).headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f-]{36}", made)


def test_what_is_observed_holds_no_key_path_query_or_body(world: World) -> None:
    client = world.client("acme")
    asset = world.add_asset("acme", "private name.png")
    client.get(f"/assets/{asset.asset_id}?secret=query")
    client.post("/uploads", json={"files": [{"path": "private name"}]})
    world.client(None).get("/assets", headers={"x-api-key": "private name"})
    text = repr(world.observed)
    assert [(seen.route, seen.status, seen.tenant) for seen in world.observed] == [
        ("/assets/{asset_id}", 200, "acme"),
        ("/uploads", 422, "acme"),
        ("/assets", 401, None),
    ]
    for secret in ("private name", "secret", world.keys["acme"], asset.asset_id):
        assert secret not in text


def test_answers_are_not_to_be_cached(client: TestClient) -> None:
    assert client.get("/assets").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_the_framework_serves_no_pages_of_its_own(client: TestClient, path: str) -> None:
    problem(client.get(path), 404)
