"""Copies made by the sample library's transforms: the class, what was done, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.matching.compare import compare
from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.model import Comparison, MatchClass, Segment, Transform, Verdict
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate.media.model import MediaKind
from filmgate_samples import plan, transforms
from filmgate_samples.clip import RATE_HZ as SOUND_HZ
from filmgate_samples.clip import Sound, write_image, write_sound
from tests.clips import RATE_HZ, copied, film, music, scene, taken

EXACT, NEAR, SIMILAR = MatchClass.EXACT, MatchClass.NEAR, MatchClass.SIMILAR
SECONDS = 4.0
SETTINGS = MatchSettings()


@dataclass(frozen=True)
class Source:
    """A file, its fingerprint, and copies of it made once each."""

    path: Path
    fingerprint: Fingerprint
    copies: dict[str, tuple[Fingerprint, dict[str, Any]]] = field(default_factory=dict)

    def copy(self, transform: str) -> tuple[Fingerprint, dict[str, Any]]:
        if transform not in self.copies:
            path, parameters = copied(self.path, self.path.parent, transform)
            self.copies[transform] = (taken(path), parameters)
        return self.copies[transform]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Source:
    path = tmp_path_factory.mktemp("video") / "source.mp4"
    film(path, scene("reef", SECONDS), music(SECONDS))
    return Source(path, taken(path))


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Source:
    path = tmp_path_factory.mktemp("image") / "source.png"
    write_image(path, scene("canyon", 0.1)[0])
    return Source(path, taken(path))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Source:
    path = tmp_path_factory.mktemp("sound") / "source.flac"
    write_sound(path, music(12.0))
    return Source(path, taken(path))


def verdict(a: Fingerprint, b: Fingerprint) -> Verdict:
    return decide(compare(a, b), SETTINGS)


def flags(transform: Transform) -> set[str]:
    """Return the names of the detected changes."""
    plain = Transform()
    return {name for name, value in transform if value != getattr(plain, name)}


VIDEO_CASES: dict[str, tuple[set[MatchClass], set[str], set[str]]] = {
    # transform: classes it may have, changes that must be found, others that may be
    "identical": ({EXACT}, {"identical_bytes"}, set()),
    "reencode": ({EXACT}, set(), set()),
    "vp9": ({EXACT}, set(), set()),
    "hevc": ({EXACT}, set(), set()),
    "mpeg4": ({EXACT}, set(), set()),
    "resize": ({EXACT}, set(), set()),
    "noise": ({EXACT, NEAR}, set(), {"recoloured"}),
    "letterbox": ({NEAR}, {"barred"}, set()),
    "black_ends": ({NEAR}, {"padded"}, set()),
    "logo": ({EXACT, NEAR}, set(), {"overlaid", "recoloured"}),
    "colour": ({EXACT, NEAR}, set(), {"recoloured"}),
    "grey": ({NEAR}, {"recoloured"}, set()),
    "mirror": ({NEAR}, {"mirror"}, set()),
    "turn": ({NEAR}, {"turn"}, set()),
    "crop": ({NEAR}, {"crop"}, set()),
    "crop_30": ({NEAR}, {"crop"}, set()),
    "banner": ({NEAR}, {"overlaid"}, set()),
    "rotate": ({NEAR}, {"tilt"}, set()),
    "picture_in_picture": ({NEAR}, {"crop"}, set()),
    "five": ({NEAR}, {"crop"}, {"overlaid"}),
    "speed_up": ({NEAR}, {"speed"}, set()),
    "slow_down": ({NEAR}, {"speed"}, set()),
    "resound": ({NEAR}, {"audio_replaced"}, set()),
    "mute": ({NEAR}, {"audio_removed"}, set()),
    "trim": ({SIMILAR}, {"partial"}, set()),
    "insert": ({SIMILAR}, {"partial"}, set()),
    "gif": ({SIMILAR}, {"partial", "audio_removed"}, {"recoloured"}),
}


@pytest.mark.parametrize("transform", VIDEO_CASES)
def test_a_copied_video_is_what_was_made_of_it(video: Source, transform: str) -> None:
    classes, wanted, possible = VIDEO_CASES[transform]
    found = verdict(video.fingerprint, video.copy(transform)[0])
    assert found.match_class in classes, found
    assert wanted <= flags(found.transform) <= wanted | possible, found


@pytest.mark.parametrize("transform", VIDEO_CASES)
def test_either_side_may_come_first(video: Source, transform: str) -> None:
    copy, _ = video.copy(transform)
    there, back = verdict(video.fingerprint, copy), verdict(copy, video.fingerprint)
    assert (there.match_class, there.score) == (back.match_class, back.score)
    assert flags(there.transform) == flags(back.transform)
    assert there.transform.speed == pytest.approx(1 / back.transform.speed, abs=0.01)
    assert there.transform.mirror == back.transform.mirror
    if not there.transform.mirror:
        assert (there.transform.turn + back.transform.turn) % 360 == 0
    swapped = sorted((part.swapped() for part in back.segments), key=lambda part: part.a_start)
    assert swapped == [*there.segments]


def played(speed: float) -> Fingerprint:
    """The video's pictures at another speed, without sound."""
    pictures = scene("reef", SECONDS)
    shown = np.arange(0, len(pictures), speed).astype(int)
    with TemporaryDirectory() as folder:
        return taken(film(Path(folder) / "played.mp4", [pictures[at] for at in shown]))


@settings(max_examples=6, deadline=None, derandomize=True)
@given(speed=st.floats(0.5, 2.0))
def test_at_any_speed_either_side_may_come_first(video: Source, speed: float) -> None:
    copy = played(speed)
    there, back = verdict(video.fingerprint, copy), verdict(copy, video.fingerprint)
    assert (there.match_class, there.score) == (back.match_class, back.score)
    assert there.match_class in {EXACT, NEAR}
    assert there.transform.speed == pytest.approx(1 / back.transform.speed, rel=0.01)


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_half_and_double_speed_are_measured(video: Source, speed: float) -> None:
    found = verdict(video.fingerprint, played(speed))
    assert found.match_class is NEAR
    assert found.transform.speed == pytest.approx(speed, rel=0.05)


@pytest.mark.parametrize(("transform", "factor"), [("speed_up", 1.25), ("slow_down", 0.8)])
def test_the_speed_is_measured(video: Source, transform: str, factor: float) -> None:
    found = verdict(video.fingerprint, video.copy(transform)[0])
    assert found.transform.speed == pytest.approx(factor, abs=0.04)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("tilt", [0.0, 5.0])
def test_mirror_and_rotations_are_reported_as_they_were_done(
    image: Source, tmp_path: Path, mirror: bool, turn: int, tilt: float
) -> None:
    """Mirrored first, then turned clockwise, then tilted clockwise, with the corners cut off."""
    picture = scene("canyon", 0.1)[0][:, ::-1] if mirror else scene("canyon", 0.1)[0]
    copy = Image.fromarray(np.ascontiguousarray(np.rot90(picture, -turn // 90)))
    if tilt:
        width, height = copy.size
        edges = (width // 10, height // 10, width - width // 10, height - height // 10)
        copy = copy.rotate(-tilt, Image.Resampling.BICUBIC).crop(edges)
    write_image(tmp_path / "copy.png", np.asarray(copy))
    made = taken(tmp_path / "copy.png")
    there = verdict(image.fingerprint, made).transform
    assert (there.mirror, there.turn) == (mirror, turn)
    assert there.tilt == pytest.approx(tilt, abs=0.5)
    back = verdict(made, image.fingerprint).transform
    assert (back.mirror, back.turn) == (mirror, turn if mirror else -turn % 360)
    assert back.tilt == pytest.approx(tilt if mirror else -tilt, abs=0.5)


@pytest.mark.parametrize("factor", [0.9996, 1.0003, 1.0004])
def test_of_audio_files_either_side_may_come_first(tmp_path: Path, factor: float) -> None:
    """Speeds so close to 1 that rounding them decides whether anything was changed."""
    heard = music(90.0)
    at = np.arange(0, len(heard) - 1, factor)
    played = np.interp(at, np.arange(len(heard)), heard)
    write_sound(tmp_path / "a.flac", heard)
    write_sound(tmp_path / "b.flac", played.astype(np.float32))
    a, b = taken(tmp_path / "a.flac"), taken(tmp_path / "b.flac")
    there, back = verdict(a, b), verdict(b, a)
    assert (there.match_class, there.score) == (back.match_class, back.score)
    for found in (there, back):
        starts = [part.a_start for part in found.segments]
        assert starts == sorted(starts)
        assert min(starts) >= 0


@pytest.mark.parametrize(("cut_s", "wanted"), [(0.0, EXACT), (1.0, NEAR), (4.0, SIMILAR)])
def test_a_film_without_its_first_second_is_not_the_film(
    tmp_path: Path, cut_s: float, wanted: MatchClass
) -> None:
    pictures = scene("reef", 26.0)
    whole = taken(film(tmp_path / "whole.mp4", pictures))
    rest = taken(film(tmp_path / "rest.mp4", pictures[round(cut_s * RATE_HZ) :]))
    found = verdict(whole, rest)
    assert found.match_class is wanted
    assert found.transform.trimmed == (wanted is NEAR)


def _without(heard: Sound, start_s: float, end_s: float) -> Sound:
    return np.delete(heard, slice(round(start_s * SOUND_HZ), round(end_s * SOUND_HZ)))


def _with_silence(heard: Sound, seconds: float) -> Sound:
    return np.concatenate([np.zeros(round(seconds * SOUND_HZ), np.float32), heard])


@pytest.mark.parametrize(
    ("edit", "wanted"),
    [
        (lambda heard: heard, EXACT),
        (lambda heard: _without(heard, 0, 2), NEAR),
        (lambda heard: _without(heard, 15, 18), NEAR),
        (lambda heard: _with_silence(heard, 30), NEAR),
        (lambda heard: _without(heard, 15, 27), SIMILAR),
    ],
    ids=["whole", "start cut off", "cut from the middle", "silence before", "a part"],
)
def test_shortened_sound_is_not_the_sound(
    tmp_path: Path, edit: Callable[[Sound], Sound], wanted: MatchClass
) -> None:
    heard = music(40.0)
    write_sound(tmp_path / "whole.flac", heard)
    write_sound(tmp_path / "edited.mp3", edit(heard))
    found = verdict(taken(tmp_path / "whole.flac"), taken(tmp_path / "edited.mp3"))
    assert found.match_class is wanted, found
    assert found.transform.trimmed == (wanted is NEAR)


def test_a_flash_before_black_is_not_the_flash_alone(tmp_path: Path) -> None:
    picture = scene("reef", 0.1)[0]
    flash = taken(film(tmp_path / "flash.mp4", [picture]))
    late = taken(film(tmp_path / "late.mp4", [*[np.zeros_like(picture)] * 100, picture]))
    found = verdict(flash, late)
    assert found.match_class is NEAR
    assert found.transform.padded


def overlap(found: Segment, a: tuple[float, float], b: tuple[float, float]) -> float:
    """Intersection over union of a segment with the truth, the worse of both sides."""
    shares = []
    for (start, end), (first, last) in (
        ((found.a_start, found.a_end), a),
        ((found.b_start, found.b_end), b),
    ):
        both = max(0.0, min(end, last) - max(start, first))
        shares.append(both / (max(end, last) - min(start, first)))
    return min(shares)


def test_a_trim_is_found_where_it_was_cut_out(video: Source) -> None:
    copy, parameters = video.copy("trim")
    keep = float(parameters["keep"]) * SECONDS
    start = float(parameters["start"]) * (SECONDS - keep)
    found = verdict(video.fingerprint, copy)
    longest = max(found.segments, key=lambda part: part.a_end - part.a_start)
    assert overlap(longest, (start, start + keep), (0.0, keep)) >= 0.8


def test_an_insert_is_found_where_it_was_put(video: Source) -> None:
    copy, parameters = video.copy("insert")
    before = float(parameters["before_s"])
    found = verdict(video.fingerprint, copy)
    longest = max(found.segments, key=lambda part: part.a_end - part.a_start)
    assert overlap(longest, (0.0, SECONDS), (before, before + SECONDS)) >= 0.8


@pytest.mark.parametrize("transform", ["reencode", "crop", "mirror", "speed_up", "trim"])
def test_evidence_lies_inside_both_files(video: Source, transform: str) -> None:
    copy, _ = video.copy(transform)
    found = verdict(video.fingerprint, copy)
    assert 1 <= len(found.pairs) <= 8
    ends = video.fingerprint.info.duration_s, copy.info.duration_s
    for pair in found.pairs:
        assert 0 <= pair.a_time <= ends[0]
        assert 0 <= pair.b_time <= ends[1]
        assert 0.5 <= pair.similarity <= 1
    for part in found.segments:
        assert 0 <= part.a_start < part.a_end <= ends[0]
        assert 0 <= part.b_start < part.b_end <= ends[1]
    assert "filmgate-matching/" in found.engine
    assert video.fingerprint.engine in found.engine


IMAGE_CASES = {
    "identical": ({EXACT}, {"identical_bytes"}, set()),
    "jpeg": ({EXACT, NEAR}, set(), {"recoloured"}),
    "png": ({EXACT}, set(), {"identical_bytes"}),
    "webp": ({EXACT, NEAR}, set(), {"recoloured"}),
    "exif_turn": ({EXACT, NEAR}, set(), {"recoloured"}),
    "resize": ({EXACT}, set(), set()),
    "mirror": ({NEAR}, {"mirror"}, {"recoloured"}),
    "turn": ({NEAR}, {"turn"}, {"recoloured"}),
    "grey": ({NEAR}, {"recoloured"}, set()),
    "crop": ({NEAR, SIMILAR}, {"crop"}, set()),
    "letterbox": ({NEAR}, {"barred"}, set()),
}


@pytest.mark.parametrize("transform", IMAGE_CASES)
def test_a_copied_picture_is_what_was_made_of_it(image: Source, transform: str) -> None:
    classes, wanted, possible = IMAGE_CASES[transform]
    copy, _ = image.copy(transform)
    found = verdict(image.fingerprint, copy)
    assert found.match_class in classes, found
    assert wanted <= flags(found.transform) <= wanted | possible, found
    assert found.match_class is verdict(copy, image.fingerprint).match_class


@pytest.mark.parametrize(
    ("transform", "match_class"), [("mp3", EXACT), ("opus", EXACT), ("noise", NEAR)]
)
def test_a_copied_sound_is_at_least_this(
    sound: Source, transform: str, match_class: MatchClass
) -> None:
    found = verdict(sound.fingerprint, sound.copy(transform)[0])
    assert found.score >= getattr(SETTINGS.audio, match_class.value), found
    assert found.visual is None
    assert set(found.weights) == {"audio", "metadata"}


def test_a_part_of_an_audio_file_is_similar_with_its_segment(sound: Source) -> None:
    copy, parameters = sound.copy("trim")
    found = verdict(sound.fingerprint, copy)
    assert found.match_class is SIMILAR
    assert found.transform.partial
    start = float(parameters["start"]) * 6.0
    assert overlap(found.segments[0], (start, start + 6.0), (0.0, 6.0)) >= 0.8


def test_every_transform_of_the_sample_library_is_tried() -> None:
    truth = plan.truth(1)
    made = {c.transform for c in truth.copies if transforms.kind_of(c.source) is MediaKind.VIDEO}
    assert made - {"still"} <= set(VIDEO_CASES)


def test_comparing_is_repeatable(video: Source) -> None:
    copy, _ = video.copy("crop")
    first: Comparison = compare(video.fingerprint, copy)
    assert compare(video.fingerprint, copy) == first
