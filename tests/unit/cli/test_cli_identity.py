"""A file is never listed as a copy of itself, from wherever it is scanned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.service import Service


def found(run: Run, *words: object) -> dict[str, Any]:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert isinstance(document, dict)
    return document


@pytest.fixture
def lib(tmp_path: Path) -> Path:
    """A loner in a folder of a folder."""
    photos = tmp_path / "lib" / "images" / "photos"
    photos.mkdir(parents=True)
    (photos / "A.jpg").write_bytes(b"y alone")
    return tmp_path / "lib"


@pytest.mark.parametrize("inner_first", [False, True])
def test_folders_in_each_other_hold_the_same_assets(
    run: Run, service: Service, lib: Path, inner_first: bool
) -> None:
    roots = [lib, lib / "images" / "photos"]
    for root in reversed(roots) if inner_first else roots:
        scan = found(run, "scan", root)
        assert (scan["outside"], scan["matches"], scan["groups"]) == ([], [], [])
        assert scan["assets"][0]["path"] == str(
            (lib / "images" / "photos" / "A.jpg").relative_to(root)
        )
    assert len(service.posted) == 1


def test_an_upload_of_a_scanned_file_and_a_scan_of_an_uploaded_one(
    run: Run, service: Service, lib: Path
) -> None:
    photos = lib / "images" / "photos"
    (photos / "B.jpg").write_bytes(b"z alone")
    assert found(run, "upload", photos / "B.jpg")["assets"][0]["path"] == "B.jpg"
    assert found(run, "scan", photos)["outside"] == []
    again = found(run, "upload", photos / "A.jpg", photos / "B.jpg")
    assert [asset["path"] for asset in again["assets"]] == ["photos/A.jpg", "B.jpg"]
    assert again["matches"] == []
    assert len(service.posted) == 2


def test_links_to_one_file_are_one_asset_with_all_its_paths(
    run: Run, service: Service, lib: Path
) -> None:
    photos = lib / "images" / "photos"
    (photos / "again.jpg").hardlink_to(photos / "A.jpg")
    (lib / "link.jpg").symlink_to(photos / "A.jpg")
    scan = found(run, "scan", photos)
    assert [(asset["path"], asset["also"]) for asset in scan["assets"]] == [
        ("A.jpg", ["again.jpg"])
    ]
    assert (scan["matches"], scan["groups"]) == ([], [])
    assert "1 file (1 more path of these), 0 uploaded" in run("scan", photos).stdout
    uploaded = found(run, "upload", lib / "link.jpg", photos / "again.jpg", photos / "A.jpg")
    assert len(uploaded["assets"]) == 1
    assert uploaded["matches"] == []
    assert len(service.posted) == 1


def test_a_moved_folder_is_not_a_copy_of_itself(run: Run, service: Service, lib: Path) -> None:
    run("scan", lib)
    lib.rename(lib.with_name("archive"))
    scan = found(run, "scan", lib.with_name("archive"))
    assert (scan["outside"], scan["matches"]) == ([], [])
    assert len(service.posted) == 1


def test_equal_files_in_two_folders_of_one_name_are_copies(
    run: Run, service: Service, lib: Path, tmp_path: Path
) -> None:
    run("scan", lib)
    second = tmp_path / "disk" / "lib" / "images" / "photos"
    second.mkdir(parents=True)
    (second / "A.jpg").write_bytes(b"y alone")
    (pair,) = found(run, "scan", tmp_path / "disk" / "lib")["outside"]
    assert pair["other"] == "lib/images/photos/A.jpg"
    assert pair["class"] == "exact"


def test_a_record_that_cannot_be_written_ends_the_scan_with_the_next_step(
    run: Run, service: Service, lib: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(lib / "images" / "photos" / "A.jpg"))
    result = run("scan", lib)
    assert result.exit_code == 1
    assert "The record of files" in result.stderr
    assert "XDG_STATE_HOME" in result.stderr
    assert service.posted == []
