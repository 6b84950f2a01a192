"""One file on one disk has one name, and two files have two."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path

import pytest

from filmgate.client import record as record_module
from filmgate.client.folder import LocalFile, local_file, sha256_of, walk
from filmgate.client.record import FileRecord, RecordUnusable, default_database

Scan = Callable[[Path], dict[str, str]]


@pytest.fixture
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state") / "filmgate" / "files.sqlite"


@pytest.fixture
def record(database: Path) -> Iterator[FileRecord]:
    with FileRecord(database) as made:
        yield made


@pytest.fixture
def scan(record: FileRecord) -> Scan:
    """Names by label, as scanning a folder gives them."""

    def names(folder: Path) -> dict[str, str]:
        files = walk(folder).files
        hashed = [(file, sha256_of(file, lambda _: None)) for file in files]
        found = record.names(hashed, folder.resolve().parent)
        return {file.label: name for file, name in zip(files, found, strict=True)}

    return names


def upload(record: FileRecord, path: Path) -> str:
    file = local_file(path, path.name)
    return record.names([(file, sha256_of(file, lambda _: None))], None)[0]


def put(path: Path, content: bytes = b"film") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_folder_in_a_scanned_folder_has_the_same_files(tmp_path: Path, scan: Scan) -> None:
    put(tmp_path / "lib" / "images" / "photos" / "a.jpg")
    assert scan(tmp_path / "lib") == {"images/photos/a.jpg": "lib/images/photos/a.jpg"}
    assert scan(tmp_path / "lib" / "images" / "photos") == {"a.jpg": "lib/images/photos/a.jpg"}


def test_a_folder_around_a_scanned_folder_has_the_same_files(tmp_path: Path, scan: Scan) -> None:
    put(tmp_path / "lib" / "images" / "a.jpg")
    put(tmp_path / "lib" / "b.jpg")
    assert scan(tmp_path / "lib" / "images") == {"a.jpg": "images/a.jpg"}
    assert scan(tmp_path / "lib") == {"images/a.jpg": "images/a.jpg", "b.jpg": "lib/b.jpg"}


def test_an_upload_of_a_scanned_file_is_that_file(
    tmp_path: Path, scan: Scan, record: FileRecord
) -> None:
    a, b = put(tmp_path / "small" / "A.jpg"), put(tmp_path / "small" / "B.jpg", b"other")
    assert upload(record, b) == "B.jpg"
    assert scan(tmp_path / "small") == {"A.jpg": "small/A.jpg", "B.jpg": "B.jpg"}
    assert upload(record, a) == "small/A.jpg"


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
def test_all_paths_of_a_file_are_one(
    tmp_path: Path, scan: Scan, record: FileRecord, order: tuple[str, str]
) -> None:
    put(tmp_path / "one" / "x.mp4")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "y.mp4").hardlink_to(tmp_path / "one" / "x.mp4")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "one" / "x.mp4")
    (tmp_path / "three").symlink_to(tmp_path / "two")
    names = {name for folder in order for name in scan(tmp_path / folder).values()}
    names |= set(scan(tmp_path / "three").values()) | {upload(record, tmp_path / "link.mp4")}
    assert len(names) == 1


def test_two_files_that_became_one_are_the_first(tmp_path: Path, scan: Scan) -> None:
    x, y = put(tmp_path / "lib" / "x"), put(tmp_path / "lib" / "y")
    assert scan(tmp_path / "lib") == {"x": "lib/x", "y": "lib/y"}
    y.unlink()
    y.hardlink_to(x)
    assert scan(tmp_path / "lib") == {"x": "lib/x", "y": "lib/x"}
    y.unlink()
    shutil.copy(x, y)
    assert scan(tmp_path / "lib") == {"x": "lib/x", "y": "lib/y"}


def test_a_file_of_several_paths_that_changes_stays_one(
    tmp_path: Path, scan: Scan, record: FileRecord
) -> None:
    put(tmp_path / "lib" / "x")
    (tmp_path / "lib" / "y").hardlink_to(tmp_path / "lib" / "x")
    scan(tmp_path / "lib")
    (tmp_path / "lib" / "y").write_bytes(b"changed")
    assert upload(record, tmp_path / "lib" / "y") == "y"
    assert scan(tmp_path / "lib") == {"x": "y", "y": "y"}


@pytest.mark.parametrize("name", ["b.mp4", "deep/er/a.mp4"])
def test_a_moved_file_is_the_same(tmp_path: Path, scan: Scan, name: str) -> None:
    put(tmp_path / "lib" / "a.mp4")
    scan(tmp_path / "lib")
    (tmp_path / "lib" / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "lib" / "a.mp4").rename(tmp_path / "lib" / name)
    assert scan(tmp_path / "lib") == {name: "lib/a.mp4"}
    assert scan(tmp_path / "lib") == {name: "lib/a.mp4"}


def test_a_moved_folder_is_the_same_with_a_new_name_too(tmp_path: Path, scan: Scan) -> None:
    put(tmp_path / "lib" / "a.mp4")
    put(tmp_path / "lib" / "b.mp4", b"other")
    first = scan(tmp_path / "lib")
    (tmp_path / "lib").rename(tmp_path / "archive")
    assert scan(tmp_path / "archive") == first


def test_a_folder_moved_to_another_disk_is_the_same_under_its_name(
    tmp_path: Path, scan: Scan
) -> None:
    put(tmp_path / "old" / "lib" / "a.mp4")
    first = scan(tmp_path / "old" / "lib")
    shutil.copytree(tmp_path / "old" / "lib", tmp_path / "new" / "lib")
    shutil.rmtree(tmp_path / "old")
    assert scan(tmp_path / "new" / "lib") == first


def test_files_that_change_places_stay_themselves(tmp_path: Path, scan: Scan) -> None:
    a, b = put(tmp_path / "lib" / "a", b"film"), put(tmp_path / "lib" / "b", b"other")
    scan(tmp_path / "lib")
    a.rename(tmp_path / "c")
    b.rename(a)
    (tmp_path / "c").rename(b)
    assert scan(tmp_path / "lib") == {"a": "lib/b", "b": "lib/a"}


def test_copies_are_two_files(tmp_path: Path, scan: Scan, record: FileRecord) -> None:
    a = put(tmp_path / "one" / "lib" / "a.mp4")
    assert scan(tmp_path / "one" / "lib") == {"a.mp4": "lib/a.mp4"}
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert scan(tmp_path / "two" / "lib") == {"a.mp4": "two/lib/a.mp4"}
    assert scan(tmp_path / "one" / "lib") == {"a.mp4": "lib/a.mp4"}
    a.rename(a.with_name("b.mp4"))
    shutil.copy(a.with_name("b.mp4"), a)
    assert scan(tmp_path / "one" / "lib") == {"a.mp4": "lib/a.mp4", "b.mp4": "lib/b.mp4"}
    assert upload(record, put(tmp_path / "x" / "same.mp4")) == "same.mp4"
    assert upload(record, put(tmp_path / "y" / "same.mp4")) == "y/same.mp4"


def test_new_content_keeps_the_name_of_its_place(tmp_path: Path, scan: Scan) -> None:
    put(tmp_path / "lib" / "in" / "a.mp4")
    scan(tmp_path / "lib")
    put(tmp_path / "lib" / "in" / "a.mp4", b"cut again")
    assert scan(tmp_path / "lib" / "in") == {"a.mp4": "lib/in/a.mp4"}


def test_a_reused_inode_with_other_content_is_another_file(
    tmp_path: Path, record: FileRecord
) -> None:
    gone = local_file(put(tmp_path / "gone.mp4"), "gone.mp4")
    digest = sha256_of(gone, lambda _: None)
    assert record.names([(gone, digest)], None) == ["gone.mp4"]
    gone.path.rename(tmp_path / "new.mp4")
    (tmp_path / "new.mp4").write_bytes(b"other")
    assert upload(record, tmp_path / "new.mp4") == "new.mp4"


def test_names_in_both_forms_of_unicode_are_two_files_where_the_disk_has_two(
    tmp_path: Path, scan: Scan
) -> None:
    for form in ("NFC", "NFD"):
        put(tmp_path / "lib" / unicodedata.normalize(form, "Übung.mp4"))
    found = scan(tmp_path / "lib")
    assert len(found) == len(set(found.values())) == len(list((tmp_path / "lib").iterdir()))


def test_a_disk_that_gives_one_file_several_spellings_has_one_file(
    tmp_path: Path, record: FileRecord
) -> None:
    """As where case or the form of accents does not count: another path, the same inode."""
    path = put(tmp_path / "Lib" / "A.mp4")
    file = local_file(path, "A.mp4")
    digest = sha256_of(file, lambda _: None)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.mp4").hardlink_to(path)
    other = local_file(tmp_path / "lib" / "a.mp4", "a.mp4")
    names = record.names([(file, digest), (other, digest)], tmp_path)
    assert names == ["Lib/A.mp4", "Lib/A.mp4"]


def test_odd_bytes_in_a_path_are_kept_apart(tmp_path: Path, record: FileRecord) -> None:
    (tmp_path / "lib").mkdir()
    for raw in (b"caf\xe9.mp4", b"caf\\xe9.mp4"):
        with open(os.fsencode(tmp_path / "lib") + b"/" + raw, "wb") as out:  # noqa: PTH123
            out.write(b"film")
    files = walk(tmp_path / "lib").files
    hashed = [(file, sha256_of(file, lambda _: None)) for file in files]
    names = record.names(hashed, tmp_path)
    assert len(set(names)) == 2
    assert record.names(hashed, tmp_path) == names


def test_names_hold_no_more_of_the_path_than_needed(tmp_path: Path, scan: Scan) -> None:
    put(tmp_path / "private" / "lib" / "a.mp4")
    (name,) = scan(tmp_path / "private" / "lib").values()
    assert "private" not in name


def test_many_equal_files_are_looked_up_one_by_one(
    tmp_path: Path, scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        put(tmp_path / "lib" / f"{number}.mp4")
    scan(tmp_path / "lib")
    asked: list[bytes] = []
    real = record_module._is_there

    def is_there(place: bytes, file: LocalFile) -> bool:
        asked.append(place)
        return real(place, file)

    monkeypatch.setattr(record_module, "_is_there", is_there)
    scan(tmp_path / "lib")
    assert asked == []


def _name_in_a_process(database: Path, path: Path) -> str:
    with FileRecord(database) as record:
        return upload(record, path)


def test_processes_that_name_files_at_once_give_each_its_own(
    tmp_path: Path, database: Path
) -> None:
    paths = [put(tmp_path / f"{number}" / "same.mp4") for number in range(6)]
    with get_context("spawn").Pool(2) as pool:
        twice = [(database, path) for path in paths * 2]
        names = pool.starmap(_name_in_a_process, twice)
    assert names[:6] == names[6:]
    assert len(set(names)) == 6


def test_a_record_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    damaged = put(tmp_path / "files.sqlite", hashlib.sha512(b"noise").digest() * 20)
    with pytest.raises(RecordUnusable, match="not a database"):
        FileRecord(damaged)
    with pytest.raises(RecordUnusable, match=r"files\.sqlite/x"):
        FileRecord(damaged / "x")


def test_the_record_is_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_database() == tmp_path / "filmgate" / "files.sqlite"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_database() == tmp_path / ".local" / "state" / "filmgate" / "files.sqlite"
    FileRecord(database)
    assert database.parent.stat().st_mode & 0o077 == 0
    assert sqlite3.connect(database).execute("SELECT count(*) FROM asset").fetchone() == (0,)
