"""Similarity of container metadata."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmgate.dedupe.matching.metadata import metadata_similarity
from filmgate.media.model import MediaInfo, MediaKind

infos = st.builds(
    MediaInfo,
    kind=st.just(MediaKind.VIDEO),
    format=st.just("mp4"),
    content_type=st.just("video/mp4"),
    width=st.none() | st.integers(1, 8000),
    height=st.none() | st.integers(1, 8000),
    duration_s=st.floats(0, 1e5),
    frame_rate=st.none() | st.floats(1, 240),
    created_at=st.none() | st.sampled_from(["2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"]),
    camera=st.none() | st.sampled_from(["Acme 1", "Acme 2"]),
)


def info(**values: object) -> MediaInfo:
    return MediaInfo(kind=MediaKind.VIDEO, format="mp4", content_type="video/mp4", **values)


@given(infos, infos)
def test_agreement_is_a_share_and_the_same_both_ways(a: MediaInfo, b: MediaInfo) -> None:
    similarity = metadata_similarity(a, b)
    assert similarity == metadata_similarity(b, a)
    assert similarity is None or 0 <= similarity <= 1


@given(infos)
def test_a_file_agrees_with_itself(a: MediaInfo) -> None:
    assert metadata_similarity(a, a) in (1.0, None)


def test_no_shared_facts_say_nothing() -> None:
    assert metadata_similarity(info(), info(duration_s=3.0)) is None
    assert metadata_similarity(info(camera="Acme 1"), info(frame_rate=25.0)) is None


@pytest.mark.parametrize(
    ("a", "b", "agreement"),
    [
        ({"duration_s": 10.0}, {"duration_s": 5.0}, 0.5),
        ({"width": 160, "height": 90}, {"width": 1280, "height": 720}, 1.0),
        ({"width": 100, "height": 100}, {"width": 200, "height": 100}, 0.5),
        ({"camera": "Acme 1"}, {"camera": "Acme 2"}, 0.0),
        ({"duration_s": 10.0, "camera": "x"}, {"duration_s": 10.0, "camera": "y"}, 0.5),
    ],
)
def test_agreement(a: dict[str, object], b: dict[str, object], agreement: float) -> None:
    assert metadata_similarity(info(**a), info(**b)) == agreement
