from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from filmgate.cli.app import app
from filmgate.client import api
from tests.unit.cli.service import Service

Run = Callable[..., Result]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A running service that the commands find by the environment, and an empty record of files."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    made = Service()
    monkeypatch.setenv("FILMGATE_API_URL", "http://service.test")
    monkeypatch.setenv("FILMGATE_API_KEY", made.world.keys["acme"])
    client = partial(api.FilmgateClient, transport=made, sleep=lambda _: None)
    monkeypatch.setattr(api, "FilmgateClient", client)
    return made


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the CLI with wide output; returns its result with stdout and stderr apart."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No service in the environment, and a project root where no stack ever ran."""
    monkeypatch.delenv("FILMGATE_API_URL", raising=False)
    monkeypatch.delenv("FILMGATE_API_KEY", raising=False)
    monkeypatch.setenv("FILMGATE_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two copies, a relative of theirs, an unrelated file, a text, and entries that scans skip."""
    root = tmp_path / "my videos"
    (root / "sub").mkdir(parents=True)
    (root / "a.mp4").write_bytes(b"x same")
    (root / "sub" / "b copy.mp4").write_bytes(b"x same")
    (root / "c.mp4").write_bytes(b"x other")
    (root / "d.mp4").write_bytes(b"y alone")
    (root / "notes.txt").write_bytes(b"text of no picture")
    (root / ".hidden").write_bytes(b"x same")
    (root / "truth.json").write_bytes(b"{}")
    (root / "link.mp4").symlink_to(root / "a.mp4")
    return root
