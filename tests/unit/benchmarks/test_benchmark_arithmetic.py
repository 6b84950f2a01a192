"""What the benchmarks compute from what they measure."""

from __future__ import annotations

import cProfile
import pstats
from functools import partial
from pathlib import Path

import pytest

from filmgate.dedupe.fingerprint import dct
from tests.benchmarks import expectations
from tests.benchmarks.common import interleaved, markdown, ratio, shown
from tests.benchmarks.fingerprint import by_function
from tests.benchmarks.imports import parsed
from tests.benchmarks.pipeline import reported
from tests.benchmarks.results import kept


def test_a_slow_round_slows_both_sides_and_leaves_the_ratio() -> None:
    assert ratio([2.0, 20.0, 2.2], [1.0, 10.0, 1.0]) == 2.0


def test_a_ratio_needs_rounds_of_both() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratio([1.0], [1.0, 2.0])


def test_contenders_take_turns_and_the_first_round_is_not_counted() -> None:
    order: list[str] = []
    taken = interleaved({name: partial(order.append, name) for name in "abc"}, 3)
    assert sorted(order[:3]) == ["a", "b", "c"]
    assert order[3:] == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    assert [len(runs) for runs in taken.values()] == [3, 3, 3]


def test_cells_are_shown_to_what_they_are_good_for() -> None:
    assert [shown(cell) for cell in (None, 1.2345, 12345.6, 480, "a")] == [
        "", "1.23", "12,346", "480", "a",
    ]  # fmt: skip


def test_time_in_numpy_counts_for_the_function_that_called_it() -> None:
    profile = cProfile.Profile()
    with profile:
        dct.basis.__wrapped__(4000)
    spent = by_function(pstats.Stats(profile), str(Path(dct.__file__).parent))
    assert set(spent) == {"dct.basis"}
    assert spent["dct.basis"] > 0


def test_imports_are_summed_by_package_without_the_interpreters_own() -> None:
    report = """import time: self [us] | cumulative | imported package
import time:       100 |        100 |   encodings
import time:        50 |        150 | site
import time:        30 |         30 |     numpy.core
import time:        20 |         50 |   numpy
import time:         7 |         57 | functions.match.handler
"""
    found = parsed(report)
    assert (found.total_us, found.modules) == (57, 3)
    assert found.packages == {"numpy": 50, "functions": 7}


def test_lambda_reports_are_summed() -> None:
    found = reported(
        [
            "START RequestId: 1 Version: $LATEST",
            '{"message":"done","cold_start":true,"function_request_id":"1"}',
            '{"message":"more","cold_start":true,"function_request_id":"1"}',
            "REPORT RequestId: 1\tDuration: 500.5 ms\tBilled Duration: 501 ms",
            '{"message":"done","cold_start":false,"function_request_id":"2"}',
            "REPORT RequestId: 2\tDuration: 99.5 ms\tBilled Duration: 100 ms",
        ]
    )
    assert (found.count, found.cold) == (2, 1)
    assert found.seconds == pytest.approx(0.6)


def test_a_markdown_table_keeps_its_columns() -> None:
    assert markdown(["a", "b"], [["x|y", 1.5], ["z", None]]) == [
        "| a | b |",
        "| --- | ---: |",
        "| x\\|y | 1.5 |",
        "| z |  |",
    ]


def test_expectations_name_files_that_are_there(shared_data: Path) -> None:
    known = expectations.truth(shared_data)
    paths = {file.path for file in known.files}
    assert [len(group) for group in known.groups] == [30, 4, 2]
    assert {n.class_of_negative for n in known.negatives} == {a.name for a in expectations.APART}
    assert all(n.a in paths and n.b in paths and n.a != n.b for n in known.negatives)
    groups = [set(group) for group in known.groups]
    assert not any({n.a, n.b} <= group for n in known.negatives for group in groups)


def test_what_was_not_measured_again_stays() -> None:
    old = {"accuracy-real": "old real", "accuracy-samples": "old samples", "sound": "sound"}
    assert kept("accuracy", {}, old) == {
        "accuracy-real": "old real",
        "accuracy-samples": "old samples",
    }
    assert kept("accuracy", {"accuracy-samples": "new"}, old) == {
        "accuracy-real": "old real",
        "accuracy-samples": "new",
    }
    assert kept("accuracy", {"accuracy": "all"}, old) == {"accuracy": "all"}
