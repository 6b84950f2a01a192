"""What goes into the index, and that copies are found in it at the radii in use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from filmgate.dedupe.fingerprint import dct
from filmgate.dedupe.fingerprint.landmarks import SPEED_PITCH_GRID
from filmgate.dedupe.fingerprint.model import AudioTrack, Fingerprint, FrameTrack
from filmgate.dedupe.fingerprint.retrieval import index_entry, index_query
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.media.model import MediaInfo, MediaKind
from tests.clips import copied, film, music, scene, taken
from tests.memory import MemoryDeltaStore, MemorySegmentStore

INFO = MediaInfo(kind=MediaKind.VIDEO, format="mp4", content_type="video/mp4")
OTHERS = ("cartoon", "tunnel", "canyon", "planet")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    return film(folder / "source.mp4", scene("reef", 3.0), music(3.0))


@pytest.fixture(scope="module")
def index(source: Path, tmp_path_factory: pytest.TempPathFactory) -> SegmentIndex:
    """The source among strangers."""
    folder = tmp_path_factory.mktemp("others")
    index = SegmentIndex(MemoryDeltaStore(), MemorySegmentStore())
    index.add("t", index_entry("source", taken(source)))
    for number, name in enumerate(OTHERS):
        path = film(folder / f"{name}.mp4", scene(name, 3.0, seed=number), music(3.0, 50 + number))
        index.add("t", index_entry(name, taken(path)))
    return index


@pytest.mark.parametrize(
    "transform",
    [
        "reencode",
        "crop",
        "letterbox",
        "mirror",
        "turn",
        "logo",
        "banner",
        "noise",
        "five",
        "trim",
        "speed_up",
        "gif",
    ],
)
def test_copies_are_found_by_their_pictures(
    index: SegmentIndex, source: Path, tmp_path: Path, transform: str
) -> None:
    copy, _ = copied(source, tmp_path, transform)
    query = index_query("copy", taken(copy))
    found = {c.asset_id: c.frame_hits for c in index.search("t", query, limit=10)}
    assert found.get("source", 0) >= 1
    assert found["source"] == max(found.values())


def test_the_sound_is_found_without_pictures(index: SegmentIndex, tmp_path: Path) -> None:
    path = film(tmp_path / "other.mp4", scene("snow", 3.0), music(3.0))
    found = index.search("t", index_query("copy", taken(path)), limit=10)
    assert found[0].asset_id == "source"
    assert found[0].audio_votes >= 4


def test_strangers_find_nothing_of_each_other_by_pictures(
    index: SegmentIndex, tmp_path: Path
) -> None:
    path = film(tmp_path / "stranger.mp4", scene("snow", 3.0, 9))
    found = index.search("t", index_query("copy", taken(path)), limit=10)
    assert [candidate.frame_hits for candidate in found if candidate.frame_hits > 1] == []


def track(
    coefficients: np.ndarray, times: np.ndarray, quality: np.ndarray | None = None
) -> FrameTrack:
    count = len(times)
    frames = np.repeat(np.arange(count), 3).astype(np.int32)
    crops = np.zeros((3 * count, 32), dtype=np.uint8)
    crops[:, 0], crops[:, 1] = frames, np.tile(np.arange(3), count)
    return FrameTrack(
        times_s=times.astype(np.float32),
        coefficients=coefficients.astype(np.int8),
        chroma=np.zeros((count, 4), dtype=np.int8),
        quality=np.ones(count, np.float32) if quality is None else quality.astype(np.float32),
        motion_region=np.array([0, 1, 0, 1], dtype=np.float32),
        bars=np.array([0, 1, 0, 1], dtype=np.float32),
        crops=crops,
        crop_frames=frames,
    )


def changing(count: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 24, (count, 16, 16)).clip(-127, 127)


def of(frames: FrameTrack | None, audio: AudioTrack | None = None) -> Fingerprint:
    return Fingerprint("engine/1", "1" * 64, INFO, frames, audio)


def test_frames_are_a_second_apart() -> None:
    entry = index_entry("a", of(track(changing(40), np.arange(40) / 4)))
    assert len(entry.frames) == 10


def test_a_still_picture_is_kept_once() -> None:
    still = np.repeat(changing(1), 40, axis=0)
    assert len(index_entry("a", of(track(still, np.arange(40) / 4))).frames) == 1


def test_frames_not_good_enough_are_left_out() -> None:
    quality = np.array([0.0, 0.05, 0.5, 0.09, 1.0])
    entry = index_entry("a", of(track(changing(5), np.arange(5.0), quality)))
    assert len(entry.frames) == 2


def test_a_very_long_film_is_thinned_evenly() -> None:
    count = 9000
    entry = index_entry("a", of(track(changing(count), np.arange(count, dtype=float))))
    assert 2000 < len(entry.frames) <= 4001


def test_crops_go_with_the_kept_frames() -> None:
    entry = index_entry("a", of(track(changing(9), np.arange(9) / 4)))
    assert len(entry.frames) == 3
    assert entry.crops[:, 0].tolist() == [0, 0, 0, 4, 4, 4, 8, 8, 8]
    assert entry.crops[:, 1].tolist() == [0, 1, 2] * 3


def test_a_query_asks_in_all_orientations_the_plain_one_first() -> None:
    fingerprint = of(track(changing(3), np.arange(3.0)))
    entry, query = index_entry("a", fingerprint), index_query("a", fingerprint)
    assert query.frames.shape == (8, 3, 32)
    assert np.array_equal(query.frames[0], entry.frames)
    assert len(np.unique(query.frames.reshape(8, -1), axis=0)) == 8
    assert fingerprint.frames is not None
    turned = dct.orient(fingerprint.frames.coefficients, True, 90)
    number = dct.ORIENTATIONS.index((True, 90))
    assert np.array_equal(query.frames[number], dct.bits(turned))


def sound(peaks: int, seconds: float) -> AudioTrack:
    rng = np.random.default_rng(1)
    return AudioTrack(
        np.sort(rng.integers(0, int(seconds * 1000), peaks)).astype(np.int32),
        rng.integers(100, 3000, peaks).astype(np.uint16),
        rng.integers(0, 55, peaks).astype(np.uint8),
        silent=False,
    )


def test_more_sound_is_sought_than_kept() -> None:
    fingerprint = of(None, sound(4000, 100.0))
    entry, query = index_entry("a", fingerprint), index_query("a", fingerprint)
    assert 20 < len(entry.landmarks) / 100 <= 28
    assert np.array_equal(query.landmarks, entry.landmarks)
    assert np.array_equal(query.landmark_times, entry.landmark_times)
    plain = query.audio.hashes[query.audio.variants == 0]
    assert np.isin(entry.landmarks, plain).mean() > 0.95
    assert len(np.unique(query.audio.variants)) == len(SPEED_PITCH_GRID)


def test_without_pictures_and_sound_there_is_nothing_to_find() -> None:
    entry, query = index_entry("a", of(None)), index_query("a", of(None))
    assert entry.frames.shape == entry.crops.shape == (0, 32)
    assert query.frames.shape == (8, 0, 32)
    assert not len(entry.landmarks)
    assert not len(query.audio.hashes)
