"""POST /uploads: places for new files, nothing for what is there."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from filmgate.api.uploads import safe_name
from filmgate.library.model import AssetState, AssetStatus, asset_id
from filmgate.library.results import ResultState
from tests.unit.api.world import LIMITS, World

SHA = "ab" * 32


def wanted(path: str = "a/b.mp4", **changes: Any) -> dict[str, Any]:
    return {"path": path, "size_bytes": 10, "sha256": SHA, **changes}


def ask(client: TestClient, *files: dict[str, Any]) -> list[dict[str, Any]]:
    answer = client.post("/uploads", json={"files": list(files)})
    assert answer.status_code == 200, answer.text
    uploads: list[dict[str, Any]] = answer.json()["uploads"]
    return uploads


def test_a_new_file_gets_a_place_that_takes_only_it(world: World, client: TestClient) -> None:
    (upload,) = ask(client, wanted(content_type="video/mp4"))
    identity = asset_id("acme", "a/b.mp4", SHA)
    assert upload["asset_id"] == identity
    assert upload["path"] == "a/b.mp4"
    assert upload["status"] == "waiting"
    assert upload["hint"] is None
    assert upload["upload"]["fields"] == {
        "key": f"raw/acme/{identity}/b.mp4",
        "Content-Type": "video/mp4",
        "x-test-range": "10-10",
        "x-test-expires": "900",
    }
    stored = world.library.asset("acme", identity)
    assert (stored.state, stored.sha256, stored.size_bytes) == (AssetState.WAITING, SHA, 10)


def test_asking_twice_is_harmless(world: World, client: TestClient) -> None:
    first = ask(client, wanted(), wanted())
    stored = world.library.asset("acme", first[0]["asset_id"])
    second = ask(client, wanted())
    assert first == second * 2
    assert world.library.asset("acme", first[0]["asset_id"]) == stored


NAME = wanted("a.png", sha256="0" * 64)
"""What `World.add_asset` stores as "a.png"."""


@pytest.mark.parametrize("status", [AssetStatus.PROCESSING, AssetStatus.DONE])
def test_what_is_there_is_not_asked_for_again(
    world: World, client: TestClient, status: AssetStatus
) -> None:
    world.add_asset("acme", "a.png", status)
    (again,) = ask(client, NAME)
    assert again["upload"] is None
    assert again["status"] == status.value
    assert again["hint"] is None


def test_a_failed_run_says_how_to_repeat_it(world: World, client: TestClient) -> None:
    asset = world.add_asset("acme", "a.png", AssetStatus.FAILED)
    (again,) = ask(client, NAME)
    assert again["upload"] is None
    assert f"POST /assets/{asset.asset_id}/analyses" in again["hint"]


@pytest.mark.parametrize("by_engine", [True, False])
def test_refused_content_is_not_taken_again(
    world: World, client: TestClient, by_engine: bool
) -> None:
    status = AssetStatus.DONE if by_engine else AssetStatus.REFUSED
    asset = world.add_asset("acme", "a.png", status)
    refusal = {"reason_code": "text", "reason": "It is text."}
    if by_engine:
        world.change_result(asset, state=ResultState.REFUSED, **refusal)
    else:
        world.library.save(asset.model_copy(update=refusal))
    (again,) = ask(client, NAME)
    assert (again["upload"], again["status"]) == (None, "refused")
    assert again["hint"] == "Refused: It is text. The same content would be refused again."


@pytest.mark.parametrize("code", ["checksum_mismatch", "gone", "changed"])
@pytest.mark.parametrize("by_engine", [True, False])
def test_what_did_not_arrive_as_announced_may_be_sent_again(
    world: World, client: TestClient, code: str, by_engine: bool
) -> None:
    """Whether ingest saw it, or the workflow after it."""
    status = AssetStatus.DONE if by_engine else AssetStatus.REFUSED
    asset = world.add_asset("acme", "a.png", status)
    refusal = {"reason_code": code, "reason": "Upload it again."}
    if by_engine:
        world.change_result(asset, state=ResultState.REFUSED, **refusal)
    else:
        world.library.save(asset.model_copy(update=refusal))
    (again,) = ask(client, NAME)
    assert (again["status"], again["hint"]) == ("waiting", None)
    assert again["upload"]["fields"]["key"] == asset.key
    stored = world.library.asset("acme", asset.asset_id)
    assert (stored.state, stored.reason) == (AssetState.WAITING, None)


def test_an_empty_file_may_be_uploaded_to_be_refused_on_the_record(client: TestClient) -> None:
    (upload,) = ask(client, wanted(size_bytes=0))
    assert upload["upload"]["fields"]["x-test-range"] == "0-0"


def test_a_file_over_the_limit_is_recorded_as_refused(world: World, client: TestClient) -> None:
    size = LIMITS.max_file_bytes + 1
    ok, too_large = ask(client, wanted(), wanted("big.mp4", size_bytes=size))
    assert ok["upload"]
    assert too_large["upload"] is None
    assert too_large["status"] == "refused"
    stored = world.library.asset("acme", too_large["asset_id"])
    assert stored.reason_code == "too_large"
    assert str(size) in (stored.reason or "")
    (edge,) = ask(client, wanted("edge.mp4", size_bytes=LIMITS.max_file_bytes))
    assert edge["upload"]


def test_a_size_that_was_announced_wrongly_can_be_corrected(
    world: World, client: TestClient
) -> None:
    (refused,) = ask(client, wanted(size_bytes=LIMITS.max_file_bytes + 1))
    (corrected,) = ask(client, wanted(size_bytes=10))
    assert (refused["upload"], corrected["status"]) == (None, "waiting")
    assert corrected["upload"]["fields"]["x-test-range"] == "10-10"
    stored = world.library.asset("acme", corrected["asset_id"])
    assert (stored.state, stored.size_bytes, stored.reason) == (AssetState.WAITING, 10, None)


@pytest.mark.parametrize(
    "path", ["Été à Paris/ü 1.mp4", "../../etc/passwd", "日本語", " ", "🎬" * 9]
)
def test_any_name_is_kept_as_a_label_and_never_used_as_a_key(
    world: World, client: TestClient, path: str
) -> None:
    (upload,) = ask(client, wanted(path))
    assert upload["path"] == path
    stored = world.library.asset("acme", upload["asset_id"])
    assert stored.path == path
    pattern = rf"raw/acme/{stored.asset_id}/[A-Za-z0-9_-][A-Za-z0-9._-]*"
    assert re.fullmatch(pattern, stored.key)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"path": ""}, "path"),
        ({"path": "a\nb"}, "path"),
        ({"path": "a\x00b"}, "path"),
        ({"path": "a\x85b"}, "path"),
        ({"path": "a\n"}, "path"),
        ({"path": "x" * 1025}, "path"),
        ({"size_bytes": -1}, "size_bytes"),
        ({"size_bytes": 2**53 + 1}, "size_bytes"),
        ({"size_bytes": "many"}, "size_bytes"),
        ({"size_bytes": "12"}, "size_bytes"),
        ({"size_bytes": False}, "size_bytes"),
        ({"size_bytes": 12.0}, "size_bytes"),
        ({"sha256": "ab"}, "sha256"),
        ({"sha256": SHA.upper()}, "sha256"),
        ({"sha256": SHA + "\n"}, "sha256"),
        ({"content_type": "video"}, "content_type"),
        ({"content_type": "video/mp4\r\nx: y"}, "content_type"),
        ({"size": 3}, "size"),
    ],
)
def test_a_bad_field_is_named(client: TestClient, change: dict[str, Any], field: str) -> None:
    answer = client.post("/uploads", json={"files": [wanted("fine"), wanted() | change]})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [f"body.files.1.{field}"]


@pytest.mark.parametrize("count", [0, 101])
def test_one_to_a_hundred_files(client: TestClient, count: int) -> None:
    answer = client.post("/uploads", json={"files": [wanted(f"{n}") for n in range(count)]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "body.files"


def test_the_longest_path_is_taken(client: TestClient) -> None:
    (upload,) = ask(client, wanted("é" * 1024))
    assert upload["path"] == "é" * 1024


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("../Été à Paris.MP4", "Ete-a-Paris.MP4"),
        ("a\\b\\c.png", "c.png"),
        (".bashrc", "bashrc"),
        ("日本語.webm", "webm"),
        ("...", "file"),
        ("dir/", "file"),
        ("a..b", "a.b"),
        ("x" * 300 + ".mp4", "x" * 76 + ".mp4"),
        ("a." + "y" * 300, "a." + "y" * 16),
    ],
)
def test_safe_names(label: str, name: str) -> None:
    assert safe_name(label) == name


@given(st.text(min_size=1))
def test_a_safe_name_is_always_safe(label: str) -> None:
    name = safe_name(label)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,79}", name)
    assert ".." not in name
