"""The limits of the workflows' definitions, added up."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from filmgate_local.layout import CHECKOUT

EXPRESS_S = 300
THROTTLED = "Lambda.TooManyRequestsException"
WAY = ("Derive", "RunEngine")


def states(machine: str) -> dict[str, dict[str, Any]]:
    """All states of one of the two machines, those inside of the Map included."""
    text = (CHECKOUT / "infra" / "workflows" / "analyze" / "machines.yml").read_text()
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)[machine]["definition"]["States"]
    return found | found["RunEngines"]["ItemProcessor"]["States"]


def throttle_waits(state: dict[str, Any]) -> list[float]:
    """The waits of the retrier for throttling at their longest, in seconds."""
    own = [retrier for retrier in state["Retry"] if THROTTLED in retrier["ErrorEquals"]]
    assert [retrier["ErrorEquals"] for retrier in own] == [[THROTTLED]]
    (retrier,) = own
    return [
        min(
            retrier["IntervalSeconds"] * retrier["BackoffRate"] ** attempt,
            retrier["MaxDelaySeconds"],
        )
        for attempt in range(retrier["MaxAttempts"])
    ]


@pytest.mark.parametrize("machine", ["express", "standard"])
def test_throttling_has_a_retrier_of_its_own_with_jitter(machine: str) -> None:
    tasks = [state for state in states(machine).values() if state["Type"] == "Task"]
    for task in tasks:
        assert throttle_waits(task)
        jitters = {retrier.get("JitterStrategy", "FULL") for retrier in task["Retry"]}
        assert jitters == {"FULL"}
        names = [name for retrier in task["Retry"] for name in retrier["ErrorEquals"]]
        assert len(names) == len(set(names))
        assert "TransientError" in names


def test_a_picture_that_is_throttled_all_the_way_is_still_recorded_in_time() -> None:
    of = states("express")
    worst = sum(of[name]["TimeoutSeconds"] + sum(throttle_waits(of[name])) for name in WAY)
    for name in ("RecordFailure", "RecordJobFailure"):
        record = of[name]
        assert worst + record["TimeoutSeconds"] + sum(throttle_waits(record)) < EXPRESS_S


def test_a_throttled_picture_waits_longest_where_it_enters() -> None:
    of = states("express")
    assert sum(throttle_waits(of["Derive"])) >= 60
    assert len(throttle_waits(of["Derive"])) > len(throttle_waits(of["RunEngine"]))


def test_a_throttled_film_may_wait_for_hours() -> None:
    assert sum(throttle_waits(states("standard")["Derive"])) > 2 * 3600


@pytest.mark.parametrize("machine", ["express", "standard"])
def test_a_function_that_used_all_its_time_gets_one_more_try_at_most(machine: str) -> None:
    for state in states(machine).values():
        for retrier in state.get("Retry", []):
            if "Sandbox.Timedout" in retrier["ErrorEquals"]:
                assert retrier["MaxAttempts"] == 1


def test_express_has_neither_task_tokens_nor_a_distributed_map() -> None:
    """AWS refuses such a machine; the local AWS would too, at deployment."""
    text = repr(states("express"))
    assert "waitForTaskToken" not in text
    assert ".sync" not in text
    assert "DISTRIBUTED" not in text
