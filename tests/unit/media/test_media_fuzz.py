"""Files cut short or changed in places give a result or a refusal, soon, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filmgate.errors import MediaRefused
from filmgate.media.decode import decode
from filmgate.media.limits import Limits
from filmgate.media.probe import probe
from filmgate.media.sampling import STANDARD_SAMPLING
from tests import media_factory as make

LIMITS = Limits(max_wall_s=5.0)

SEEDS: dict[str, Callable[[Path], Path]] = {
    "mp4": lambda folder: make.video(folder / "v.mp4", seconds=1, audio="aac"),
    "mkv": lambda folder: make.video(folder / "v.mkv", seconds=1, audio="libopus"),
    "ts": lambda folder: make.video(folder / "v.ts", seconds=1, audio="mp2"),
    "avi": lambda folder: make.video(folder / "v.avi", seconds=1, codec="mpeg4", audio="mp2"),
    "webm": lambda folder: make.video(folder / "v.webm", seconds=1, codec="libvpx"),
    "flv": lambda folder: make.video(folder / "v.flv", seconds=1, audio="aac"),
    "wav": lambda folder: make.audio_alone(folder, "wav", 0.3),
    "mp3": lambda folder: make.audio_alone(folder, "mp3", 1),
    "ogg": lambda folder: make.audio_alone(folder, "ogg", 1),
    "flac": lambda folder: make.audio_alone(folder, "flac", 0.3),
    "aac": lambda folder: make.audio_alone(folder, "aac", 1),
    "gif": lambda folder: make.animation(folder, "gif"),
    "webp": lambda folder: make.animation(folder, "webp"),
    "apng": lambda folder: make.animation(folder, "png"),
    "jpeg": lambda folder: make.exif_turned(folder, 6),
    "png": lambda folder: make.image_in_mode(folder, "sixteen-bit"),
    "tiff": lambda folder: make.image_in_mode(folder, "float"),
    "bmp": lambda folder: make.image_in_mode(folder, "bmp"),
    "avif": lambda folder: make.image_in_mode(folder, "avif"),
}

_EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=12)


@pytest.fixture(scope="module", params=SEEDS)
def seed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return SEEDS[request.param](tmp_path_factory.mktemp("seed")).read_bytes()


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(keep=st.one_of(st.just(1.0), st.floats(0, 1)), near_head=st.booleans(), edits=_EDITS)
def test_damage_gives_a_result_or_a_refusal(
    tmp_path: Path, seed: bytes, keep: float, near_head: bool, edits: list[tuple[float, int]]
) -> None:
    data = bytearray(seed[: round(len(seed) * keep)])
    reach = min(len(data), 600) if near_head else len(data)
    for where, value in edits:
        if data:
            data[min(int(where * reach), len(data) - 1)] = value
    path = tmp_path / "damaged"
    path.write_bytes(data)
    try:
        info = probe(path, LIMITS)
        decoded = decode(path, info, LIMITS, sample_rate_hz=5.0)
        for frame in decoded.frames:
            assert 0 < max(frame.rgb.shape) <= STANDARD_SAMPLING.frame_side
    except MediaRefused as refusal:
        assert refusal.code and refusal.reason.endswith(".")
