"""The check that an operator runs on a deployed stage, run on the local one."""

from __future__ import annotations

from pathlib import Path

import pytest

from filmgate.client.api import FilmgateClient
from tests import smoke
from tests.stack import RunningStack

pytestmark = pytest.mark.stack


@pytest.fixture
def client(local: RunningStack) -> FilmgateClient:
    return FilmgateClient(local.info.api_url, local.api_key)


def test_a_stage_that_works_is_well(client: FilmgateClient, tmp_path: Path) -> None:
    with client:
        assert "copy" in smoke.check(client, tmp_path)


def test_a_stage_that_is_too_slow_is_not(client: FilmgateClient, tmp_path: Path) -> None:
    with client, pytest.raises(smoke.SmokeError, match="after 0 s the files are"):
        smoke.check(client, tmp_path, patience_s=0)
