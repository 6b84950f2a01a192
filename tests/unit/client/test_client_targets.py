from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from filmgate.client.targets import REPORT, Kind, Target, TargetInvalid, TargetTaken, json_of

JSON = b'{\n  "generator": "filmgate 9.9 scan",\n  "assets": []\n}\n'
PAGE = (
    b'<!doctype html>\n<html lang="en">\n<head>\n'
    b'<meta name="generator" content="filmgate 9.9 report">\n<meta charset="utf-8">'
)
SCAN = json_of("scan")
OTHERS = {
    "media": b"\0\0\0\x18ftypmp42",
    "nothing": b"",
    "text": b"filmgate",
    "json": b'{"assets": []}',
    "json by another program": b'{"generator": "ffmpeg 7 scan"}',
    "json by another command": JSON.replace(b"scan", b"upload"),
    "mark further down": b'{"assets": [], "generator": "filmgate 9.9 scan"}',
    "page": b"<!doctype html><html><head></head></html>",
    "media with a mark in it": b"\0\0\0\x18ftypmp42" + JSON + PAGE,
}


@pytest.mark.parametrize("kind", [SCAN, REPORT], ids=lambda kind: kind.name)
@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_what_it_did_not_write_is_left(tmp_path: Path, kind: Kind, content: bytes) -> None:
    target = tmp_path / "x"
    target.write_bytes(content)
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "second").hardlink_to(target)
    for name in ("x", "link", "second"):
        with pytest.raises(TargetTaken, match="It was not changed"):
            Target.claim(tmp_path / name, kind)
    assert target.read_bytes() == content


@pytest.mark.parametrize(
    ("kind", "content"), [(SCAN, JSON), (REPORT, PAGE), (SCAN, JSON.replace(b"\n ", b""))]
)
def test_an_earlier_output_of_the_kind_is_replaced(
    tmp_path: Path, kind: Kind, content: bytes
) -> None:
    real = tmp_path / "x"
    real.write_bytes(content)
    real.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(real)
    Target.claim(link, kind).write(content + b" ")
    assert link.is_symlink()
    assert real.read_bytes() == content + b" "
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "x"]


def test_a_new_file_is_as_open_as_any(tmp_path: Path) -> None:
    Target.claim(tmp_path / "x", SCAN).write(JSON)
    (tmp_path / "y").touch()
    assert (tmp_path / "x").stat().st_mode == (tmp_path / "y").stat().st_mode


def test_what_comes_there_in_the_meantime_is_left(tmp_path: Path) -> None:
    target = Target.claim(tmp_path / "x", SCAN)
    (tmp_path / "x").write_bytes(b"mine")
    with pytest.raises(TargetTaken):
        target.write(JSON)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]


def test_a_write_that_fails_leaves_the_earlier_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(JSON)
    target = Target.claim(tmp_path / "x", SCAN)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        target.write(JSON * 2)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [JSON]


def test_where_no_file_can_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "none" / "x", tmp_path / "file" / "x"):
        with pytest.raises(TargetInvalid):
            Target.claim(path, SCAN)


def test_pipes_and_devices_take_it_and_stay(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    Target.claim(pipe, SCAN).write(JSON)
    reader.join()
    assert read == [JSON]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    Target.claim(Path(os.devnull), SCAN).write(JSON)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
