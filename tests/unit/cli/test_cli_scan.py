from __future__ import annotations

import json
import os
from functools import partialmethod
from pathlib import Path

import pytest

from filmgate.client.scan_result import ScanResult
from filmgate.client.scanner import Scanner
from tests.unit.cli.conftest import Run
from tests.unit.cli.service import HALF, Service


def test_scan_json_is_the_documented_document(
    run: Run, service: Service, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    result = run("scan", folder, "--json", out)
    assert result.exit_code == 0, result.stderr
    found = json.loads(out.read_text())
    assert {asset["path"]: asset["status"] for asset in found["assets"]} == {
        "a.mp4": "done",
        "c.mp4": "done",
        "d.mp4": "done",
        "notes.txt": "refused",
        "sub/b copy.mp4": "done",
    }
    assert found["groups"] == [["a.mp4", "sub/b copy.mp4"]]
    best = found["matches"][0]
    assert {best["a"], best["b"]} == {"a.mp4", "sub/b copy.mp4"}
    assert best["class"] == "exact"
    wanted = {"score", "visual", "audio", "metadata", "weights", "transform", "segments", "engine"}
    assert wanted <= best.keys()
    assert best["segments"] == [{"a_start": 0, "a_end": 2, "b_start": 0, "b_end": 2}]
    assert best["probability"] == 0.9875
    assert best["calibrated_on"] == "labelled.json, 40 pairs, 2026-01-02"
    assert ScanResult.model_validate(found)
    assert [asset["reason"] for asset in found["assets"] if asset["path"] == "notes.txt"] == [
        "Only text."
    ]


def test_a_folder_without_files_gives_a_sentence(
    run: Run, service: Service, tmp_path: Path
) -> None:
    result = run("scan", tmp_path)
    assert result.exit_code == 0
    assert result.stdout == "There are no files to scan in this folder.\n"
    (tmp_path / "link.mp4").symlink_to(tmp_path / "a.mp4")
    assert run("scan", tmp_path).stdout.endswith(" Skipped: 1 symbolic link.\n")
    assert json.loads(run("scan", tmp_path, "--json", "-").stdout)["assets"] == []


def test_a_second_scan_uploads_only_what_is_new(run: Run, service: Service, folder: Path) -> None:
    run("scan", folder)
    assert len(service.posted) == 5
    (folder / "e.mp4").write_bytes(b"z new")
    result = run("scan", folder, "--json", "-")
    assert result.exit_code == 0
    assert len(service.posted) == 6
    assert len(json.loads(result.stdout)["assets"]) == 6


def test_assets_are_known_by_the_folders_name_and_their_path(
    run: Run, service: Service, folder: Path
) -> None:
    run("scan", folder)
    page = service.world.library.list_analyzed("acme", status=None, limit=100, cursor=None)
    assert "my videos/sub/b copy.mp4" in {record.asset.path for record in page.items}


def test_people_see_groups_reasons_and_refusals(run: Run, service: Service, folder: Path) -> None:
    result = run("scan", folder)
    for words in ("Group 1: 2 files", "exact 0.990", "The pictures agree", "Only text.",
                  "; skipped: 1 hidden, 1 symbolic link; "):  # fmt: skip
        assert words in result.stdout
    assert result.stderr  # progress


def test_copies_outside_the_folder_are_listed_separately(
    run: Run, service: Service, folder: Path, tmp_path: Path
) -> None:
    assert "outside this folder" not in run("scan", folder).stdout
    other = tmp_path / "other"
    other.mkdir()
    (other / "again.mp4").write_bytes(b"y alone")
    result = run("scan", other, "--json", tmp_path / "o.json", "--report", tmp_path / "r.html")
    sentence = "1 file here also matches 1 file scanned before, outside this folder"
    assert f"{sentence} (1 exact, 0 near, 0 similar): `filmgate matches`" in result.stdout
    assert "1 file, 1 uploaded, 0 groups, 0 pairs (0 exact" in result.stdout
    assert sentence in (tmp_path / "r.html").read_text()
    found = json.loads((tmp_path / "o.json").read_text())
    assert (found["matches"], found["groups"]) == ([], [])
    (pair,) = found["outside"]
    assert (pair["path"], pair["other"]) == ("again.mp4", "my videos/d.mp4")
    assert (pair["class"], pair["score"], pair["partial"]) == ("exact", 0.99, False)
    assert run("show", pair["match_id"]).exit_code == 0


def test_a_file_that_ends_early_gets_a_note(
    run: Run, service: Service, folder: Path, tmp_path: Path
) -> None:
    assert "with a note" not in run("scan", folder).stdout
    (folder / "h.mp4").write_bytes(b"half of it")
    result = run("scan", folder, "--json", tmp_path / "o.json")
    assert "Accepted, with a note: 1" in result.stdout
    assert f"h.mp4: {HALF}" in result.stdout
    found = {a["path"]: a for a in json.loads((tmp_path / "o.json").read_text())["assets"]}
    assert (found["h.mp4"]["status"], found["h.mp4"]["notes"]) == ("done", [HALF])
    assert found["a.mp4"]["notes"] == []
    assert HALF in run("upload", folder / "h.mp4").stdout


def test_failed_files_make_exit_code_1_after_the_result_is_written(
    run: Run, service: Service, folder: Path, tmp_path: Path
) -> None:
    (folder / "f.mp4").write_bytes(b"boom")
    out = tmp_path / "out.json"
    result = run("scan", folder, "--json", out)
    assert result.exit_code == 1
    assert "filmgate redrive --reruns" in result.stderr
    assert json.loads(out.read_text())["groups"] == [["a.mp4", "sub/b copy.mp4"]]


def test_the_service_refuses_what_is_too_large(run: Run, service: Service, folder: Path) -> None:
    (folder / "big.mp4").write_bytes(b"x" * 1001)
    result = run("scan", folder, "--json", "-")
    assert result.exit_code == 0
    found = {a["path"]: a for a in json.loads(result.stdout)["assets"]}
    assert found["big.mp4"]["status"] == "refused"
    assert "1001 bytes" in found["big.mp4"]["reason"]


def test_our_own_outputs_in_the_folder_are_not_scanned(
    run: Run, service: Service, folder: Path
) -> None:
    for _ in range(2):
        result = run("scan", folder, "--json", folder / "o.json", "--report", folder / "r.html")
        assert result.exit_code == 0, result.stderr
    found = json.loads((folder / "o.json").read_text())
    assert not {"o.json", "r.html"} & {asset["path"] for asset in found["assets"]}


def test_the_report_is_written_with_pictures(
    run: Run, service: Service, folder: Path, tmp_path: Path
) -> None:
    result = run("scan", folder, "--report", tmp_path / "r.html")
    assert result.exit_code == 0, result.stderr
    page = (tmp_path / "r.html").read_text()
    assert "data:image/jpeg;base64," in page
    assert "b copy.mp4" in page


def test_a_truth_is_compared(run: Run, service: Service, folder: Path, tmp_path: Path) -> None:
    truth = tmp_path / "known.json"
    files = [{"path": p, "kind": "video", "description": ""} for p in ("a.mp4", "sub/b copy.mp4")]
    copy = {
        "source": "a.mp4",
        "copy_path": "sub/b copy.mp4",
        "transform": "same bytes",
        "parameters": {},
    }
    document = {
        "seed": 1,
        "generator": "g",
        "files": files,
        "copies": [copy],
        "groups": [["a.mp4", "sub/b copy.mp4"]],
        "negatives": [],
    }
    truth.write_text(json.dumps(document))
    result = run("scan", folder, "--truth", truth)
    assert "precision 100 % (1 of 1)" in result.stdout
    assert "same bytes" in result.stdout


def test_a_bad_truth_is_said_before_anything_is_sent(
    run: Run, service: Service, folder: Path, tmp_path: Path
) -> None:
    truth = tmp_path / "known.json"
    truth.write_text("{}")
    result = run("scan", folder, "--truth", truth)
    assert result.exit_code == 2
    assert "not a truth file" in result.stderr
    assert service.posted == []


def test_one_file_that_the_storage_rejects_does_not_end_the_scan(
    run: Run, service: Service, folder: Path, tmp_path: Path
) -> None:
    service.too_large.append("d.mp4")
    out = tmp_path / "out.json"
    result = run("scan", folder, "--json", out)
    found = {asset["path"]: asset for asset in json.loads(out.read_text())["assets"]}
    assert found["d.mp4"]["status"] == "failed"
    assert "EntityTooLarge: Your upload is too large" in found["d.mp4"]["reason"]
    assert {asset["status"] for path, asset in found.items() if path != "d.mp4"} == {
        "done",
        "refused",
    }
    assert result.exit_code == 1
    assert "1 file not sent." in result.stderr
    assert "same command again" in result.stderr
    assert "redrive" not in result.stderr
    assert "<Error>" not in result.stdout + result.stderr


@pytest.mark.parametrize("broken", [False, True])
def test_the_demo_ends_as_its_scan_does(
    run: Run, service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch, broken: bool
) -> None:
    root = folder.parent
    if broken:
        (folder / "f.mp4").write_bytes(b"boom")
    monkeypatch.setenv("FILMGATE_ROOT", str(root))
    home = root / ".filmgate" / "demo"
    home.mkdir(parents=True)
    (folder / "truth.json").unlink()
    manifest = {"made_by": "filmgate-samples/2 seed 1", "sha256": {}}
    (folder / ".filmgate-samples.json").write_text(json.dumps(manifest))
    folder.rename(home / "samples")
    monkeypatch.setattr("filmgate.cli.demo.start", lambda _: None)
    monkeypatch.setattr("filmgate.cli.demo.make_samples", lambda *_: None)
    result = run("demo")
    assert result.exit_code == (1 if broken else 0), result.stderr
    assert (home / "report.html").is_file()
    assert ("1 file failed." in result.stderr) == broken
    assert run("demo").exit_code == result.exit_code
    (home / "report.html").write_text("mine")
    assert run("demo").exit_code == 2
    assert (home / "report.html").read_text() == "mine"


@pytest.mark.parametrize("option", ["--json", "--report"])
def test_an_output_that_cannot_be_written_is_said_first(
    run: Run, service: Service, folder: Path, option: str
) -> None:
    for target in (folder, folder / "none" / "out"):
        result = run("scan", folder, option, target)
        assert result.exit_code == 2
        assert "Next:" in result.stderr
    assert service.posted == []


def test_an_address_that_is_not_filmgate_is_an_error(
    run: Run, service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILMGATE_API_URL", "http://raw.test/odd")
    result = run("assets")
    assert result.exit_code == 2
    assert "http://raw.test/odd/ is not a Filmgate API" in result.stderr
    assert "Check FILMGATE_API_URL" in result.stderr
    assert "<" not in result.stderr
    monkeypatch.setenv("FILMGATE_API_URL", "service.test")
    assert run("assets").exit_code == 2


NAMES = [
    "with space.mp4",
    "Überraschung 映画.mp4",
    "\x1b[31mred\x1b[0m.mp4",
    "two\nlines.mp4",
    "[bold]markup [red].mp4",
    "\u202eevil.mp4",
    "-rf.mp4",
    "a" * 250 + ".mp4",
]


def test_odd_names_break_neither_the_terminal_nor_the_json(
    run: Run, service: Service, tmp_path: Path
) -> None:
    root = tmp_path / "odd"
    root.mkdir()
    for name in NAMES:
        (root / name).write_bytes(b"same")
    raw = os.fsencode(root) + b"/caf\xe9.mp4"
    with open(raw, "wb") as file:  # noqa: PTH123 - a path of bytes
        file.write(b"same")
    result = run("scan", root, "--json", tmp_path / "o.json", "--report", tmp_path / "r.html")
    assert result.exit_code == 0, result.stderr
    for text in (result.stdout, result.stderr, (tmp_path / "r.html").read_text()):
        assert not {"\x1b", "\u202e", "\udce9"} & set(text)
    found = json.loads((tmp_path / "o.json").read_text())
    paths = {asset["path"] for asset in found["assets"]}
    assert {"caf\\xe9.mp4", "\\x1b[31mred\\x1b[0m.mp4", "two\\x0alines.mp4"} <= paths
    assert "[bold]markup [red].mp4" in result.stdout
    assert len(found["groups"]) == 1


def test_no_folder_no_service_no_key(
    run: Run, service: Service, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = run("scan", tmp_path / "none")
    assert missing.exit_code == 2
    assert "does not exist" in missing.stderr
    assert "Next:" in missing.stderr
    file = run("scan", folder / "a.mp4")
    assert file.exit_code == 2
    assert "is not a directory" in file.stderr
    service.broken = True
    assert run("scan", folder).exit_code == 3
    service.broken = False
    monkeypatch.setenv("FILMGATE_API_KEY", "fg_" + "x" * 43)
    refused = run("scan", folder)
    assert refused.exit_code == 1
    assert "API key" in refused.stderr


def test_a_stalled_pipeline_is_given_up_on_with_the_next_step(
    run: Run, service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "s.mp4").write_bytes(b"slow")
    times = iter(range(0, 100_000, 100))
    fast = partialmethod(Scanner.__init__, clock=lambda: next(times), sleep=lambda _: None)
    monkeypatch.setattr(Scanner, "__init__", fast)
    result = run("scan", folder)
    assert result.exit_code == 1
    assert "1 files are not finished (1 processing)" in result.stderr
    assert "filmgate status" in result.stderr


def test_ctrl_c_says_that_nothing_is_lost(
    run: Run, service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Scanner, "wait", stop)
    result = run("scan", folder)
    assert result.exit_code == 130
    assert "run the same command again to resume" in result.stderr


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_traceback_is_shown_only_when_asked_for(
    run: Run, service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch, debug: str
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Scanner, "wait", fail)
    monkeypatch.setenv("FILMGATE_DEBUG", debug)
    result = run("scan", folder)
    assert result.exit_code == 1
    assert "a fault of ours" in result.stderr
    assert ("Traceback" in result.stderr) == bool(debug)
    assert "FILMGATE_DEBUG=1" in result.stderr
