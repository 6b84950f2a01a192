"""Descriptions of changes and times."""

from __future__ import annotations

import pytest

from filmgate.dedupe.matching.descriptions import describe_relation, describe_transform, timecode
from filmgate.dedupe.matching.model import MatchClass, Transform


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        (Transform(), "no change found"),
        (Transform(identical_bytes=True), "identical bytes"),
        (Transform(mirror=True, turn=180), "mirrored, rotated 180 degrees"),
        (Transform(speed=0.8), "1.25x slower"),
        (Transform(speed=1.25, turn=90), "rotated 90 degrees clockwise, 1.25x faster"),
        (Transform(speed=1.001), "no change found"),
        (Transform(speed=0), "no change found"),
        (Transform(turn=45, audio_replaced=True), "rotated 45 degrees, with different sound"),
        (Transform(crop=True, partial=True), "cropped, a part of the time"),
        (
            Transform(recoloured=True, audio_removed=True),
            "recoloured, with the sound added or removed",
        ),
        (Transform(tilt=4.5, overlaid=True), "tilted by 4.5 degrees, with an overlay"),
        (Transform(tilt=-0.01), "no change found"),
        (Transform(barred=True), "with black bars added or removed"),
        (Transform(padded=True), "with blank ends added or removed"),
        (Transform(trimmed=True), "slightly shorter or longer"),
    ],
)
def test_transforms_are_described(transform: Transform, words: str) -> None:
    assert describe_transform(transform) == words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.0"), (59.96, "1:00.0"), (3723.45, "1:02:03.4"), (-1.5, "-0:01.5")],
)
def test_timecode(seconds: float, text: str) -> None:
    assert timecode(seconds) == text


def test_no_change_is_listed_for_lookalikes() -> None:
    assert "not proof" in describe_relation(MatchClass.SIMILAR, Transform(speed=1.5))
    assert "part" in describe_relation(MatchClass.SIMILAR, Transform(partial=True))
    assert describe_relation(MatchClass.NEAR, Transform(crop=True)) == "cropped"
