"""Well-formed answers that say what no honest child would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from filmgate.dedupe.fingerprint.codec import dumps
from filmgate.dedupe.fingerprint.engine import ENGINE
from filmgate.media.limits import Limits
from filmgate.media.shared_names import SHARED_NAMES
from filmgate.sandbox.answers import ReadArguments, media_info, picture_parts, reading
from filmgate.sandbox.inprocess import InProcessReader
from filmgate.sandbox.wire import WireError
from tests.unit.pipeline.flow import picture

LIMITS = Limits()
FACTS: dict[str, Any] = {
    "kind": "video",
    "format": "mp4",
    "content_type": "video/mp4",
    "width": 640,
    "height": 360,
    "duration_s": 9.5,
}


def test_honest_facts_pass() -> None:
    assert media_info([json.dumps(FACTS).encode()], LIMITS).width == 640
    sound = FACTS | {"kind": "audio", "content_type": "audio/mp4", "width": None, "height": None}
    assert media_info([json.dumps(sound).encode()], LIMITS).width is None


@pytest.mark.parametrize(
    "lie",
    [
        {"format": "exe"},
        {"content_type": "text/html"},
        {"duration_s": float("inf")},
        {"duration_s": LIMITS.max_duration_s + 1},
        {"kind": "smell"},
    ],
)
def test_facts_that_no_probe_would_give_are_refused(lie: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        media_info([json.dumps(FACTS | lie).encode()], LIMITS)


@pytest.mark.parametrize(
    "lie",
    [
        {"width": 0},
        {"height": 10**9},
        {"duration_s": -1},
        {"duration_s": float("nan")},
        {"frame_rate": float("inf")},
        {"audio_channels": -1},
        {"audio_rate_hz": 2**40},
        {"camera": "x" * 10_000},
        {"video_codec": "x" * 10_000},
    ],
)
def test_values_out_of_bounds_are_dropped_or_cut(lie: dict[str, Any]) -> None:
    """By the types of `MediaInfo`, as for a file that claims them."""
    (name,) = lie
    try:
        value = getattr(media_info([json.dumps(FACTS | lie).encode()], LIMITS), name)
    except WireError:
        return
    assert value in (None, 0.0, "x" * 200)


@pytest.mark.parametrize("change", range(9))
def test_a_reading_that_is_not_of_the_file_is_none(tmp_path: Path, change: int) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(picture(1))
    here = InProcessReader()
    info = here.probe(path, LIMITS)
    made = here.read(path, "0" * 64, info, LIMITS, pictures=True)
    asked = ReadArguments(sha256="0" * 64, info=info, limits=LIMITS, pictures=True)
    assert made.tiles is not None and made.fingerprint is not None
    index = made.tiles.index.model_dump_json().encode()
    honest = [dumps(made.fingerprint), index, made.tiles.jpeg, *picture_parts(made.pictures)]
    assert reading(honest, asked, ENGINE).tiles == made.tiles
    shapes, pixels = honest[3:]
    lies = [
        (honest, asked, "another/1"),
        (honest, asked.model_copy(update={"sha256": "1" * 64}), ENGINE),
        (honest, asked.model_copy(update={"info": info.model_copy(update={"width": 1})}), ENGINE),
        ([b"PK", *honest[1:]], asked, ENGINE),
        ([honest[0], index, b"<html>", shapes, pixels], asked, ENGINE),
        ([honest[0], b"{}", honest[2], shapes, pixels], asked, ENGINE),
        ([*honest[:3], shapes, pixels + b"x"], asked, ENGINE),
        ([*honest[:3], shapes.replace(b'"height":', b'"height":9'), pixels], asked, ENGINE),
        (honest[:4], asked, ENGINE),
    ]
    with pytest.raises(WireError):
        reading(*lies[change])


@pytest.mark.parametrize("name", SHARED_NAMES)
def test_a_shared_artifact_that_is_none_is_not_taken(tmp_path: Path, name: str) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(picture(1))
    here = InProcessReader()
    info = here.probe(path, LIMITS)
    body = here.read(path, "", info, LIMITS, pictures=False, artifacts=(name,)).shared[name]
    asked = ReadArguments(sha256="", info=info, limits=LIMITS, pictures=False, artifacts=(name,))
    rest = [b""] * 5
    assert reading([*rest, body], asked, ENGINE).shared == {name: body}
    too_long = b" " * (SHARED_NAMES[name].max_bytes + 1)
    for lie in ([], [b""], [body[:-1]], [body + b"x"], [too_long], [body, body]):
        with pytest.raises(WireError):
            reading([*rest, *lie], asked, ENGINE)
