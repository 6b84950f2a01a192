"""`filmgate rerun`."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.service import Service


def test_named_assets_run_at_once(run: Run, service: Service) -> None:
    one, two = (service.world.add_asset("acme", name) for name in ("one.png", "two.png"))
    written = json.loads(run("rerun", one.asset_id, two.asset_id, "--json").stdout)
    assert [job["asset_id"] for job in written["jobs"]] == [one.asset_id, two.asset_id]
    assert {job["capability"] for job in written["jobs"]} == {"dedupe"}
    assert len(service.world.workflows.started) == 2


@pytest.mark.parametrize(("word", "everything"), [("--outdated", False), ("--all", True)])
def test_a_whole_library_is_left_to_the_service(
    run: Run, service: Service, word: str, everything: bool
) -> None:
    written = json.loads(run("rerun", word, "--want", "dedupe", "--json").stdout)
    workflow, order = service.world.workflows.started[written["backfill_id"]]
    assert workflow == "backfill"
    assert (order["want"], order["everything"]) == (["dedupe"], everything)


@pytest.mark.parametrize("words", [(), ("0" * 26, "--all")])
def test_either_assets_or_all_of_them(run: Run, service: Service, words: tuple[str, ...]) -> None:
    result = run("rerun", *words)
    assert result.exit_code == 2
    assert "--outdated" in result.stderr
