"""More files at once than the machine has room for: they wait, and none fails for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from filmgate.client.api import FilmgateClient
from tests import load
from tests.stack import environment, own_stack

pytestmark = pytest.mark.stack

SLOTS = 2
PATIENCE_S = 300.0


def test_a_backlog_drains_and_nothing_in_it_fails(tmp_path: Path) -> None:
    files = load.make(tmp_path / "files", images=66, videos=4, bad=2)
    with environment(FILMGATE_LOCAL_SLOTS=str(SLOTS)), own_stack() as running:
        outcome = load.run(running, files, PATIENCE_S)
        assert outcome.statuses == {"done": 70, "refused": 2}, outcome
        assert (outcome.accepted, outcome.waiting, outcome.dead) == (72, 0, 0)
        assert outcome.repeated == 0
        assert outcome.copies_found == len(files.copies)
        with FilmgateClient(running.info.api_url, running.api_key) as client:
            assert {asset.status.final for asset in client.assets()} == {True}
