"""Where results go: every command's --json, and that nothing of others is written over."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filmgate.access.service import create_key
from filmgate.adapters.operations import Depth, LogLine
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate_local import stack
from filmgate_samples import library
from tests.memory_keys import MemoryKeyStore
from tests.unit.cli.conftest import Run
from tests.unit.cli.service import Service
from tests.unit.cli.test_cli_help import COMMANDS

INFO = stack.StackInfo(
    api_url="http://127.0.0.1:1/api", endpoint_url="http://127.0.0.1:1", region="us-east-1",
    stage="local", stack="filmgate-local", tenant="local", pid=1, port=1, raw_bucket="raw",
    artifacts_bucket="artifacts", ingest_queue_url="q", dead_letters_url="d", tables={"keys": "k"},
    functions={"api": "f"}, workflows={"image": "w"}, log="log", deployed="0",
)  # fmt: skip
VIDEO = b"\0\0\0\x18ftypmp42 x a film"


class Operated:
    """A deployment that has logged, whose queues are empty, and that keys can be made in."""

    class At:
        keys_table = "keys"
        functions = ("ingest",)

    at = At()

    def environment(self) -> dict[str, str]:
        return {}

    def log_lines(self, functions: tuple[str, ...], since_ms: int) -> list[LogLine]:
        return [LogLine("ingest", 1_700_000_000_000, '{"level":"INFO","message":"fine"}', "1")]

    def redrive(self, moved: Callable[[int], None]) -> int:
        return 0

    def depths(self) -> dict[str, Depth]:
        return {}


@pytest.fixture
def everywhere(
    service: Service, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, list[object]]:
    """Words for each command, in a world where all of them work."""
    monkeypatch.setenv("FILMGATE_ROOT", str(tmp_path))
    monkeypatch.setattr(stack, "up", lambda *_: INFO)
    monkeypatch.setattr(stack, "down", lambda *_: None)
    monkeypatch.setattr("filmgate.cli.operator.deployment", lambda _: Operated())
    make_files = library.make_files
    monkeypatch.setattr(
        library, "make_files", lambda target, paths, **more: make_files(target, [], seed=1)
    )
    keys = MemoryKeyStore()
    create_key(keys, "acme", "made for the test")
    monkeypatch.setattr("filmgate.adapters.dynamodb.keys.DynamoKeyStore", lambda _: keys)
    asset = service.world.add_asset("acme", "one.png")
    pairs = [{"a": "x", "b": "y", "label": "same", "comparison": COMPARISON}]
    (tmp_path / "labelled.json").write_text(json.dumps({"pairs": pairs}))
    return {
        "scan": [folder],
        "upload": [folder / "a.mp4"],
        "samples": [tmp_path / "samples"],
        "show": [asset.asset_id],
        "tune": [tmp_path / "labelled.json"],
        "keys create": ["acme"],
        "keys revoke": [keys.records()[0].key_id],
        "rerun": ["--outdated"],
        "forget": [asset.asset_id],
        "restore": [asset.asset_id],
        "holds place": [asset.asset_id, "--reason", "case 7"],
        "holds release": [asset.asset_id, "01KA1B7S4T0C3E8H5J6K9M2N4P"],
        "policy set": ["--raw", "90"],
    }


COMPARISON = {
    "kind": "video", "visual": 0.9, "audio": None, "metadata": 1.0, "decisive": ["visual"],
    "engine": "test",
}  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_json_goes_to_a_file_or_to_stdout_and_says_what_made_it(
    run: Run, everywhere: dict[str, list[object]], tmp_path: Path, words: list[str]
) -> None:
    name, out = " ".join(words), tmp_path / "out.json"
    arguments = [*words, *everywhere.get(name, [])]
    found = []
    for _ in range(2):
        result = run(*arguments, "--json", out)
        assert result.exit_code == 0, result.stderr
        assert not result.stdout.startswith("{")
        assert f"JSON: {out}" in result.stderr
        found.append(_first(out.read_text(), name))
    for option in (["--json"], ["--json", "-"], ["--json=-"]):
        result = run(*arguments, *option)
        assert result.exit_code == 0, result.stderr
        found.append(_first(result.stdout, name))
    marks = {one["generator"] for one in found if "generator" in one}
    assert marks == {f"filmgate 0.1.0 {name}"}
    assert {frozenset(one) for one in found[2:]} == {frozenset(found[-1])}


def _first(text: str, command: str) -> dict[str, Any]:
    """The document; of log lines the first."""
    document = json.loads(text.splitlines()[0] if command == "logs" else text)
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_json_is_written_over_no_file_of_others(
    run: Run,
    everywhere: dict[str, list[object]],
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
) -> None:
    def started(*_: object) -> None:
        raise AssertionError("the work began")

    monkeypatch.setattr(stack, "up", started)
    monkeypatch.setattr(stack, "down", started)
    monkeypatch.setattr("filmgate.cli.operator.deployment", started)
    media = Path(str(everywhere["scan"][0])) / "a.mp4"
    media.write_bytes(VIDEO)
    result = run(*words, *everywhere.get(" ".join(words), []), "--json", media)
    assert result.exit_code == 2, result.stderr
    assert "a.mp4 exists and is not JSON by `filmgate" in result.stderr
    assert "Next: Give a new file name" in result.stderr
    assert media.read_bytes() == VIDEO
    assert service.posted == []


def test_a_report_is_written_over_no_file_of_others(
    run: Run, service: Service, folder: Path
) -> None:
    before = _digests(folder)
    for name in ("a.mp4", "notes.txt", "truth.json", "link.mp4", ".hidden"):
        result = run("scan", folder, "--report", folder / name)
        assert result.exit_code == 2
        assert "is not a report by Filmgate" in result.stderr
    assert service.posted == []
    assert _digests(folder) == before


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_report_and_json_are_not_taken_for_each_other(
    run: Run, service: Service, folder: Path, tmp_path: Path
) -> None:
    page, out = tmp_path / "r.html", tmp_path / "o.json"
    assert run("scan", folder, "--json", page, "--report", page).exit_code == 2
    assert not page.exists()
    assert run("scan", folder, "--json", out, "--report", page).exit_code == 0
    assert run("scan", folder, "--json", page).exit_code == 2
    assert run("scan", folder, "--report", out).exit_code == 2
    assert run("assets", "--json", out).exit_code == 2
    assert run("scan", folder, "--json", out, "--report", page).exit_code == 0


def test_settings_are_written_over_nothing_but_settings_and_are_read_again(
    run: Run, everywhere: dict[str, list[object]], tmp_path: Path
) -> None:
    labelled, out = tmp_path / "labelled.json", tmp_path / "settings.json"
    before = labelled.read_bytes()
    assert run("tune", labelled, "--write", labelled).exit_code == 2
    assert labelled.read_bytes() == before
    for _ in range(2):
        assert run("tune", labelled, "--write", out).exit_code == 0
    assert json.loads(out.read_text())["generator"] == "filmgate 0.1.0 tune --write"
    assert MatchSettings.model_validate_json(out.read_text())
    assert run("tune", labelled, "--settings", out).exit_code == 0
    assert run("tune", labelled, "--json", out).exit_code == 2


def test_samples_leave_a_folder_of_others_alone(run: Run, folder: Path) -> None:
    before = _digests(folder)
    result = run("samples", folder)
    assert result.exit_code == 2
    assert "is not empty and was not made by this command" in result.stderr
    assert "Next: Give a new or empty directory" in result.stderr
    assert _digests(folder) == before


def test_logs_without_end_go_to_no_file(
    run: Run, everywhere: dict[str, list[object]], tmp_path: Path
) -> None:
    result = run("logs", "--follow", "--json", tmp_path / "out")
    assert result.exit_code == 2
    assert "--json -" in result.stderr


def test_json_may_stand_without_a_name(run: Run, service: Service) -> None:
    for words in (["--json", "--limit", "2"], ["--json"], ["--limit", "2", "--json", "-"]):
        assert "items" in json.loads(run("assets", *words).stdout)
