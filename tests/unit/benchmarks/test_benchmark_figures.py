"""The figures that benchmarks take from what they measured, and that the baseline names them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from tests import load as uploads
from tests.benchmarks import baseline, index_points, load
from tests.benchmarks.common import Figure
from tests.benchmarks.index import Measured
from tests.benchmarks.index_figures import figures as index_figures
from tests.benchmarks.matching_figures import figures as matching_figures
from tests.benchmarks.matching_pairs import Pair
from tests.benchmarks.throughput import Spent, _cost_figures, _speed_figures
from tests.unit.benchmarks.test_matching_measures import pair
from tests.unit.benchmarks.test_throughput_cost import WORK


def _values(figures: Iterable[Figure]) -> dict[str, float]:
    """Values by name; no name twice."""
    found = list(figures)
    values = {figure.name: figure.value for figure in found}
    assert len(values) == len(found)
    return values


def _missing(benchmark: str, found: Iterable[str], *prefixes: str) -> set[str]:
    """Figures of the baseline with these prefixes that are not among those found."""
    named = baseline.read().benchmarks[benchmark].figures
    wanted = {name for name in named if name.startswith(prefixes)}
    assert wanted
    return wanted - set(found)


def _row(engine: str, hashes: int, best: float) -> Measured:
    row = Measured(engine, hashes, 1.0, 33 * hashes, None)
    row.recall = {72: 1.0}
    if engine != "bands":
        row.latencies = {30: [best, 2 * best], 240: [8 * best, 9 * best]}
    if engine == "segments":
        row.more = {"written": 66.0 * hashes}
    return row


def test_the_index_says_in_every_name_that_crops_are_left_out() -> None:
    rows = [
        _row(engine, size, ours if engine == "segments" else 0.5 * ours)
        for size, ours in ((100_042, 0.1), (1_000_043, 1.0), (10_000_031, 10.0))
        for engine in ("segments", "faiss BinaryFlat", "bands")
    ]
    found = _values(index_figures(rows, {"writes": 3.0, "reads": 4.0}))
    assert all("without_crops_or_sound" in name for name in found)
    head = "index.frames_without_crops_or_sound"
    assert found[f"{head}.faiss_binaryflat.1e6_hashes.our_best_time_to_it.30_frames"] == 2.0
    assert found[f"{head}.segments.growth.30_frames"] == pytest.approx(1.0, abs=0.001)
    assert found[f"{head}.segments.1e5_hashes.rewrites"] == 2.0
    assert not _missing("index", found, head)


def test_keypoints_have_a_speed_a_recall_and_a_growth() -> None:
    kept = dict.fromkeys(index_points.KEPT, 0.9)
    rows = [
        index_points.Measured(size, 0, [speed * cost] * 3, [cost] * 3, (0, 0), kept, kept)
        for size, speed, cost in ((1_000, 6.0, 1.0), (100_000, 59.0, 10.0), (300_000, 56.0, 20.0))
    ]
    found = _values(index_points.figures(rows))
    assert found["index.keypoints.300000_images.speed_to_exact_scan"] == 56.0
    assert 0 < found["index.keypoints.growth.1000_to_300000_images"] < 1
    assert not _missing("index", found, "index.keypoints")


def _probable(made: Pair, probability: float) -> Pair:
    assert made.verdict is not None
    verdict = made.verdict.model_copy(update={"probability": probability})
    return replace(made, verdict=verdict)


def test_matching_has_rates_by_kind_and_overall_and_calibration_errors() -> None:
    copies = [_probable(pair(0.9), 0.8), pair(0.0)]
    others = [pair(0.0, "unrelated", query=f"q{number}") for number in range(3)]
    wrong = _probable(pair(0.9, "same film", query="q0"), 0.8)
    test = [*copies, *others, wrong]
    found = _values(matching_figures("matching", test, test))
    for of in ("videos", "all"):
        assert found[f"matching.test.{of}.precision"] == 0.5
        assert found[f"matching.test.{of}.recall"] == 0.5
        assert found[f"matching.test.{of}.false_positives_a_pair"] == 0.25
        assert found[f"matching.test.{of}.false_positives_a_query"] == pytest.approx(1 / 3)
        assert found[f"matching.test.{of}.retrieval_recall"] == 0.5
    assert found["matching.test.videos.calibration_error"] == pytest.approx(0.3)
    assert found["matching.test.videos.recall.trim"] == 0.5
    assert found["matching.test.false_positives_a_pair.same_film"] == 1.0
    assert "matching.test.segment_overlap.trim" in found
    prefixes = ("precision", "recall_at", "f1", "calibration", "brier", "retrieval")
    names = [f"matching.test.videos.{prefix}" for prefix in prefixes]
    assert not _missing("matching", found, *names)


def _spent(kind: str, all_s: float) -> Spent:
    return Spent(kind, 10**7, 480, 0.1, 1.0, 0.2, 0.3, 2.0, all_s, all_s, 1.4, 4 * 10**8)


def test_throughput_says_that_its_library_has_no_crops() -> None:
    speed = _values(_speed_figures([_spent("H.264, key every 2 s", 4.0), _spent("VP9", 6.0)]))
    assert speed["throughput.median_an_hour"] == 720
    assert speed["throughput.vp9.time_to_floor"] == 3.0
    cost = _values(_cost_figures(WORK, 200_000))
    assert all("200000_frames_without_crops_or_sound" in name for name in cost)
    assert not _missing("throughput", speed, "throughput.")


def test_a_load_counts_what_was_lost() -> None:
    files = uploads.Files((Path("a"),) * 9, (Path("b"),), frozenset())
    outcome = uploads.Outcome(
        accepted=10,
        statuses={"done": 8, "refused": 1, "processing": 1},
        reasons={},
        jobs={},
        matches=0,
        copies_found=0,
        repeated=1,
        waiting=2,
        dead=3,
        sent_seconds=1.0,
        seconds=5.0,
    )
    found = _values(load._figures(outcome, files, "killed"))
    head = "load.killed.10_files"
    assert (found[f"{head}.without_outcome"], found[f"{head}.dead_letters"]) == (1, 3)
    assert found[f"{head}.uploads_a_second"] == 2.0
    wanted = {name.removeprefix("load.killed.1000_files") for name in
              baseline.read().benchmarks["load-killed"].figures}  # fmt: skip
    assert wanted <= {name.removeprefix(head) for name in found}


def test_rates_of_nothing_and_kinds_that_are_absent_have_no_figures() -> None:
    found = _values(matching_figures("matching", [], [pair(0.9)]))
    assert not any("pictures" in name or "false_positives" in name for name in found)
