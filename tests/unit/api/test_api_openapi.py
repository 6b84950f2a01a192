"""The description in the repository is the one the code gives."""

from __future__ import annotations

import json
import subprocess
import sys
from http import HTTPStatus

import pytest

from filmgate.api import openapi, problems
from filmgate.api.models import Problem


def test_the_kept_description_is_current() -> None:
    assert openapi.FILE.read_text(encoding="utf-8") == openapi.document(), (
        "the API changed: run `python -m filmgate.api.openapi --write` and look at the difference"
    )


def test_the_description_is_the_same_for_every_version_of_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python 3.13 renamed some statuses."""
    described = openapi.document()
    for old in ("Unprocessable Entity", "Unprocessable Content"):
        monkeypatch.setattr(HTTPStatus.UNPROCESSABLE_ENTITY, "phrase", old)
        assert openapi.document() == described
    assert problems.invalid([]).status == 422
    assert b'"title": "Unprocessable Content"' in problems.respond(problems.invalid([]), "r").body


def test_every_reference_leads_somewhere() -> None:
    text = openapi.document()
    described = json.loads(text)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names == set(described["components"]["schemas"])


def test_every_route_but_health_names_the_key_and_its_errors() -> None:
    described = json.loads(openapi.document())
    assert described["components"]["securitySchemes"]["apiKey"]["name"] == "x-api-key"
    for path, operations in described["paths"].items():
        for operation in operations.values():
            assert ("security" in operation) == (path != "/health")
            assert ("401" in operation["responses"]) == (path != "/health")
            problem = operation["responses"]["default"]["content"]["application/problem+json"]
            assert problem["schema"]["$ref"].endswith("/Problem")
    assert set(described["components"]["schemas"]["Problem"]["properties"]) == set(
        Problem.model_fields
    )


def test_the_command_prints_the_description(capsys: pytest.CaptureFixture[str]) -> None:
    assert openapi.main([]) == 0
    assert capsys.readouterr().out == openapi.document()


def test_the_api_loads_nothing_that_decodes_or_computes() -> None:
    """Each of these costs a cold start 100 ms and more."""
    code = (
        "import sys, filmgate.api.app; "
        "print({'av', 'PIL', 'numpy', 'imagehash', 'boto3', 'httpx', 'rich'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
