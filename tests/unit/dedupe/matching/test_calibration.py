"""Maps from scores to probabilities: their form, the shipped ones, and those of a verdict."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from filmgate.dedupe.matching.calibration import (
    Calibration,
    CalibrationMap,
    CalibrationSource,
    KindCalibration,
    shipped,
)
from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.model import Comparison, Transform
from filmgate.dedupe.matching.settings import DecisionSettings, MatchSettings
from filmgate.media.model import MediaKind

SCORES = st.floats(0, 1)
SOURCE = CalibrationSource(labelled_set="a set", fitted=date(2020, 2, 3), command="a command")


@pytest.mark.parametrize(
    ("scores", "probabilities"),
    [
        ((0.1, 0.2), (0.5,)),
        ((0.2, 0.2), (0.5, 0.6)),
        ((0.1, 0.2), (0.6, 0.5)),
        ((0.1, 0.2), (0.0, 0.5)),
        ((0.1, 0.2), (0.5, 1.0)),
        ((), ()),
    ],
)
def test_a_map_out_of_order_is_refused(
    scores: tuple[float, ...], probabilities: tuple[float, ...]
) -> None:
    with pytest.raises(ValidationError):
        CalibrationMap(scores=scores, probabilities=probabilities, pairs=9, copies=1)


def compared(visual: float, **values: object) -> Comparison:
    given = {"audio": None, "metadata": None, "decisive": ("visual",), "engine": "e"} | values
    return Comparison.model_validate({"kind": MediaKind.VIDEO, "visual": visual} | given)


def map_of(*points: tuple[float, float]) -> CalibrationMap:
    scores, probabilities = zip(*points, strict=True)
    return CalibrationMap(scores=scores, probabilities=probabilities, pairs=12, copies=6)


SETTINGS = MatchSettings(
    calibration=Calibration(
        video=KindCalibration(
            source=SOURCE, whole=map_of((0.0, 0.1), (1.0, 0.9)), part=map_of((0.7, 0.6))
        )
    )
)


def test_a_verdict_has_its_probability_and_what_it_was_calibrated_on() -> None:
    whole = decide(compared(0.95), SETTINGS)
    assert whole.probability == pytest.approx(0.1 + 0.8 * whole.score, abs=1e-4)
    assert whole.calibrated_on == "a set, 12 pairs, 2020-02-03"
    part = decide(compared(0.75, transform=Transform(partial=True)), SETTINGS)
    assert part.probability == 0.6
    different = decide(compared(0.2, decisive=()), SETTINGS)
    assert different.probability == pytest.approx(0.1 + 0.8 * different.score, abs=1e-4)


def test_a_kind_without_a_map_has_no_probability() -> None:
    verdict = decide(compared(0.95, kind=MediaKind.IMAGE), SETTINGS)
    assert verdict.probability is None
    assert verdict.calibrated_on is None


def test_a_verdict_by_embedding_has_no_probability() -> None:
    verdict = decide(compared(0.2, decisive=(), embedding=0.8), SETTINGS)
    assert verdict.by_embedding
    assert verdict.probability is None
    assert not decide(compared(0.95, embedding=0.8), SETTINGS).by_embedding


@given(SCORES, SCORES, st.booleans(), st.sampled_from(MediaKind))
def test_the_shipped_maps_are_monotone_and_cover_every_kind(
    one: float, other: float, partial: bool, kind: MediaKind
) -> None:
    low, high = (
        shipped().probability(kind, score, partial=partial) for score in sorted((one, other))
    )
    assume(kind is not MediaKind.IMAGE or not partial)
    assert low is not None
    assert high is not None
    assert 0 < low <= high < 1


def test_the_shipped_maps_are_the_default_and_say_what_they_were_fit_on() -> None:
    settings = MatchSettings()
    assert settings.calibration == shipped()
    verdict = decide(compared(0.98), settings)
    assert verdict.probability is not None
    assert verdict.probability > 0.9
    assert "tuning half" in (verdict.calibrated_on or "")


def test_the_shipped_settings_fit_the_environment_of_a_function() -> None:
    """Lambda allows 4 KB for all variables of a function."""
    text = MatchSettings().model_dump_json(exclude_none=True)
    assert len(text) < 3000
    assert MatchSettings.model_validate(json.loads(text)) == MatchSettings()


def test_settings_with_maps_come_back_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILMGATE_MATCH_SETTINGS", SETTINGS.model_dump_json(exclude_none=True))
    assert DecisionSettings().match_settings == SETTINGS
    monkeypatch.setenv("FILMGATE_MATCH_SETTINGS", '{"image": {"near": 0.9}}')
    assert DecisionSettings().match_settings.calibration == shipped()
    monkeypatch.setenv("FILMGATE_MATCH_SETTINGS", '{"calibration": {}}')
    assert DecisionSettings().match_settings.calibration == Calibration()
