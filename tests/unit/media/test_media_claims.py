"""Small files that would cost much are refused by their headers, before anything is decoded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from filmgate.errors import MediaRefused
from filmgate.media.animation import read_animation
from filmgate.media.decode import decode
from filmgate.media.image import open_image
from filmgate.media.image_limits import decoding_bytes
from filmgate.media.limits import Limits
from filmgate.media.model import MediaInfo, MediaKind
from filmgate.media.mpegts_guard import check_programs, table_packets
from filmgate.media.probe import probe
from tests import media_factory as make

LIMITS = Limits()
# A row of BMP's run lengths: one run of one pixel, and the end of the line.
BMP_ROW = b"\1\5\0\0"


def _refusal(path: Path, limits: Limits = LIMITS) -> str:
    with pytest.raises(MediaRefused) as caught:
        probe(path, limits)
    assert caught.value.reason.endswith(".")
    return caught.value.code


@pytest.mark.parametrize(
    "build",
    [
        lambda folder: make.narrow_png(folder, 1, 65_536),
        lambda folder: make.narrow_png(folder, 65_536, 1),
        lambda folder: make.run_length_bmp(folder, 1, 65_536),
        lambda folder: make.run_length_bmp(folder, 4000, 2001),
        lambda folder: make.tiled_tiff(folder, 10_001),
        lambda folder: make.tiled_tiff(folder, 65_535),
        lambda folder: make.large_gif(folder, 4000, 1000),
        lambda folder: make.large_webp(folder, 4000, 1000),
        lambda folder: make.large_apng(folder, 4000, 1000),
        lambda folder: make.outgrowing_gif(folder, 6000),
        lambda folder: make.outgrowing_gif(folder, 65_535),
    ],
)
def test_pictures_that_cost_too_much_are_refused(
    tmp_path: Path, build: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = build(tmp_path)
    for decoder in ("load", "convert", "resize"):
        monkeypatch.setattr(Image.Image, decoder, _never)
    assert _refusal(path) == "too_many_pixels"


def _never(*_: object) -> None:
    raise AssertionError("a refused picture is not decoded")


@pytest.mark.parametrize(
    "build",
    [
        lambda folder: make.narrow_png(folder, 1, 65_535),
        lambda folder: make.run_length_bmp(folder, 300, 200, BMP_ROW * 200),
        lambda folder: make.run_length_bmp(folder, 4000, 1999, BMP_ROW * 1999),
        lambda folder: make.large_gif(folder, 2000, 4),
        lambda folder: make.large_webp(folder, 2000, 4),
        lambda folder: make.large_apng(folder, 2000, 4),
        lambda folder: make.outgrowing_gif(folder, 400),
    ],
)
def test_pictures_within_the_limits_decode(tmp_path: Path, build: Callable[[Path], Path]) -> None:
    path = build(tmp_path)
    decoded = decode(path, probe(path, LIMITS), LIMITS, sample_rate_hz=8.0)
    assert list(decoded.frames) and not decoded.decode_errors


@pytest.mark.parametrize("build", [make.large_gif, make.large_webp, make.large_apng])
def test_decoding_keeps_the_budget_of_an_animation_too(
    tmp_path: Path, build: Callable[[Path, int, int], Path]
) -> None:
    path = build(tmp_path, 500, 8)
    info = probe(path, LIMITS)
    budget = 8 * (500 * 500 + 10_000)
    probe(path, Limits(max_animation_pixels=budget))
    small = Limits(max_animation_pixels=budget - 1)
    assert _refusal(path, small) == "too_many_pixels"
    with pytest.raises(MediaRefused):
        list(decode(path, info, small, sample_rate_hz=8.0).frames)


def test_many_pictures_of_one_pixel_count(tmp_path: Path) -> None:
    path = make.large_gif(tmp_path, 1, 3000)
    assert _refusal(path, Limits(max_animation_pixels=3000 * 10_000)) == "too_many_pixels"


def test_a_picture_of_millions_of_blocks_is_refused(tmp_path: Path) -> None:
    assert read_animation(make.blocks_gif(tmp_path, 4_999_990), "gif", LIMITS).durations_s
    assert _refusal(make.blocks_gif(tmp_path, 5_000_001)) == "too_large"


def test_the_memory_of_a_picture_is_bounded(tmp_path: Path) -> None:
    path = make.narrow_png(tmp_path, 10, 1000)
    needed = 10 * 1000 * 2 + 1000 * 64
    probe(path, Limits(max_image_bytes=needed))
    assert _refusal(path, Limits(max_image_bytes=needed - 1)) == "too_many_pixels"


_PEAK = """
import resource, sys
from pathlib import Path
import numpy, PIL.Image
from filmgate.media.image import decode_image, open_image
from filmgate.media.image_limits import decoding_bytes
from filmgate.media.limits import Limits
path, form = Path(sys.argv[1]), sys.argv[2]
with open_image(path, form, Limits()) as image:
    estimate = decoding_bytes(image)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
decode_image(path, form, Limits())
print(estimate, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        ("1", "png"), ("L", "png"), ("LA", "png"), ("P", "png"), ("I;16", "png"),
        ("RGB", "png"), ("RGBA", "png"), ("RGB", "webp"), ("RGBA", "webp"), ("RGB", "avif"),
        ("RGBA", "avif"), ("RGB", "jpeg"), ("CMYK", "jpeg"), ("F", "tiff"), ("I", "tiff"),
        ("CMYK", "tiff"), ("P", "gif"), ("P", "bmp"),
    ],
)  # fmt: skip
def test_the_estimate_covers_what_decoding_takes(tmp_path: Path, mode: str, form: str) -> None:
    path = tmp_path / f"picture.{form}"
    options: dict[str, Any] = (
        {"speed": 10} if form == "avif" else {"method": 0} if form == "webp" else {}
    )
    Image.new(mode, (2600, 2000)).save(path, **options)
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(path), form], capture_output=True, text=True, check=True
    )
    estimate, taken = map(int, done.stdout.split())
    # Buffers of a fixed size, and libraries that are loaded only now.
    assert taken <= estimate + 16 * 1024**2


def test_narrow_pictures_are_charged_for_their_rows(tmp_path: Path) -> None:
    with open_image(make.narrow_png(tmp_path, 1, 60_000), "png", LIMITS) as image:
        assert decoding_bytes(image) > 64 * 60_000


def test_pillow_keeps_its_own_limit(tmp_path: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS
    for limits in (Limits(max_image_pixels=10), LIMITS):
        path = make.narrow_png(tmp_path, 10, 10)
        info = MediaInfo(kind=MediaKind.IMAGE, format="png", content_type="image/png")
        try:
            list(decode(path, info, limits, sample_rate_hz=1.0).frames)
        except MediaRefused as refusal:
            assert refusal.code == "too_many_pixels" and limits is not LIMITS
        assert before == Image.MAX_IMAGE_PIXELS
    with pytest.raises(ValueError, match="max_image_pixels"):
        Limits(max_image_pixels=2 * before + 2)  # type: ignore[operator]


@pytest.mark.parametrize("junk", [b"", b"x"])
def test_a_stream_of_thousands_of_programs_is_refused(tmp_path: Path, junk: bytes) -> None:
    path = make.many_programs(tmp_path, 3000, junk=junk)
    with pytest.raises(MediaRefused) as caught:
        check_programs(path)
    assert caught.value.code == "too_large"
    if not junk:
        assert _refusal(path) == "too_large"


def test_a_large_multiplex_is_not_refused(tmp_path: Path) -> None:
    path = make.many_programs(tmp_path, 60, repeat=200)
    assert table_packets(path) == 2
    check_programs(path)
    # Nothing but tables.
    assert _refusal(path) == "no_pictures"


def test_random_data_has_no_tables_to_speak_of(tmp_path: Path) -> None:
    import random

    path = tmp_path / "noise.ts"
    path.write_bytes(random.Random(1).randbytes(16 * 1024**2))
    assert table_packets(path) < 24


def test_motion_jpeg_with_exif_is_decoded_and_turned(tmp_path: Path) -> None:
    path = make.motion_jpeg_with_exif(tmp_path, orientation=6)
    info = probe(path, LIMITS)
    decoded = decode(path, info, LIMITS, sample_rate_hz=25.0)
    assert (info.width, info.height) == (90, 160)
    assert [frame.rgb.shape for frame in decoded.frames] == [(160, 90, 3)] * 5
    assert not decoded.decode_errors
