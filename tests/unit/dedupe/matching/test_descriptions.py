"""Changes and times in words, the same in a verdict's reason and wherever it is shown."""

from __future__ import annotations

import pytest

from filmgate.dedupe.matching.descriptions import clock, relation_words, transform_words
from filmgate.dedupe.matching.model import MatchClass, Transform


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        (Transform(), "no change found"),
        (Transform(identical_bytes=True), "identical bytes"),
        (Transform(mirror=True, turn=180), "mirrored, turned upside down"),
        (Transform(speed=0.8), "1.25x slower"),
        (Transform(speed=1.25, turn=90), "turned a quarter right, 1.25x faster"),
        (Transform(speed=1.001), "no change found"),
        (Transform(speed=0), "no change found"),
        (Transform(turn=45, audio_replaced=True), "turned by 45 degrees, with other sound"),
        (Transform(crop=True, partial=True), "cropped, a part of the time"),
        (
            Transform(recoloured=True, audio_removed=True),
            "recoloured, with the sound taken away or added",
        ),
        (Transform(tilt=4.5, overlaid=True), "tilted by 4.5 degrees, with something laid over"),
        (Transform(tilt=-0.01), "no change found"),
        (Transform(barred=True), "with bars put on or taken away"),
        (Transform(padded=True), "with black ends put on or taken away"),
        (Transform(trimmed=True), "a little shorter or longer"),
    ],
)
def test_transforms_in_words(transform: Transform, words: str) -> None:
    assert transform_words(transform) == words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.0"), (59.96, "1:00.0"), (3723.45, "1:02:03.4"), (-1.5, "-0:01.5")],
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_of_what_only_looks_alike_no_change_is_told() -> None:
    assert "no proof" in relation_words(MatchClass.SIMILAR, Transform(speed=1.5))
    assert "part" in relation_words(MatchClass.SIMILAR, Transform(partial=True))
    assert relation_words(MatchClass.NEAR, Transform(crop=True)) == "cropped"
