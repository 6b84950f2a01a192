from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmgate.api.models import UploadFile
from filmgate.client import folder
from filmgate.client.folder import FileChanged, FolderInvalid, label, local_file, sha256_of, walk


@given(st.binary(min_size=1, max_size=1500).map(os.fsdecode))
def test_every_name_the_system_allows_can_be_sent(name: str) -> None:
    path = label(name)
    assert UploadFile(path=path, size_bytes=0, sha256="0" * 64).path == path
    assert path.encode()
    assert label(path) == path


@given(st.text(st.characters(categories=["Cs", "Lu"]), min_size=1, max_size=20))
def test_no_surrogate_stays(name: str) -> None:
    assert label(name).encode()


@given(st.text(alphabet="aé ./[]{}映", min_size=1, max_size=50))
def test_plain_names_stay_as_they_are(name: str) -> None:
    assert label(name) == name


def test_long_names_keep_their_end_and_stay_apart() -> None:
    names = {label("a" * n + ".mp4") for n in (2000, 2001, 2002)}
    assert len(names) == 3
    assert all(name.endswith("a.mp4") and len(name) == 1024 for name in names)


def test_walking_is_in_order_and_passes_over_what_is_not_scanned(tmp_path: Path) -> None:
    for name in ("b.mp4", "a/z.mp4", "a/.x", ".h/y.mp4", "truth.json", "a/out.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    found = walk(tmp_path, exclude=frozenset({(tmp_path / "a" / "out.json").resolve()}))
    assert [file.label for file in found.files] == ["a/z.mp4", "b.mp4"]
    assert str(found.skipped) == "2 hidden, 1 symbolic link, 1 special"


def test_a_folder_without_any_of_it_passes_nothing_over(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    assert str(walk(tmp_path).skipped) == ""


def test_what_cannot_be_looked_into_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    real = os.scandir

    def scandir(path: str | Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = walk(tmp_path)
    assert [u.reason for u in found.unreadable] == ["cannot be read here: Permission denied"]


@pytest.mark.parametrize("name", ["none", "file"])
def test_only_folders_are_walked(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FolderInvalid):
        walk(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"1", b"123456"])
def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"123")
    file = local_file(path, "f")
    path.write_bytes(content)
    with pytest.raises(FileChanged):
        sha256_of(file, lambda _: None)
    assert not folder.unchanged(file)
