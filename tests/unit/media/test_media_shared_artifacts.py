"""Artifacts that engines share: one pass makes them, and none changes another."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from filmgate.dedupe.engine import FINGERPRINT
from filmgate.dedupe.fingerprint.codec import dumps
from filmgate.media.consumers import Consumer, Depth, Picture
from filmgate.media.decode import decode_for
from filmgate.media.frames_artifact import (
    MAX_FRAMES,
    FramesConsumer,
    read_frames,
    read_frames_index,
)
from filmgate.media.keyframes_artifact import read_keyframes, read_keyframes_index
from filmgate.media.limits import Limits
from filmgate.media.model import MediaInfo, MediaKind
from filmgate.media.packed import HEAD_BYTES, DamagedArtifactError, index_bytes, part
from filmgate.media.picture_set import PictureSet, decode_jpeg
from filmgate.media.probe import probe
from filmgate.media.shared_artifacts import CHECKS
from filmgate.media.shared_names import SHARED_NAMES
from filmgate.media.shots_artifact import ShotsConsumer, read_shots
from filmgate.media.sound_artifact import (
    RATE_HZ,
    SoundConsumer,
    read_sound,
    read_sound_index,
    sound_blocks,
)
from filmgate.sandbox.inprocess import InProcessReader
from filmgate.sandbox.port import Reading
from tests import media_factory as make
from tests.media_factory import shots as film

LIMITS = Limits()


def made_of(path: Path, artifacts: Sequence[str]) -> Reading:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    info = probe(path, LIMITS)
    return InProcessReader().read(path, digest, info, LIMITS, pictures=False, artifacts=artifacts)


def shared(path: Path, name: str) -> bytes:
    return made_of(path, [name]).shared[name]


FILES: dict[str, Callable[[Path], Path]] = {
    "short": lambda folder: make.video(folder / "a.mp4", seconds=3, audio="aac"),
    "long": lambda folder: film.film(folder / "a.mp4"),
    "keyframes every second": lambda folder: film.film(
        folder / "a.mp4", options={"g": "25", "sc_threshold": "0"}
    ),
    "open groups": lambda folder: film.film(
        folder / "a.mkv", options={"x264-params": "open-gop=1:keyint=30"}
    ),
    "only keyframes": lambda folder: film.film(folder / "a.mkv", codec="mjpeg", audio=None),
    "few keyframes": lambda folder: film.film(
        folder / "a.ts", options={"g": "9999", "sc_threshold": "0"}
    ),
    "vp9": lambda folder: film.film(
        folder / "a.webm", codec="libvpx-vp9", options={"g": "60"}, audio="libopus"
    ),
    "sound later": lambda folder: make.video(
        folder / "a.mkv", seconds=3, audio="flac", audio_start_s=0.5
    ),
    "cut in half": make.cut_in_half_index_first,
    "turned": make.rotated,
    "sound": lambda folder: make.audio_alone(folder, "mp3"),
    "gif": lambda folder: make.animation(folder, "gif"),
    "jpeg": make.exif_turned,
    "lab": lambda folder: make.image_in_mode(folder, "lab"),
}


@pytest.mark.parametrize("name", FILES)
def test_nothing_changes_what_another_gets(tmp_path: Path, name: str) -> None:
    """The fingerprint alone, with all others, and each of these alone: the same bytes."""
    path = FILES[name](tmp_path)
    alone, together = made_of(path, [FINGERPRINT]), made_of(path, [FINGERPRINT, *SHARED_NAMES])
    assert alone.fingerprint is not None and together.fingerprint is not None
    assert dumps(alone.fingerprint) == dumps(together.fingerprint)
    assert alone.tiles == together.tiles
    assert (alone.shared, list(together.shared)) == ({}, [*SHARED_NAMES])
    for artifact, body in together.shared.items():
        assert shared(path, artifact) == body, artifact
        CHECKS[artifact](body)


def test_frames_are_one_a_second_and_one_of_each_shot(tmp_path: Path) -> None:
    path = film.film(tmp_path / "a.mp4")
    body = shared(path, "frames")
    index = read_frames_index(body)
    times = [place.time_s for place in index.pictures]
    assert (index.width, index.height) == film.SIZE
    for second in range(23):
        assert any(second - 0.05 <= time_s <= second + 0.5 for time_s in times)
    for start, end in read_shots(shared(path, "shots")).spans():
        assert any(start <= time_s <= end for time_s in times)
    assert len(times) < 23 + 10
    assert np.diff(times).min() >= 0.2 - 1e-3


def test_frames_have_640_pixels_and_show_what_the_file_does(tmp_path: Path) -> None:
    path = make.video(tmp_path / "a.mp4", seconds=2, size=(960, 540))
    frames = list(read_frames(shared(path, "frames")))
    assert [time_s for time_s, _ in frames] == [0.0, 1.0]
    for time_s, rgb in frames:
        wanted = make.pattern(time_s * 25, 960, 540)[::3, ::3].astype(int)
        assert rgb.shape == (360, 640, 3)
        assert np.abs(rgb[::2, ::2].astype(int) - wanted).mean() < 8


def test_an_image_gives_one_frame_and_its_full_size(tmp_path: Path) -> None:
    path = make.exif_turned(tmp_path)
    info = probe(path, LIMITS)
    index = read_frames_index(shared(path, "frames"))
    assert (index.width, index.height) == (info.width, info.height)
    ((time_s, rgb),) = read_frames(shared(path, "frames"))
    assert time_s == 0.0
    assert info.width is not None and info.height is not None
    assert (rgb.shape[0] > rgb.shape[1]) == (info.height > info.width)
    assert len(list(read_keyframes(shared(path, "keyframes")))) == 1
    assert read_shots(shared(path, "shots")).spans() == ((0.0, 0.0),)
    assert read_sound(shared(path, "sound16k")).size == 0


def test_sound_alone_gives_no_pictures(tmp_path: Path) -> None:
    path = make.audio_alone(tmp_path, "mp3")
    assert list(read_frames(shared(path, "frames"))) == []
    assert read_keyframes_index(shared(path, "keyframes")).times_s == ()
    assert read_shots(shared(path, "shots")).spans() == ()
    assert read_sound(shared(path, "sound16k")).size > RATE_HZ


@pytest.mark.parametrize("late_s", [0.0, 0.5])
def test_sound_is_that_of_the_file_and_starts_when_it_does(tmp_path: Path, late_s: float) -> None:
    path = make.video(tmp_path / "a.mkv", seconds=4, audio="flac", audio_start_s=late_s)
    body = shared(path, "sound16k")
    assert read_sound_index(body).start_s == pytest.approx(late_s, abs=0.002)
    sound, true = read_sound(body), make.tone(4.0, RATE_HZ)
    assert len(sound) == pytest.approx(len(true), abs=40)
    length = min(len(sound), len(true))
    lags = [np.dot(sound[200 : length - 200], true[200 + lag : length - 200 + lag])
            for lag in range(-100, 101)]  # fmt: skip
    # Opus keeps no phase for certain, so the best lag may be a sample or two off.
    assert abs(int(np.argmax(lags)) - 100) <= 2
    assert np.corrcoef(sound[:length], true[:length])[0, 1] > 0.9
    blocks = list(sound_blocks(body, 0.7))
    assert [len(block) for block in blocks[:-1]] == [11_200] * (len(blocks) - 1)
    assert np.array_equal(np.concatenate(blocks), sound)


def _noise(samples: int, seed: int) -> av.AudioFrame:
    noise = np.random.default_rng(seed).normal(0, 3000, (1, samples)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(noise, "s16", "mono")
    frame.sample_rate = RATE_HZ
    return frame


def test_the_memory_for_sound_is_that_of_its_code() -> None:
    """Five minutes of noise are 9.6 MB of samples and 1.2 MB of Opus."""
    consumer = SoundConsumer(LIMITS)
    consumer.hear(_noise(RATE_HZ, 0), None)
    tracemalloc.start()
    for second in range(300):
        consumer.hear(_noise(RATE_HZ, second % 7), None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    body = consumer.finish()
    assert peak < 4_000_000
    assert read_sound_index(body).samples == 301 * RATE_HZ
    assert len(body) * (6 * 3600 / 301) < SHARED_NAMES["sound16k"].max_bytes


def test_sound_ends_at_its_limit() -> None:
    consumer = SoundConsumer(Limits(max_duration_s=3.5))
    for second in range(6):
        consumer.hear(_noise(RATE_HZ, second), Fraction(1, RATE_HZ))
    assert read_sound_index(consumer.finish()).samples == 3 * RATE_HZ


def test_keyframes_are_those_of_the_container(tmp_path: Path) -> None:
    path = film.film(tmp_path / "a.mp4", options={"g": "40", "sc_threshold": "0"})
    with av.open(str(path)) as container:
        true = [
            float(packet.pts * packet.time_base)
            for packet in container.demux(video=0)
            if packet.is_keyframe and packet.pts is not None
        ]
    body = shared(path, "keyframes")
    assert read_keyframes_index(body).times_s == pytest.approx([at - true[0] for at in true])
    pictures = list(read_keyframes(body))
    assert [time_s for time_s, _ in pictures] == pytest.approx([at - true[0] for at in true])
    assert all(max(rgb.shape) == 256 for _, rgb in pictures)


def test_a_file_whose_keyframes_have_no_times_is_not_refused_for_that(tmp_path: Path) -> None:
    """AVI states no times of presentation where there are B-frames."""
    options = {"bf": "2", "g": "12"}
    path = make.video(tmp_path / "a.avi", seconds=4, codec="mpeg4", codec_options=options)
    body = shared(path, "keyframes")
    assert made_of(path, ["keyframes", "shots"]).shared["keyframes"] == body
    assert len(list(read_frames(shared(path, "frames")))) == 4


class _Counting(Consumer):
    """Counts the pictures that a pass decodes."""

    def __init__(self, depth: Depth) -> None:
        self.depth = depth
        self.seen = 0

    def keyframe(self, container_s: float) -> bool:
        return self.depth is Depth.KEYFRAMES

    def see(self, picture: Picture) -> None:
        self.seen += 1


def test_a_pass_decodes_no_more_than_its_consumers_need(tmp_path: Path) -> None:
    path = film.film(tmp_path / "a.mp4", options={"g": "40", "sc_threshold": "0"})
    info = probe(path, LIMITS)
    seen = {}
    for depth in Depth:
        consumer = _Counting(depth)
        decode_for([consumer], path, info, LIMITS, sample_rate_hz=4.0, max_sampling_gap_s=0.5)
        seen[depth] = consumer.seen
    keyframes = len(read_keyframes_index(shared(path, "keyframes")).times_s)
    assert seen[Depth.KEYFRAMES] == keyframes == 15
    assert seen[Depth.FIRST] < 5
    assert seen[Depth.SAMPLED] > 100


def test_no_more_frames_are_kept_than_allowed() -> None:
    """A file that lasts longer than it states loses every second frame, again and again."""
    info = MediaInfo(kind=MediaKind.VIDEO, format="mp4", content_type="video/mp4", duration_s=1.0)
    consumer = FramesConsumer(info, ShotsConsumer())
    rgb = np.zeros((2, 2, 3), np.uint8)
    for second in range(5000):
        consumer.see(Picture(float(second), float(second), True, lambda _: rgb, lambda _: rgb))
    times = [place.time_s for place in read_frames_index(consumer.finish()).pictures]
    assert MAX_FRAMES / 2 <= len(times) <= MAX_FRAMES
    assert times[-1] > 4900
    assert np.diff(times).max() <= 16.0


def test_pictures_are_bounded_by_their_bytes() -> None:
    rng = np.random.default_rng(1)
    kept = PictureSet(max_pictures=100, max_bytes=100_000)
    for second in range(40):
        kept.add(second, rng.integers(0, 256, (90, 160, 3), dtype=np.uint8))
    assert len(kept.packed("frames", (160, 90))) < 110_000


def test_one_frame_can_be_read_by_its_range(tmp_path: Path) -> None:
    body = shared(make.video(tmp_path / "a.mp4", seconds=4), "frames")
    head = body[: index_bytes(body[:HEAD_BYTES])]
    place = read_frames_index(head).pictures[2]
    ranged = body[len(head) + place.start : len(head) + place.start + place.size]
    assert ranged == part(body, len(head), place)
    wanted = list(read_frames(body))[2][1]
    assert np.array_equal(decode_jpeg(ranged, (place.width, place.height)), wanted)


@pytest.mark.parametrize("name", SHARED_NAMES)
def test_other_bytes_are_no_artifact(tmp_path: Path, name: str) -> None:
    body = shared(make.video(tmp_path / "a.mp4", seconds=2, audio="aac"), name)
    check = CHECKS[name]
    check(body)
    other = shared(
        make.video(tmp_path / "b.mp4", seconds=2), "shots" if name != "shots" else "frames"
    )
    damaged = [b"", body[:8], body[:-1], body + b"x", body.replace(b"1", b"NaN", 1), other]
    for wrong in damaged:
        with pytest.raises(DamagedArtifactError):
            check(wrong)
    readers: dict[str, Callable[[bytes], Iterable[object]]] = {
        "frames": read_frames,
        "keyframes": read_keyframes,
        "sound16k": sound_blocks,
    }
    if name in readers:
        with pytest.raises(DamagedArtifactError):
            list(readers[name](body[: len(body) // 2]))


def test_a_picture_that_is_not_as_large_as_stated_is_not_decoded(tmp_path: Path) -> None:
    body = shared(make.video(tmp_path / "a.mp4", seconds=1), "frames")
    with pytest.raises(DamagedArtifactError):
        list(read_frames(body.replace(b'"height":90', b'"height":91')))
