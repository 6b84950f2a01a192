"""How long a call to AWS can take when nothing answers."""

from __future__ import annotations

import pytest
from botocore.config import Config

from filmgate.adapters import s3, sqs, stepfunctions
from filmgate.adapters.clients import BRIEF, OBJECTS
from filmgate.adapters.dynamodb.matches import DynamoMatches
from filmgate.adapters.dynamodb.runs import DynamoAssetRuns
from filmgate_local.layout import CHECKOUT

SHORTEST_TIMEOUT_S = 29
"""Of the functions that somebody waits for; a test of the template knows them all."""


def longest_s(config: Config) -> float:
    """Seconds until a call is given up that connects at once and is never answered."""
    options = vars(config)
    return float(options["read_timeout"] * options["retries"]["total_max_attempts"])


@pytest.mark.parametrize("config", [BRIEF, OBJECTS])
def test_a_call_that_hangs_ends_before_its_function(config: Config) -> None:
    assert longest_s(config) <= 20 < SHORTEST_TIMEOUT_S
    assert vars(config)["connect_timeout"] == 2
    assert vars(config)["retries"]["mode"] == "standard"


@pytest.mark.parametrize("module", [s3, sqs, stepfunctions])
def test_clients_are_made_so(module: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    made = module._client.__wrapped__()  # type: ignore[attr-defined]
    assert longest_s(made.meta.config) <= 20


@pytest.mark.parametrize("kind", [DynamoAssetRuns, DynamoMatches])
def test_tables_are_reached_so(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    store = kind("table")
    rows = next(value for value in vars(store).values() if hasattr(value, "Meta"))
    for connection in (store._connection, rows._get_connection().connection):
        assert longest_s(connection.client.meta.config) <= 20
        assert vars(connection.client.meta.config)["connect_timeout"] == 2


def test_no_adapter_makes_a_client_of_its_own_kind() -> None:
    adapters = CHECKOUT / "layers" / "core" / "python" / "filmgate" / "adapters"
    for file in adapters.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if file.name not in {"clients.py", "operations.py", "tables.py"}:
            assert "Config(" not in text, file
            assert "Connection()" not in text, file
            assert text.count("boto3.client(") == text.count("config="), file
