"""Folders for files: gone at the end, and gone later where the end never came."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from filmgate.errors import TransientError
from filmgate.sandbox.scratch import PREFIX, scratch, sweep

WORKER = """
import sys, time
from filmgate.sandbox.scratch import scratch
with scratch() as folder:
    (folder / "file").write_bytes(b"x" * 1000)
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield tmp_path
    tempfile.tempdir = None


def begun() -> tuple[subprocess.Popen[str], Path]:
    """Another worker in the midst of a file, and its folder."""
    worker = subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    return worker, Path(worker.stdout.readline().strip())


def test_a_killed_workers_folder_goes_and_a_living_ones_stays(root: Path) -> None:
    killed, left = begun()
    living, held = begun()
    try:
        killed.kill()
        killed.wait()
        assert (left / "file").exists()
        with scratch() as mine:
            assert sorted(root.iterdir()) == sorted([held, mine])
            with scratch():
                assert mine.exists()
        assert list(root.iterdir()) == [held]
        assert (held / "file").exists()
    finally:
        for worker in (killed, living):
            worker.kill()
            worker.communicate()


def test_only_folders_of_this_kind_are_swept(root: Path) -> None:
    for name in ("filmgate-models", "filmgate-segments", "other", f"{PREFIX}file"):
        (root / name).mkdir()
    target = root / "other" / "kept"
    target.write_text("x", encoding="utf-8")
    (root / f"{PREFIX}link").symlink_to(root / "other")
    sweep(root)
    left = {path.name for path in root.iterdir()}
    assert left == {"filmgate-models", "filmgate-segments", "other", f"{PREFIX}link"}
    assert target.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_passes(root: Path) -> None:
    with pytest.raises(TransientError, match="no space"), scratch():
        Path("/dev/full").write_bytes(b"x" * 100_000)
    assert list(root.iterdir()) == []


def test_other_errors_come_through(root: Path) -> None:
    with pytest.raises(FileNotFoundError), scratch() as folder:
        (folder / "missing").read_bytes()
    assert list(root.iterdir()) == []
