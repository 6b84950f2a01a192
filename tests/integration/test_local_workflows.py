"""The limits of the workflows' definitions, added up."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from filmgate_local.layout import CHECKOUT

EXPRESS_S = 300
THROTTLED = "Lambda.TooManyRequestsException"
WAY = ("Fingerprint", "Match", "Decide", "Finish")


def states(kind: str) -> dict[str, dict[str, Any]]:
    text = (CHECKOUT / "infra" / "workflows" / kind / "definition.yml").read_text()
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["definition"]["States"]
    return found


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


@pytest.mark.parametrize("kind", ["image", "video"])
def test_throttling_has_a_retrier_of_its_own_with_jitter(kind: str) -> None:
    tasks = [state for state in states(kind).values() if state["Type"] == "Task"]
    for task in tasks:
        assert throttle_waits(task)
        assert {retrier["JitterStrategy"] for retrier in task["Retry"]} == {"FULL"}
        names = [name for retrier in task["Retry"] for name in retrier["ErrorEquals"]]
        assert len(names) == len(set(names))
        assert "TransientError" in names


def test_an_image_that_is_throttled_all_the_way_is_still_recorded_in_time() -> None:
    of = states("image")
    worst = sum(of[name]["TimeoutSeconds"] + sum(throttle_waits(of[name])) for name in WAY)
    record = of["RecordFailure"]
    assert worst + record["TimeoutSeconds"] + sum(throttle_waits(record)) < EXPRESS_S


def test_a_throttled_image_waits_longest_where_it_enters() -> None:
    of = states("image")
    assert sum(throttle_waits(of["Fingerprint"])) >= 60
    assert len(throttle_waits(of["Fingerprint"])) > len(throttle_waits(of["Match"]))


def test_a_throttled_video_may_wait_for_hours() -> None:
    assert sum(throttle_waits(states("video")["Fingerprint"])) > 2 * 3600
