"""The bill of a video: what it counts, and that it grows with what it is made of."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from tests.benchmarks import index_prices as prices
from tests.benchmarks import throughput_cost as cost
from tests.benchmarks.common import CHECKOUT

WORK = cost.Work(
    file_bytes=20_000_000,
    ingest_s=0.1,
    fingerprint_s=3.0,
    match_s=0.5,
    search_s=0.3,
    candidates=5,
    matches=5,
    entry_bytes=40_000,
)


def _total(work: cost.Work) -> float:
    return sum(line.dollars for line in cost.bill(work))


def test_memory_is_that_of_the_template() -> None:
    found = cost.memory_gb()
    handlers = {path.parent.name for path in (CHECKOUT / "functions").glob("*/handler.py")}
    assert set(found) == handlers
    for name, size in found.items():
        text = (CHECKOUT / "functions" / name / "function.yml").read_text(encoding="utf-8")
        assert f"memorySize: {round(1024 * size)}\n" in text


def test_a_second_of_fingerprinting_costs_its_memory() -> None:
    more = _total(replace(WORK, fingerprint_s=4.0)) - _total(WORK)
    assert more == pytest.approx(cost.memory_gb()["derive"] * prices.LAMBDA_GB_S)


def test_transitions_are_the_states_a_video_passes() -> None:
    text = (CHECKOUT / "infra/workflows/analyze/machines.yml").read_text(encoding="utf-8")
    states = yaml.safe_load(text)["standard"]["definition"]["States"]
    inner = states["RunEngines"]["ItemProcessor"]["States"]
    failing = {"RecordFailure", "RecordJobFailure", "Failed"}
    (line,) = (line for line in cost.bill(WORK) if line.what == "Step Functions")
    passed = len((set(states) | set(inner)) - failing)
    assert line.dollars == pytest.approx(passed * prices.STEP_TRANSITION)


@pytest.mark.parametrize("what", ["file_bytes", "candidates", "matches", "entry_bytes", "search_s"])
def test_more_of_anything_costs_more(what: str) -> None:
    assert _total(replace(WORK, **{what: 2 * getattr(WORK, what)})) > _total(WORK)
