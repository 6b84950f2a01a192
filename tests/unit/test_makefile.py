"""The Makefile notices a virtual environment that no longer serves, and makes it again."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
INPUTS = (
    "pyproject.toml",
    "infra/packaging/constraints.txt",
    "package.json",
    "package-lock.json",
    ".npmrc",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile and a virtual environment, set up, of Python 3.12."""
    shutil.copy(CHECKOUT / "Makefile", tmp_path)
    for name in INPUTS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    _python(tmp_path / ".venv/bin/python", "3.12")
    (tmp_path / ".venv/pyvenv.cfg").touch()
    (tmp_path / ".venv/setup.stamp").write_text(f"{tmp_path}\n")
    return tmp_path


def _python(path: Path, version: str) -> str:
    """A program that says it is this version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return str(path)


def _planned(folder: Path, *words: str) -> str:
    """What make would do; nothing is run."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHON", "MAKEFLAGS")}
    done = subprocess.run(
        ["make", "-n", "setup", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_good_environment_is_left_alone(checkout: Path) -> None:
    assert "-m" not in _planned(checkout)


def test_a_python_that_is_gone_is_noticed(checkout: Path) -> None:
    python = checkout / ".venv/bin/python"
    python.unlink()
    python.symlink_to(checkout / "gone")
    planned = _planned(checkout)
    assert "its Python no longer runs" in planned
    assert planned.index("rm -rf .venv") < planned.index("-m venv .venv") < planned.index("pip")


def test_another_version_is_made_where_it_was_asked_for(checkout: Path) -> None:
    same = _python(checkout / "python3.12", "3.12")
    other = _python(checkout / "python3.13", "3.13")
    assert "-m venv" not in _planned(checkout, f"PYTHON={same}")
    assert "-m venv .venv" in _planned(checkout, f"PYTHON={other}")


def test_a_moved_checkout_is_noticed(checkout: Path) -> None:
    (checkout / ".venv/setup.stamp").write_text("/elsewhere\n")
    assert "it was made in /elsewhere" in _planned(checkout)


def test_a_changed_pyproject_installs_again(checkout: Path) -> None:
    later = (checkout / ".venv/setup.stamp").stat().st_mtime + 10
    os.utime(checkout / "pyproject.toml", (later, later))
    planned = _planned(checkout)
    assert "pip install" in planned
    assert "-m venv" not in planned


def test_a_missing_environment_is_made(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    planned = _planned(checkout)
    assert "-m venv .venv" in planned
    assert "pip install" in planned
