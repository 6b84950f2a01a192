"""Every transform on real small files: what it says it does is in the file it makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from filmgate.media.model import MediaKind
from filmgate_samples import synth, transforms
from filmgate_samples.clip import (
    RATE_HZ,
    Clip,
    Encoding,
    read_clip,
    read_image,
    read_sound,
    write_clip,
    write_image,
    write_sound,
)
from filmgate_samples.scenes.figures import room_juggler
from filmgate_samples.scenes.stills import lake
from filmgate_samples.sound_edits import SOUND_EDITS

FRAME_RATE = 12.0
SECONDS = 3.0


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "source.mp4"
    rng = np.random.default_rng(3)
    times = np.arange(0, SECONDS, 1 / FRAME_RATE)
    frames = list(room_juggler(rng, (160, 90), times))
    write_clip(path, Clip(frames, times, FRAME_RATE, synth.music(rng, SECONDS)), Encoding())
    return path


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "source.png"
    write_image(path, lake(np.random.default_rng(3), (200, 120)))
    return path


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "source.flac"
    write_sound(path, synth.babble(np.random.default_rng(3), 4.0))
    return path


def applied(source: Path, folder: Path, transform: str, seed: int = 5) -> Path:
    kind = transforms.kind_of(source)
    target = folder / f"copy{transforms.suffix(kind, transform) or source.suffix}"
    transforms.apply(source, target, transform, np.random.default_rng(seed))
    return target


@pytest.mark.parametrize("transform", transforms.names(MediaKind.VIDEO))
def test_every_video_transform_makes_a_playable_file(
    video: Path, tmp_path: Path, transform: str
) -> None:
    copy = read_clip(applied(video, tmp_path, transform))
    assert len(copy.frames) > 10
    shares = {"trim": 0.5, "gif": 0.45, "speed_up": 0.8, "slow_down": 1.25}
    added = {"insert": (6, 10), "intro": (2, 3), "black_ends": (2, 5)}
    if transform in added:
        least, most = added[transform]
        assert SECONDS + least - 0.2 < copy.duration_s < SECONDS + most + 0.5
    elif transform == "speed":
        assert SECONDS / 1.25 - 0.2 < copy.duration_s < SECONDS / 0.8 + 0.2
    else:
        assert copy.duration_s == pytest.approx(SECONDS * shares.get(transform, 1.0), abs=0.2)
    assert (copy.sound is None) == (transform in {"mute", "gif"})
    if copy.sound is not None:
        assert len(copy.sound) / RATE_HZ == pytest.approx(copy.duration_s, abs=0.15)


@pytest.mark.parametrize("transform", transforms.names(MediaKind.IMAGE))
def test_every_image_transform_makes_a_readable_file(
    image: Path, tmp_path: Path, transform: str
) -> None:
    copy = read_image(applied(image, tmp_path, transform))
    assert copy.ndim == 3
    assert copy.std() > 5


@pytest.mark.parametrize("transform", transforms.names(MediaKind.AUDIO))
def test_every_sound_transform_makes_an_audible_file(
    sound: Path, tmp_path: Path, transform: str
) -> None:
    copy = read_sound(applied(sound, tmp_path, transform))
    if transform in {"resample", "tempo"}:
        assert 4.0 / 1.25 < len(copy) / RATE_HZ < 4.0 / 0.8
    else:
        share = 0.5 if transform == "trim" else 1.0
        assert len(copy) / RATE_HZ == pytest.approx(4.0 * share, abs=0.15)
    assert float(np.abs(copy).max()) > 0.1


def _tone(hertz: float, seconds: float = 2.0) -> NDArray[np.float32]:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)).astype(
        np.float32
    )


def _pitch(sound: NDArray[np.float32]) -> float:
    return float(np.abs(np.fft.rfft(sound)).argmax() * RATE_HZ / len(sound))


def test_tempo_keeps_the_pitch_and_resampling_moves_it() -> None:
    tone = _tone(880)
    faster = SOUND_EDITS["tempo"].change(tone, {"factor": 1.2})
    assert len(faster) / len(tone) == pytest.approx(1 / 1.2, abs=0.03)
    assert _pitch(faster) == pytest.approx(880, abs=12)
    assert float(np.sqrt(np.mean(faster**2))) == pytest.approx(0.3 / np.sqrt(2), rel=0.15)
    higher = SOUND_EDITS["resample"].change(tone, {"factor": 1.05})
    assert len(higher) / len(tone) == pytest.approx(1 / 1.05, abs=0.01)
    assert _pitch(higher) == pytest.approx(924, abs=2)


def test_a_low_pass_leaves_what_is_below_it() -> None:
    both = _tone(500) + _tone(8000)
    heard = SOUND_EDITS["low_pass"].change(both, {"cut_hz": 3000})
    assert np.abs(heard - _tone(500)).max() < 0.05


def test_a_voice_over_it_is_as_loud_as_was_asked() -> None:
    tone = _tone(500)
    mixed = SOUND_EDITS["voice_over"].change(tone, {"snr_db": 6.0, "voice": 3})
    assert len(mixed) == len(tone)
    voice = float(np.sqrt(np.mean((mixed - tone) ** 2)))
    assert 20 * np.log10(0.3 / np.sqrt(2) / voice) == pytest.approx(6.0, abs=0.7)


def test_a_mirror_is_the_source_flipped(video: Path, tmp_path: Path) -> None:
    source, copy = read_clip(video), read_clip(applied(video, tmp_path, "mirror"))
    difference = source.frames[5].astype(int) - copy.frames[5][:, ::-1].astype(int)
    assert np.abs(difference).mean() < 6


def test_an_exif_turn_shows_the_same_picture_upright(image: Path, tmp_path: Path) -> None:
    for seed in range(6):
        copy = applied(image, tmp_path, "exif_turn", seed)
        with Image.open(copy) as opened:
            assert opened.getexif()[0x0112] in {3, 6, 8}
        difference = read_image(image).astype(int) - read_image(copy).astype(int)
        assert np.abs(difference).mean() < 6


def test_a_trim_is_a_stretch_of_the_source(video: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    parameters = transforms.draw(MediaKind.VIDEO, "trim", rng)
    target = tmp_path / "half.mp4"
    transforms.apply_with(video, target, "trim", parameters)
    source, copy = read_clip(video), read_clip(target)
    start = float(parameters["start"]) * source.duration_s * 0.5
    first = int(np.searchsorted(source.times_s, start - 1e-6))
    difference = source.frames[first].astype(int) - copy.frames[0].astype(int)
    assert np.abs(difference).mean() < 6


def test_an_intro_is_the_same_for_everyone_and_the_clip_follows(
    video: Path, tmp_path: Path
) -> None:
    target = tmp_path / "led.mp4"
    transforms.apply_with(video, target, "intro", {"title": 7, "title_s": 2.0})
    source, copy = read_clip(video), read_clip(target)
    first = round(2.0 * FRAME_RATE)
    difference = source.frames[5].astype(int) - copy.frames[first + 5].astype(int)
    assert np.abs(difference).mean() < 6
    assert copy.frames[first - 2].mean() < 4  # the title ends in black


def test_black_ends_are_black_and_hold_the_whole_clip(video: Path, tmp_path: Path) -> None:
    target = tmp_path / "black.mp4"
    transforms.apply_with(video, target, "black_ends", {"before_s": 1.0, "after_s": 1.0})
    source, copy = read_clip(video), read_clip(target)
    assert copy.frames[3].mean() < 2
    assert copy.frames[-3].mean() < 2
    first = round(FRAME_RATE)
    difference = source.frames[5].astype(int) - copy.frames[first + 5].astype(int)
    assert np.abs(difference).mean() < 6


def test_a_clip_can_be_read_from_its_middle(video: Path) -> None:
    whole, part = read_clip(video), read_clip(video, start_s=1.0, max_seconds=2.0)
    assert len(part.frames) == round(FRAME_RATE)
    assert part.times_s[0] == 0.0
    assert np.array_equal(part.frames[0], whole.frames[round(FRAME_RATE)])
    assert part.sound is not None
    assert len(part.sound) / RATE_HZ == pytest.approx(1.0, abs=0.05)


def test_an_identical_copy_has_the_same_bytes(video: Path, tmp_path: Path) -> None:
    assert applied(video, tmp_path, "identical").read_bytes() == video.read_bytes()


@pytest.mark.parametrize("kind", list(MediaKind))
def test_the_same_random_numbers_give_the_same_parameters(kind: MediaKind) -> None:
    for name in transforms.names(kind):
        first, second = (transforms.draw(kind, name, np.random.default_rng(9)) for _ in range(2))
        assert first == second


def test_an_unknown_transform_is_refused(image: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no transform 'speed_up' for files of kind image"):
        transforms.apply(image, tmp_path / "x.jpg", "speed_up", np.random.default_rng(1))
