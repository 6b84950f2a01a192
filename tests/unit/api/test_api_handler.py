"""The Lambda handler, with the events API Gateway sends."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from filmgate.observability import logger
from functions.api import handler as module
from tests.unit.api.world import World

EVENTS = Path(module.__file__).parent


@dataclass(frozen=True)
class Context:
    function_name: str = "filmgate-test-api"
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:api"
    aws_request_id: str = "5a3e"


@pytest.fixture
def invoke(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[dict[str, Any]], dict[str, Any]]]:
    services = replace(world.services, observe=module._observe)
    monkeypatch.setattr(module, "_services", lambda: services)
    module._application.cache_clear()
    yield lambda event: module.handler(event, Context())
    module._application.cache_clear()


def event(name: str, key: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    if key:
        found["headers"]["x-api-key"] = key
    return found


def test_health(invoke: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    answer = invoke(event("event_health"))
    assert answer["statusCode"] == 200
    assert answer["isBase64Encoded"] is False
    assert json.loads(answer["body"])["status"] == "ok"
    assert answer["headers"]["x-request-id"] == "JKJaXmPLvHcESHA="


def test_an_upload_is_created(
    world: World, invoke: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    answer = invoke(event("event_create_uploads", world.keys["acme"]))
    assert answer["statusCode"] == 200, answer
    (upload,) = json.loads(answer["body"])["uploads"]
    assert upload["path"] == "holiday/Été 1.mp4"
    assert world.library.asset("acme", upload["asset_id"]).size_bytes == 900


def test_the_query_arrives(
    world: World, invoke: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    for n in range(12):
        world.add_asset("acme", f"{n}.png")
    answer = json.loads(invoke(event("event", world.keys["acme"]))["body"])
    assert len(answer["items"]) == 10
    by_id = json.loads(invoke(event("event_assets_by_id", world.keys["acme"]))["body"])
    assert by_id == {"items": [], "cursor": None}


def test_a_problem_travels_as_text_under_the_id_of_the_request(
    invoke: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    unknown = event("event")
    unknown["headers"]["X-Request-Id"] = "chosen-by-the-caller"
    answer = invoke(unknown)
    assert answer["statusCode"] == 401
    assert answer["isBase64Encoded"] is False
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert json.loads(answer["body"])["instance"] == "urn:filmgate:request:JKJaXmPLvHcESHA%3D"


def test_the_logs_name_the_request_and_nothing_private(
    world: World,
    invoke: Callable[[dict[str, Any]], dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)

    def fail(*_: object, **__: object) -> None:
        raise ValueError("holiday/Été 1.mp4")

    key = world.keys["acme"]
    invoke(event("event_create_uploads", key))
    world.library.analyzed = fail  # type: ignore[method-assign,assignment]
    failed = invoke(event("event_create_uploads", key))
    assert failed["statusCode"] == 500
    written = log.getvalue() + capsys.readouterr().out
    lines = [json.loads(line) for line in written.splitlines()]
    answered = next(line for line in lines if line.get("message") == "answered")
    assert answered["correlation_id"] == "JKJaXmPLvHcESHA="
    assert (answered["route"], answered["status"]) == ("/uploads", 200)
    fault = next(line for line in lines if line.get("message") == "failed")
    assert fault["fault"][0]["type"] == "builtins.ValueError"
    assert "test_api_handler.py" in fault["fault"][0]["at"][-1]
    metrics = [line for line in lines if "_aws" in line and "ApiRequests" in line]
    assert [line.get("ApiFailures") for line in metrics] == [None, [1.0]]
    for secret in (key, "holiday", "203.0.113.7", "abab"):
        assert secret not in written


def test_the_handler_loads_nothing_that_decodes_or_computes() -> None:
    code = (
        "import sys, functions.api.handler; "
        "print({'av', 'PIL', 'numpy', 'imagehash', 'httpx', 'rich', 'typer', 'jinja2'}"
        " & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
