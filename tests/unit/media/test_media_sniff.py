"""What a file is follows from its first bytes alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmgate.errors import MediaRefused
from filmgate.media.model import MediaKind
from filmgate.media.sniff import CONTENT_TYPES, HEAD_BYTES, sniff
from tests import media_factory as make


def _sniffed(path: Path) -> tuple[MediaKind, str]:
    found = sniff(path.read_bytes()[:HEAD_BYTES])
    assert found.content_type == CONTENT_TYPES[found.format]
    return found.kind, found.format


@pytest.mark.parametrize(
    ("extension", "name"),
    [("wav", "wav"), ("mp3", "mp3"), ("m4a", "m4a"), ("flac", "flac"), ("aac", "aac")],
)
def test_sound_is_known_by_content(tmp_path: Path, extension: str, name: str) -> None:
    path = make.audio_alone(tmp_path, extension, seconds=1)
    assert _sniffed(path.rename(tmp_path / "named.jpg")) == (MediaKind.AUDIO, name)


@pytest.mark.parametrize(
    ("container", "name"),
    [
        ("mp4", "mp4"),
        ("mov", "mov"),
        ("matroska", "matroska"),
        ("mpegts", "mpegts"),
        ("avi", "avi"),
        ("flv", "flv"),
    ],
)
def test_containers_are_known_by_content(tmp_path: Path, container: str, name: str) -> None:
    path = make.video(tmp_path / "named.txt", seconds=0.4, container_format=container)
    assert _sniffed(path) == (MediaKind.VIDEO, name)


def test_program_streams_and_webm(tmp_path: Path) -> None:
    old = make.video(tmp_path / "a", seconds=0.4, codec="mpeg2video", container_format="vob")
    new = make.video(tmp_path / "b", seconds=0.4, codec="libvpx", container_format="webm")
    assert [_sniffed(old)[1], _sniffed(new)[1]] == ["mpeg", "webm"]


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("rgb", "png"),
        ("cmyk", "jpeg"),
        ("float", "tiff"),
        ("bmp", "bmp"),
        ("avif", "avif"),
        ("webp", "webp"),
    ],
)
def test_stills_are_images(tmp_path: Path, mode: str, name: str) -> None:
    assert _sniffed(make.image_in_mode(tmp_path, mode)) == (MediaKind.IMAGE, name)


@pytest.mark.parametrize("extension", ["gif", "webp", "png"])
def test_animations_are_hinted_as_videos(tmp_path: Path, extension: str) -> None:
    assert _sniffed(make.animation(tmp_path, extension))[0] is MediaKind.VIDEO
    assert _sniffed(make.animation(tmp_path, extension, frames=1))[0] is MediaKind.IMAGE


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\nhttp://example.org/a.ts\n",
        "\ufeff#EXTM3U\n",
        "\n\n  #EXTM3U\n",
        "<?xml version='1.0'?><!-- x --><MPD></MPD>",
        "<mpd:MPD xmlns:mpd='urn:mpeg:dash:schema:mpd:2011'/>",
        "<SmoothStreamingMedia MajorVersion='2'/>",
        "<smil><body/></smil>",
        "ffconcat version 1.0\nfile 'http://example.org/a.mp4'\n",
        "[playlist]\nFile1=http://example.org/a.mp3\n",
        "[Reference]\nRef1=http://example.org/a.asf\n",
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
        "<ASX version='3.0'></ASX>",
        "rtsp://example.org/live\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_playlists_are_refused(text: str, encoding: str) -> None:
    with pytest.raises(MediaRefused) as caught:
        sniff(text.encode(encoding))
    assert caught.value.code == "playlist"


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"", "empty"),
        (b"Dear reader,\nnothing to see.\n", "not_media"),
        ("Grüße aus Köln ".encode() * 6000, "not_media"),
        (b"PK\x03\x04" + bytes(60), "not_media"),
        (b"\x7fELF" + bytes(60), "not_media"),
        (bytes(HEAD_BYTES), "not_media"),
        (b"8BPS\x00\x01" + bytes(60), "unsupported"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n\x00", "unsupported"),
        (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "unsupported"),
        (b"RIFF\x00\x00\x00\x00RMIDdata", "not_media"),
    ],
)
def test_other_content_is_refused_with_a_sentence(head: bytes, code: str) -> None:
    with pytest.raises(MediaRefused) as caught:
        sniff(head[:HEAD_BYTES])
    assert caught.value.code == code
    assert caught.value.reason.endswith(".")


@given(st.binary(max_size=400), st.sampled_from([b"", b"ID3", b"GIF89a", b"\xff\xfb", b"\xff\xf1"]))
def test_no_head_breaks_it(tail: bytes, magic: bytes) -> None:
    try:
        assert sniff(magic + tail).format in CONTENT_TYPES
    except MediaRefused as refusal:
        assert refusal.code in {"empty", "playlist", "unsupported", "not_media"}
