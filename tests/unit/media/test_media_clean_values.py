"""What a file says of itself is bounded before it is recorded."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from filmgate.media.clean_values import MAX_TEXT, clean_text, clean_timestamp
from filmgate.media.limits import Limits
from filmgate.media.model import MediaInfo, MediaKind
from filmgate.media.probe import probe
from tests import media_factory as make

LIMITS = Limits()
_ANYTHING = (
    st.none() | st.text() | st.binary() | st.floats() | st.integers() | st.tuples(st.integers())
)


def _info(**values: object) -> MediaInfo:
    facts = {"kind": MediaKind.VIDEO, "format": "mp4", "content_type": "video/mp4"}
    return MediaInfo.model_validate(facts | values)


@pytest.mark.parametrize("form", ["tiff", "jpg"])
def test_a_huge_tag_does_not_reach_the_record(tmp_path: Path, form: str) -> None:
    size = 700_000 if form == "tiff" else 60_000
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0132] = "M" * size, "Model", "2024:05:06 07:08:09" * 100
    path = tmp_path / f"tags.{form}"
    Image.new("RGB", (8, 8)).save(path, exif=exif)
    assert path.stat().st_size > size
    info = probe(path, LIMITS)
    assert info.camera == "M" * MAX_TEXT and info.created_at is None
    assert len(info.model_dump_json()) < 2000


def test_huge_tags_of_a_container_do_not_reach_the_record(tmp_path: Path) -> None:
    source = make.video(tmp_path / "a.mp4", seconds=0.2)
    path = tmp_path / "tags.mkv"
    with av.open(str(source)) as plain, av.open(str(path), "w") as tagged:
        tagged.metadata["com.apple.quicktime.make"] = "A\x1bcme" + "e" * 700_000
        tagged.metadata["com.apple.quicktime.creationdate"] = "yesterday" * 100_000
        stream = tagged.add_stream_from_template(plain.streams.video[0])
        for packet in plain.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                tagged.mux(packet)
    info = probe(path, LIMITS)
    assert info.camera is not None and info.camera.startswith("Acmeee")
    assert len(info.camera) == MAX_TEXT and info.created_at is None


@given(_ANYTHING)
def test_texts_can_always_be_stored(value: object) -> None:
    text = clean_text(value)
    if text is not None:
        assert 0 < len(text) <= MAX_TEXT and text == text.strip()
        assert text.encode("utf-8") and clean_text(text) == text
        assert not any(ord(character) < 32 for character in text)


def test_control_characters_and_lone_surrogates_are_removed() -> None:
    assert clean_text("\0 A\ud800c\x1b[m\u0085e\n\udfff ") == "Ac[me"
    assert clean_text("Größe 東京 \U0001f4f7") == "Größe 東京 \U0001f4f7"
    assert clean_text("\0\0 ") is None and clean_text(None) is None


@pytest.mark.parametrize(
    "text",
    [
        "2024:05:06 07:08:09",
        "2024-05-06",
        "2024-05-06T07:08:09Z",
        "2024-05-06T07:08:09.000000Z",
        "2024-05-06T07:08:09+0200",
        "2024-05-06 07:08:09 UTC",
        "2024-05-06T07:08+02:00",
    ],
)
def test_dates_and_times_stay_as_written(text: str) -> None:
    assert clean_timestamp(text) == text
    assert clean_timestamp(f"{text}\0") == text


@pytest.mark.parametrize(
    "value",
    ["", "0000:00:00 00:00:00", "2024-02-30", "2024-05-06T25:00:00Z", "    :  :     :  :  ",
     "yesterday", "2024", "٢٠٢٤-05-06", 20240506, b"2024", "2024-05-06T07:08:09Z" * 2],
)  # fmt: skip
def test_what_is_not_a_date_is_dropped(value: object) -> None:
    assert clean_timestamp(value) is None


@given(_ANYTHING, _ANYTHING, _ANYTHING)
def test_any_values_make_a_record(text: object, number: object, other: object) -> None:
    info = _info(
        camera=text,
        created_at=text,
        video_codec=text,
        audio_codec=text,
        duration_s=number,
        frame_rate=number,
        width=other,
        height=number,
        audio_rate_hz=other,
        audio_channels=other,
    )
    assert 0 <= info.duration_s <= 1e9
    assert info.frame_rate is None or 0 < info.frame_rate <= 10_000
    assert info.width is None or 1 <= info.width <= 1_000_000
    assert MediaInfo.model_validate_json(info.model_dump_json()) == info


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1.0, 0, 1e300, 10**400])
def test_absurd_numbers_are_dropped(number: float) -> None:
    info = _info(frame_rate=number, width=number, audio_rate_hz=number, audio_channels=number)
    assert (info.frame_rate, info.width, info.audio_rate_hz, info.audio_channels) == (None,) * 4


def test_an_endless_duration_stays_too_long() -> None:
    assert _info(duration_s=float("inf")).duration_s > LIMITS.max_duration_s
    assert _info(duration_s=float("nan")).duration_s == 0.0
    assert _info(duration_s=-3.0).duration_s == 0.0
