"""Long videos of which sampling skips parts, and not the same parts in both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.fingerprint.sampling import max_sampling_gap_s
from filmgate.dedupe.matching.compare import compare
from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.frame_features import matchable_frames
from filmgate.dedupe.matching.model import MatchClass
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate_samples.clip import Clip, Encoding, Picture, write_clip
from tests.clips import RATE_HZ, scene, taken

SECONDS = 28.0


def _written(target: Path, pictures: list[Picture], key_gap_s: float) -> Fingerprint:
    gap = str(round(key_gap_s * RATE_HZ))
    options = {"preset": "superfast", "g": gap, "keyint_min": gap, "sc_threshold": "0"}
    times = np.arange(len(pictures)) / RATE_HZ
    write_clip(target, Clip(pictures, times, RATE_HZ, None), Encoding(options=options))
    return taken(target)


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    return scene("reef", SECONDS)


@pytest.mark.parametrize(("gap_s", "cut_s"), [(2.0, 3.0), (1.04, 2.56)])
def test_two_files_with_different_skipped_parts_match(
    tmp_path: Path, pictures: list[Picture], gap_s: float, cut_s: float
) -> None:
    """Cut off by an odd half of a group, so one file is seen where the other is not."""
    whole = _written(tmp_path / "whole.mp4", pictures, gap_s)
    rest = _written(tmp_path / "rest.mp4", pictures[round(cut_s * RATE_HZ) :], gap_s)
    for found in (whole, rest):
        assert found.frames is not None
        assert 0.4 < max(np.diff(found.frames.times_s)) <= max_sampling_gap_s(found.info) + 0.081
    verdict = decide(compare(whole, rest), MatchSettings())
    assert verdict.match_class is MatchClass.SIMILAR
    assert verdict.transform.partial
    (segment,) = verdict.segments
    assert segment.a_start == pytest.approx(cut_s, abs=0.6)
    assert segment.a_end == pytest.approx(SECONDS, abs=0.6)
    assert segment.b_start == pytest.approx(0.0, abs=0.6)


def test_skipped_parts_count_as_time(tmp_path: Path, pictures: list[Picture]) -> None:
    seen = matchable_frames(_written(tmp_path / "keys.mp4", pictures, 2.0))
    assert seen is not None
    assert seen.shown_s == pytest.approx(SECONDS, abs=1.0)
    assert seen.max_gap_s == pytest.approx(0.5, abs=0.1)
