from __future__ import annotations

import json

import pytest

from filmgate.adapters.operations import Addresses, LogLine
from filmgate.cli import logs
from filmgate.cli.errors import CliError
from tests.unit.cli.conftest import Run


def line(message: str) -> LogLine:
    return LogLine("ingest", 1_700_000_000_000, message, "1")


def test_what_powertools_writes_is_read() -> None:
    entry = logs.parse(line('{"level":"ERROR","message":"no","correlation_id":"c"}'))
    assert entry == {"level": "ERROR", "service": "ingest", "message": "no", "correlation_id": "c"}


@pytest.mark.parametrize("text", ["plain", "{broken", "[1]", '"text"'])
def test_any_other_line_is_a_message(text: str) -> None:
    entry = logs.parse(line(text))
    assert entry is not None
    assert entry["level"] == "INFO"


@pytest.mark.parametrize(
    "text", ["START RequestId: 1", "END RequestId: 1", "REPORT x", json.dumps({"_aws": {}})]
)
def test_the_platforms_lines_and_metrics_are_left_out(text: str) -> None:
    assert logs.parse(line(text)) is None


class Lines:
    """A deployment that has logged."""

    def __init__(self, *lines: LogLine) -> None:
        self._lines = lines
        functions = ("api", "ingest", "match")
        self.at = Addresses("test", "queue", "dead-letters", "keys", functions)

    def log_lines(self, functions: tuple[str, ...], since_ms: int) -> list[LogLine]:
        return [line for line in self._lines if line.function in functions]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Lines(
        line('{"level":"INFO","message":"fine"}'),
        line('{"level":"ERROR","message":"\\u001b[31mbad","exception":"Trace\\nback"}'),
        LogLine("match", 1_700_000_001_000, '{"level":"WARNING","message":"hm"}', "2"),
    )
    monkeypatch.setattr("filmgate.cli.operator.deployment", lambda _: found)


def test_levels_and_functions_are_chosen(run: Run, logged: None) -> None:
    text = run("logs", "--level", "warning").stdout
    assert "fine" not in text
    assert "bad" in text
    assert "hm" in text
    assert "\x1b" not in text
    assert "bad" not in run("logs", "match").stdout


def test_a_function_that_is_not_deployed_is_wrong_usage() -> None:
    deployed = ("api", "ingest")
    assert logs._selected_functions(None, deployed) == deployed
    assert logs._selected_functions("api", deployed) == ("api",)
    with pytest.raises(CliError, match="no function 'match'"):
        logs._selected_functions("match", deployed)


def test_json_is_one_object_a_line(run: Run, logged: None) -> None:
    entries = [json.loads(text) for text in run("logs", "--json").stdout.splitlines()]
    assert [entry["level"] for entry in entries] == ["INFO", "ERROR", "WARNING"]


def test_nothing_found_is_said_on_stderr(run: Run, logged: None) -> None:
    result = run("logs", "api", "--json")
    assert result.stdout == ""
    assert "No lines" in result.stderr


@pytest.mark.parametrize("period", ["", "10", "m", "-1m", "1w", "1.5h"])
def test_a_bad_period_is_wrong_usage(run: Run, period: str) -> None:
    with pytest.raises(CliError):
        logs._seconds(period)
