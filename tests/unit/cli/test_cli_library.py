from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from filmgate.cli.app import app
from filmgate.dedupe.matching.model import Transform
from filmgate.dedupe.records import match_of, verdict_of
from filmgate.engines.status import EngineState, report
from filmgate.library.model import AssetStatus
from tests.unit.cli.conftest import Run
from tests.unit.cli.service import Service


def test_assets_page_through_by_cursor(run: Run, service: Service) -> None:
    for minute in range(5):
        service.world.add_asset("acme", f"{minute}.png", minute=minute)
    first = json.loads(run("assets", "--limit", 2, "--json").stdout)
    assert [asset["path"] for asset in first["items"]] == ["4.png", "3.png"]
    rest = json.loads(run("assets", "--cursor", first["cursor"], "--json").stdout)
    assert [asset["path"] for asset in rest["items"]] == ["2.png", "1.png", "0.png"]
    assert rest["cursor"] is None


def test_assets_by_status_and_beyond_one_page(run: Run, service: Service) -> None:
    for number in range(130):
        status = AssetStatus.FAILED if number % 2 else AssetStatus.DONE
        service.world.add_asset("acme", f"{number}.png", status, minute=number)
    failed = json.loads(run("assets", "--status", "failed", "--limit", 60, "--json").stdout)
    assert len(failed["items"]) == 60
    assert {asset["status"] for asset in failed["items"]} == {"failed"}
    everything = json.loads(run("assets", "--limit", 500, "--json").stdout)
    assert len(everything["items"]) == 130


def test_an_empty_library_names_the_next_step(run: Run, service: Service) -> None:
    for command in ("assets", "matches"):
        result = run(command)
        assert result.exit_code == 0
        assert "filmgate scan DIR" in result.stdout


def test_no_file_of_a_status_is_said_of_that_status(run: Run, service: Service) -> None:
    service.world.add_asset("acme", "a.png")
    result = run("assets", "--status", "failed")
    assert result.exit_code == 0
    assert result.stdout == "No file has the status failed.\n"


def test_values_that_the_service_rejects_are_named(run: Run, service: Service) -> None:
    result = run("rerun", service.world.add_asset("acme", "a.png").asset_id, "--want", "faces")
    assert result.exit_code == 2
    assert "The service rejected the request. " in result.stderr
    assert "want: there is no capability faces" in result.stderr
    assert "422" not in result.stderr


def test_show_an_asset_with_its_matches(run: Run, service: Service) -> None:
    one, two = (service.world.add_asset("acme", name) for name in ("one.png", "two.png"))
    service.world.add_match(one, two, 0.91)
    text = run("show", one.asset_id).stdout
    for words in ("one.png", "two.png", "image, png, 9x9", "0.910", "near"):
        assert words in text
    found = json.loads(run("show", one.asset_id, "--json").stdout)
    assert found["asset"]["path"] == "one.png"
    assert len(found["matches"]) == 1


def test_what_was_not_compared_is_said(run: Run, service: Service, folder: Path) -> None:
    asset = service.world.add_asset("acme", "one.png")
    service.world.change_result(asset, summary={"uncompared": 3})
    words = "3 candidates were not compared"
    assert words in run("show", asset.asset_id).stdout
    (shown,) = json.loads(run("show", asset.asset_id, "--json").stdout)["asset"]["results"]
    assert shown["summary"]["uncompared"] == 3
    assert "not compared" not in run("scan", folder).stdout
    held = service.world.library.list_analyzed("acme", status=None, limit=99, cursor=None).items
    for record in held:
        if record.results:
            service.world.change_result(record.asset, summary={"uncompared": 1})
    scanned = run("scan", folder, "--json", "-")
    found = json.loads(scanned.stdout)["assets"]
    assert {a["passed_over"] for a in found if a["status"] == "done"} == {1}
    assert "1 candidate was not compared" in run("scan", folder).stdout


def test_show_a_match_with_scores_reason_and_aligned_times(
    run: Run, service: Service, folder: Path
) -> None:
    run("scan", folder)
    match = json.loads(run("matches", "--json").stdout)["items"]
    best = max(match, key=lambda item: item["verdict"]["score"])
    text = run("show", best["match_id"]).stdout
    for words in ("exact 0.990", "at least 0.95 needed", "The pictures agree", "visual", "86.7",
                  "0:00.0 to 0:02.0", "98 %",
                  "0.988 (as calibrated on labelled.json, 40 pairs, 2026-01-02)"):  # fmt: skip
        assert words in text.replace("87 %", "86.7"), words


def test_what_was_done_to_a_copy_is_shown_in_words_and_in_json(run: Run, service: Service) -> None:
    one, two = (service.world.add_asset("acme", name) for name in ("one.png", "two.png"))
    made = service.world.add_match(one, two, 0.91)
    done = {"tilt": 4.5, "overlaid": True, "recoloured": True, "audio_removed": True}
    verdict = verdict_of(made).model_copy(update={"transform": Transform(**done)})
    service.world.library.save_match(match_of("acme", made.a, made.b, verdict, made.created_at))
    words = "tilted by 4.5 degrees, with an overlay, recoloured, with the sound added"
    assert words in run("show", made.match_id).stdout
    assert words in run("matches").stdout
    shown = json.loads(run("show", made.match_id, "--json").stdout)["verdict"]["transform"]
    assert done.items() <= shown.items()


def test_what_is_not_there_is_exit_1_with_the_next_step(run: Run, service: Service) -> None:
    foreign = service.world.add_asset("rival", "secret.png")
    for words in (["show", foreign.asset_id], ["show", f"{'0' * 26}:{'1' * 26}"],
                  ["matches", "0" * 26], ["matches", "zzz"]):  # fmt: skip
        result = run(*words)
        assert result.exit_code == 1, words
        assert "filmgate assets" in result.stderr
        assert result.stdout == ""


def test_matches_of_some_assets_only(run: Run, service: Service) -> None:
    one, two, three = (service.world.add_asset("acme", f"{n}.png") for n in range(3))
    service.world.add_match(one, two, 0.9)
    service.world.add_match(two, three, 0.8)
    found = json.loads(run("matches", one.asset_id, "--json").stdout)
    assert [match["verdict"]["score"] for match in found["items"]] == [0.9]
    assert run("matches", one.asset_id, "--cursor", "x").exit_code == 2


def test_upload_waits_and_shows_what_it_matches(run: Run, service: Service, folder: Path) -> None:
    run("upload", folder / "a.mp4")
    result = run("upload", folder / "sub" / "b copy.mp4", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["assets"][0]["path"] == "b copy.mp4"
    assert found["matches"][0]["verdict"]["match_class"] == "exact"
    text = run("upload", folder / "sub" / "b copy.mp4").stdout
    assert "a.mp4" in text


def test_upload_of_something_other_than_a_file(run: Run, service: Service, folder: Path) -> None:
    for path, next_step in ((folder / "none.mp4", "Check the path"), (folder, "filmgate scan DIR")):
        result = run("upload", path)
        assert result.exit_code == 2
        assert next_step in result.stderr


def test_samples_where_no_folder_can_be(run: Run, folder: Path) -> None:
    result = run("samples", folder / "a.mp4")
    assert result.exit_code == 2
    assert "is not a directory" in result.stderr
    assert "Next:" in result.stderr


def test_a_value_the_service_does_not_take_is_wrong_usage(run: Run, service: Service) -> None:
    result = run("assets", "--cursor", "odd")
    assert result.exit_code == 2
    assert "--help" in result.stderr


def test_status_counts_by_state(run: Run, service: Service) -> None:
    service.world.add_asset("acme", "1.png")
    service.world.add_asset("acme", "2.png", AssetStatus.FAILED)
    found = json.loads(run("status", "--json").stdout)
    assert found["assets"] == {"done": 1, "failed": 1}
    text = run("status").stdout
    assert "1 done, 1 failed" in text
    assert "filmgate redrive --reruns" in text


def test_status_names_the_engines_and_why_one_is_missing(run: Run, service: Service) -> None:
    assert json.loads(run("status", "--json").stdout)["engines"] == []
    states = (
        EngineState(capability="fingerprint", engine="print/1"),
        EngineState(capability="embedding", engine=None, reason="no model is configured"),
    )
    report(service.world.objects, states)
    found = json.loads(run("status", "--json").stdout)["engines"]
    assert [state["engine"] for state in found] == ["print/1", None]
    text = run("status").stdout
    assert "print/1" in text
    assert "optional, not available: no model is configured" in text


def test_a_match_shows_its_embedding_only_where_there_is_one(run: Run, service: Service) -> None:
    first, second = (service.world.add_asset("acme", name) for name in ("1.png", "2.png"))
    plain = service.world.add_match(first, second, 0.9)
    assert "embedding" not in run("show", plain.match_id).stdout
    verdict = verdict_of(plain).model_copy(update={"embedding": 0.8125})
    service.world.library.save_match(match_of("acme", plain.a, plain.b, verdict, plain.created_at))
    assert "embedding" in run("show", plain.match_id).stdout


def test_without_a_stack_every_command_says_how_to_start_one(
    run: Run, nowhere: Path, folder: Path
) -> None:
    for words in (["status"], ["assets"], ["scan", folder], ["logs"], ["redrive"],
                  ["keys", "create", "acme"]):  # fmt: skip
        result = run(*words)
        assert result.exit_code == 3, (words, result.stderr)
        assert "filmgate up" in result.stderr


def test_a_damaged_state_file_is_said(run: Run, nowhere: Path) -> None:
    (nowhere / ".filmgate").mkdir()
    (nowhere / ".filmgate" / "stack.json").write_text("{")
    result = run("status")
    assert result.exit_code == 1
    assert "damaged" in result.stderr


def test_a_url_without_a_key_is_said(
    run: Run, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILMGATE_API_URL", "http://service.test")
    result = run("assets")
    assert result.exit_code == 2
    assert "FILMGATE_API_KEY" in result.stderr


def test_version(run: Run) -> None:
    assert json.loads(run("version", "--json").stdout)["version"] in run("version").stdout


def test_piped_tables_keep_their_lines_whole(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    service.world.add_asset("acme", "a long name " * 20 + ".png")
    lines = CliRunner().invoke(app, ["assets"]).stdout.splitlines()
    assert len(lines) == 2


def test_a_locale_without_unicode_breaks_nothing() -> None:
    code = "from filmgate.cli.output import Output, safe\nOutput().show(safe('\\xdc \\u6620'))\n"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "\\xdc \\u6620\n"


class DeadLetters:
    """A deployment with three dead letters."""

    def redrive(self, moved: Callable[[int], None]) -> int:
        moved(3)
        return 3


def test_redrive_tells_how_many_and_runs_failed_assets_again(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filmgate.cli.operator.deployment", lambda _: DeadLetters())
    failed = service.world.add_asset("acme", "f.png", AssetStatus.FAILED)
    service.world.add_asset("acme", "d.png")
    plain = run("redrive", "--json")
    found = json.loads(plain.stdout)
    assert {"moved": 3, "rerun": []}.items() <= found.items()
    found = json.loads(run("redrive", "--reruns", "--json").stdout)
    assert [item["asset_id"] for item in found["rerun"]] == [failed.asset_id]
    ((_, payload),) = service.world.workflows.started.values()
    assert [job["capability"] for job in payload["work"]] == ["dedupe"]  # type: ignore[index,call-overload,union-attr]
