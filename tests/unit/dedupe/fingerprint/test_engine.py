"""Fingerprints of whole files: every kind, odd sizes, and what is kept of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from filmgate.dedupe.fingerprint import dct
from filmgate.dedupe.fingerprint.color import halve
from filmgate.dedupe.fingerprint.engine import ENGINE, fingerprint
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.fingerprint.sampling import max_sampling_gap_s, sample_rate
from filmgate.errors import MediaRefused
from filmgate.media.limits import Limits
from filmgate.media.model import Frame, MediaInfo, MediaKind
from filmgate.media.probe import probe
from tests import media_factory
from tests.clips import film, scene, taken


def check(found: Fingerprint) -> None:
    """What holds for every fingerprint."""
    assert found.engine == ENGINE
    track = found.frames
    if track is None:
        return
    frames = len(track.times_s)
    assert (np.diff(track.times_s) > 0).all()
    assert track.times_s.dtype == np.float32
    assert track.coefficients.shape == (frames, 16, 16)
    assert track.coefficients.dtype == np.int8
    assert not track.coefficients[:, 0, 0].any()
    assert track.chroma.shape == (frames, 4)
    assert track.quality.shape == (frames,)
    assert ((track.quality >= 0) & (track.quality <= 1)).all()
    top, bottom, left, right = track.motion_region.tolist()
    assert 0 <= top < bottom <= 1
    assert 0 <= left < right <= 1
    assert track.crops.shape == (len(track.crop_frames), 32)
    assert set(track.crop_frames.tolist()) <= set(range(frames))
    assert (track.quality[track.crop_frames] > 0).all()
    assert found.pdq


@pytest.mark.parametrize(
    "make",
    [
        media_factory.one_frame,
        media_factory.variable_rate,
        media_factory.ten_bit,
        media_factory.odd_size,
        media_factory.padded,
        media_factory.wide_pixels,
        media_factory.many_groups,
        media_factory.grows,
        media_factory.rotated,
        media_factory.silent_audio,
        media_factory.cut_in_half_index_first,
    ],
)
def test_odd_videos(tmp_path: Path, make: object) -> None:
    found = taken(make(tmp_path))  # type: ignore[operator]
    check(found)
    assert found.info.kind is MediaKind.VIDEO
    assert found.frames is not None
    assert found.frames.times_s[0] == 0
    assert (found.frames.quality > 0.1).all()


@pytest.mark.parametrize("mode", media_factory.IMAGE_MODES)
def test_pictures_of_every_mode(tmp_path: Path, mode: str) -> None:
    found = taken(media_factory.image_in_mode(tmp_path, mode))
    check(found)
    assert found.frames is not None
    assert found.frames.times_s.tolist() == [0.0]
    assert found.audio is None
    assert len(found.frames.crops) >= 14


@pytest.mark.parametrize("extension", ["wav", "mp3", "m4a", "ogg", "flac", "mp4"])
def test_sound_alone(tmp_path: Path, extension: str) -> None:
    found = taken(media_factory.audio_alone(tmp_path, extension))
    assert found.info.kind is MediaKind.AUDIO
    assert found.frames is None
    assert found.pdq == ()
    assert found.audio is not None
    assert not found.audio.silent


def test_silence_is_told_from_no_sound(tmp_path: Path) -> None:
    silent = taken(media_factory.silent_audio(tmp_path))
    mute = taken(media_factory.padded(tmp_path))
    assert silent.audio is not None
    assert silent.audio.silent
    assert mute.audio is None


def test_a_file_that_ends_early_says_so(tmp_path: Path) -> None:
    notes = taken(media_factory.cut_in_half_index_first(tmp_path)).notes
    assert any("ends early" in note for note in notes)


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 40), (40, 1), (2, 2), (15, 17), (3, 500)], ids=lambda s: f"{s[0]}x{s[1]}"
)
def test_tiny_pictures(tmp_path: Path, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "tiny.png")
    check(taken(tmp_path / "tiny.png"))


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_the_narrowest_picture_is_tilted_without_dividing_by_nothing(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (500, 1, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "narrow.png")
    found = taken(tmp_path / "narrow.png")
    assert found.frames is not None
    assert len(found.frames.crops)


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 64), (300, 200)])
@pytest.mark.parametrize("level", [0, 200])
def test_flat_pictures_are_not_to_be_matched(
    tmp_path: Path, size: tuple[int, int], level: int
) -> None:
    Image.new("RGB", size, (level, level, level)).save(tmp_path / "flat.png")
    found = taken(tmp_path / "flat.png")
    assert found.frames is not None
    assert found.frames.quality.tolist() == [0.0]
    assert not len(found.frames.crops)
    assert found.pdq[0][2] == 0


def test_a_plain_gradient_is_worth_less_than_a_picture(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 255, 200).astype(np.uint8), (100, 1))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    Image.fromarray(scene("canyon", 0.1)[0]).save(tmp_path / "canyon.png")
    plain, rich = (taken(tmp_path / name).frames for name in ("ramp.png", "canyon.png"))
    assert plain is not None
    assert rich is not None
    assert plain.quality[0] < 0.5 < rich.quality[0]


def test_bars_are_trimmed_before_anything_is_hashed(tmp_path: Path) -> None:
    pictures = scene("reef", 2.0)
    plain = taken(film(tmp_path / "plain.mp4", pictures)).frames
    boxed = taken(
        film(tmp_path / "boxed.mp4", [np.pad(p, ((20, 20), (0, 0), (0, 0))) for p in pictures])
    ).frames
    assert plain is not None
    assert boxed is not None
    distance = np.bitwise_count(dct.bits(plain.coefficients) ^ dct.bits(boxed.coefficients)).sum(
        axis=1
    )
    assert distance.max() <= 40
    # Black bars have no colour of their own.
    assert np.abs(plain.chroma.astype(int) - boxed.chroma.astype(int)).max() <= 2


def test_every_sampled_picture_is_handed_on(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", scene("reef", 2.0))
    frames: list[Frame] = []
    found = fingerprint(path, "0" * 64, probe(path, Limits()), Limits(), frames.append)
    assert found.frames is not None
    assert [frame.time_s for frame in frames] == pytest.approx(found.frames.times_s.tolist())
    assert found.sha256 == "0" * 64


def test_the_same_file_gives_the_same_fingerprint(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", scene("reef", 2.0))
    one, other = taken(path).frames, taken(path).frames
    assert one is not None
    assert other is not None
    assert np.array_equal(one.coefficients, other.coefficients)
    assert np.array_equal(one.crops, other.crops)


def test_reference_crops_come_at_even_steps_and_exports_once_a_second(tmp_path: Path) -> None:
    found = taken(film(tmp_path / "film.mp4", scene("reef", 4.4)))
    assert found.frames is not None
    rows = np.unique(found.frames.crop_frames)
    assert rows[0] == 0
    assert len(rows) >= 3
    assert np.ptp(np.diff(found.frames.times_s[rows])) < 0.3
    counts = np.bincount(found.frames.crop_frames)[rows]
    assert np.ptp(counts) == 0
    assert counts[0] >= 14
    assert len(found.pdq) == 5
    assert [time_s for time_s, _, _ in found.pdq] == pytest.approx([0, 1, 2, 3, 4], abs=0.45)


def test_text_is_refused(tmp_path: Path) -> None:
    path = media_factory.text_called_mp4(tmp_path)
    info = MediaInfo(kind=MediaKind.VIDEO, format="mp4", content_type="video/mp4")
    with pytest.raises(MediaRefused):
        fingerprint(path, "0" * 64, info, Limits())


@given(st.floats(0, 1e6))
def test_the_sample_rate_bounds_the_work(duration_s: float) -> None:
    info = MediaInfo(
        kind=MediaKind.VIDEO, format="mp4", content_type="video/mp4", duration_s=duration_s
    )
    rate = sample_rate(info)
    assert 0 < rate <= 16
    assert rate * duration_s <= 14_400 + 1e-6
    if 0 < duration_s <= 3600:
        assert rate >= 4


@given(st.integers(1, 300), st.integers(1, 300), st.integers(8, 256))
def test_halving_keeps_the_mean_and_ends_below_the_side(height: int, width: int, side: int) -> None:
    small = halve(np.full((height, width, 3), 77, dtype=np.uint8), side)
    assert max(small.shape[:2]) <= side or min(small.shape[:2]) == 1
    assert np.allclose(small, 77)


def test_grey_has_no_chroma_and_red_has_its_own(tmp_path: Path) -> None:
    for name, colour in (("grey", (90, 90, 90)), ("red", (255, 0, 0))):
        Image.new("RGB", (60, 40), colour).save(tmp_path / f"{name}.png")
    grey, red = (taken(tmp_path / f"{name}.png").frames for name in ("grey", "red"))
    assert grey is not None
    assert red is not None
    assert grey.chroma.tolist() == [[0, 0, 0, 0]]
    # Halved Rec. 601 Cb and Cr of pure red; no deviation in either.
    assert red.chroma.tolist() == [[-22, 0, 64, 0]]


def test_a_long_video_gives_the_same_pictures_wherever_its_keyframes_are(tmp_path: Path) -> None:
    """The files are decoded by different parts of the decoder, and still show the same."""
    tracks = []
    for gap, b_frames in (("250", "3"), ("50", "2"), ("25", "0")):
        options = {"g": gap, "keyint_min": gap, "sc_threshold": "0", "bf": b_frames, "crf": "20"}
        path = media_factory.video(tmp_path / f"{gap}.mp4", seconds=24, codec_options=options)
        found = taken(path)
        assert max_sampling_gap_s(found.info) > 0
        assert found.frames is not None
        assert max(np.diff(found.frames.times_s)) <= max_sampling_gap_s(found.info) + 0.041
        tracks.append(found.frames)
    for other in tracks[1:]:
        at = np.abs(tracks[0].times_s[:, None] - other.times_s[None, :])
        rows, columns = np.nonzero(at < 0.01)
        assert len(rows) > 20
        one = tracks[0].coefficients[rows].reshape(len(rows), -1).astype(float)
        two = other.coefficients[columns].reshape(len(rows), -1).astype(float)
        alike = (one * two).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(two, axis=1)
        assert alike.min() > 0.97
