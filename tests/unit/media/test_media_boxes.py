"""What an MP4's index may claim, and what reading the claims costs."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmgate.errors import MediaRefused
from filmgate.media.boxes import check_index
from filmgate.media.limits import Limits
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
def test_a_hostile_index_costs_no_memory(tmp_path: Path, build) -> None:
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


@given(
    boxes=st.lists(
        st.tuples(
            st.sampled_from(
                [b"moov", b"trak", b"stbl", b"stsc", b"stsz", b"elst", b"hdlr", b"trun"]
            ),
            st.one_of(st.integers(0, 40), st.integers(0, 2**32 - 1)),
            st.binary(max_size=32),
        ),
        max_size=12,
    )
)
def test_no_arrangement_of_boxes_breaks_the_walk(tmp_path_factory, boxes) -> None:
    path = tmp_path_factory.getbasetemp() / "boxes.mp4"
    path.write_bytes(b"".join(struct.pack(">I4s", size, kind) + rest for kind, size, rest in boxes))
    try:
        check_index(path, LIMITS)
    except MediaRefused as refusal:
        assert refusal.code == "too_large"
