"""What an MP4's index may claim, and what reading the claims costs."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filmgate.errors import MediaRefused
from filmgate.media.limits import Limits
from filmgate.media.mp4_index_guard import check_index, claimed_entries
from filmgate.media.probe import probe
from tests import media_factory as make

LIMITS = Limits()
PROBE = """
import resource, sys
from pathlib import Path
import av
from filmgate.errors import MediaRefused
from filmgate.media.limits import Limits
from filmgate.media.probe import probe

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    probe(Path(sys.argv[1]), Limits())
except MediaRefused as refusal:
    print(refusal.code, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize(
    "build", [make.claims_samples, make.claims_fragment, make.claims_raw_sound]
)
def test_a_hostile_index_costs_no_memory(tmp_path: Path, build: Callable[[Path], Path]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(build(tmp_path))],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    code, megabytes = done.stdout.split()
    assert code == "too_large"
    assert int(megabytes) < 64


def test_the_bound_follows_the_limits(tmp_path: Path) -> None:
    path = make.claims_samples(tmp_path, 200_000)
    check_index(path, Limits(max_decoded_frames=100_000))
    with pytest.raises(MediaRefused):
        check_index(path, Limits(max_decoded_frames=99_999))


def test_what_costs_little_passes_whatever_the_limit(tmp_path: Path) -> None:
    check_index(make.claims_samples(tmp_path, 100_000), Limits(max_decoded_frames=1))


def test_boxes_are_counted_too(tmp_path: Path) -> None:
    path = make.claims_boxes(tmp_path)
    check_index(path, LIMITS)
    with pytest.raises(MediaRefused):
        check_index(path, Limits(max_decoded_frames=10_000))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.mp4", {}),
        ("front.mp4", {"movflags": "faststart"}),
        ("parts.mp4", {"movflags": "frag_keyframe+empty_moov"}),
        ("raw.mov", {}),
    ],
)
def test_honest_files_pass(tmp_path: Path, name: str, options: dict[str, str]) -> None:
    sound = "pcm_s16le" if name.endswith("mov") else "aac"
    path = make.video(tmp_path / name, seconds=4, audio=sound, container_options=options)
    check_index(path, LIMITS)
    assert probe(path, LIMITS).audio_codec == sound


def test_hours_of_raw_sound_pass(tmp_path: Path) -> None:
    path = make.claims_raw_sound(tmp_path, 4096)
    content = bytearray(path.read_bytes())
    at = content.index(b"stsz", content.index(b"soun")) + 8
    struct.pack_into(">II", content, at, 2, 6 * 3600 * 48_000)
    path.write_bytes(content)
    check_index(path, LIMITS)


def index_entries(path: Path) -> int:
    """How many FFmpeg makes."""
    with av.open(str(path)) as container:
        return sum(len(stream.index_entries) for stream in container.streams)


CODED: dict[str, dict[str, Any]] = {
    "all sync": {"codec": "mjpeg", "pixel_format": "yuvj420p"},
    "groups": {"codec_options": {"g": "12", "bf": "2"}},
    "groups, one way": {"codec_options": {"g": "25", "bf": "0"}},
    "one group": {"codec_options": {"g": "250"}},
    "uneven": {"times": make.VARIABLE_TIMES},
    "compressed sound": {"audio": "aac"},
    "raw sound": {"audio": "pcm_s16le"},
}


@pytest.mark.parametrize("coded", CODED)
@pytest.mark.parametrize("count", [1, 2, 3, 17, 300])
def test_an_edit_list_costs_no_more_than_is_told(tmp_path: Path, coded: str, count: int) -> None:
    """Pieces of all lengths from anywhere, some of them over and over, after an empty one."""
    chance = random.Random(count)
    path = make.video(tmp_path / "edited.mov", seconds=4, **CODED[coded])
    plain = index_entries(path)
    pieces = [(chance.uniform(0, 3.9), chance.choice([0.04, 0.5, 4.0])) for _ in range(count)]
    handler = b"soun" if "sound" in coded else b"vide"
    made = index_entries(make.edited(path, [(-1.0, 0.5), *pieces], handler))
    reported = claimed_entries(path, 10**9)
    assert made <= reported
    assert reported <= (count + 2) * plain + 6 * count, "and never more than everything each time"


def test_a_film_put_together_of_many_pieces_passes(tmp_path: Path) -> None:
    path = make.claims_hour(tmp_path)
    pieces = [(60.0 * minute, 60.0) for minute in reversed(range(60))]
    check_index(make.edited(path, pieces), LIMITS)
    assert claimed_entries(path, 10**9) < 1.01 * 90_000
    check_index(make.edited(path, [(float(i % 3600), 0.5) for i in range(5000)]), LIMITS)


def test_a_film_shown_over_and_over_is_refused(tmp_path: Path) -> None:
    path = make.claims_hour(tmp_path)
    with pytest.raises(MediaRefused, match="entries"):
        check_index(make.edited(path, [(0.0, 3600.0)] * 60), LIMITS)
    with pytest.raises(MediaRefused, match="edits"):
        check_index(make.edited(path, [(0.0, 0.04)] * 100_001), LIMITS)


@given(
    boxes=st.lists(
        st.tuples(
            st.sampled_from(
                [
                    b"moov",
                    b"trak",
                    b"stsc",
                    b"stsz",
                    b"stts",
                    b"stss",
                    b"ctts",
                    b"elst",
                    b"mvhd",
                    b"mdhd",
                    b"hdlr",
                    b"trun",
                ]
            ),
            st.one_of(st.integers(0, 40), st.integers(0, 2**32 - 1)),
            st.binary(max_size=32),
        ),
        max_size=12,
    )
)
@settings(deadline=None)
def test_no_arrangement_of_boxes_breaks_the_walk(
    tmp_path_factory: pytest.TempPathFactory, boxes: list[tuple[int, bytes, bytes]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "boxes.mp4"
    path.write_bytes(b"".join(struct.pack(">I4s", size, kind) + rest for kind, size, rest in boxes))
    try:
        check_index(path, LIMITS)
    except MediaRefused as refusal:
        assert refusal.code == "too_large"


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cut")
    path = make.video(folder / "cut.mp4", seconds=2, codec_options={"g": "10", "bf": "2"})
    return make.edited(path, [(0.1 * i, 0.2) for i in range(9)])


@given(damage=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6))
@settings(max_examples=200, deadline=None)
def test_no_damage_to_the_tables_of_a_cut_film_breaks_the_count(
    cut: Path, damage: list[tuple[int, int]]
) -> None:
    content = bytearray(cut.read_bytes())
    for at, value in damage:
        content[-1 - at % len(content)] = value
    broken = cut.with_name("broken.mp4")
    broken.write_bytes(content)
    try:
        check_index(broken, LIMITS)
    except MediaRefused as refusal:
        assert refusal.code == "too_large"
