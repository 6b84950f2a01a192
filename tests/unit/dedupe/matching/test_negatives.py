"""What must not be taken for a copy."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.matching.compare import compare
from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.model import MatchClass, Verdict
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate_samples.clip import Picture, Sound, write_image, write_sound
from tests.clips import RATE_HZ, SIZE, film, music, scene, taken

COPIES = (MatchClass.EXACT, MatchClass.NEAR)


def verdict(a: Fingerprint, b: Fingerprint) -> Verdict:
    return decide(compare(a, b), MatchSettings())


class Maker:
    """Films in a folder, by number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0

    def film(self, pictures: list[Picture], sound: Sound | None = None) -> Fingerprint:
        self._made += 1
        return taken(film(self._folder / f"{self._made}.mp4", pictures, sound))

    def sound(self, samples: Sound) -> Fingerprint:
        write_sound(self._folder / "sound.mp3", samples)
        return taken(self._folder / "sound.mp3")

    def image(self, picture: Picture) -> Fingerprint:
        write_image(self._folder / "image.png", picture)
        return taken(self._folder / "image.png")


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    return Maker(tmp_path)


def black(seconds: float) -> list[Picture]:
    return [np.zeros((SIZE[1], SIZE[0], 3), dtype=np.uint8)] * round(seconds * RATE_HZ)


def both_ways(a: Fingerprint, b: Fingerprint) -> list[Verdict]:
    return [verdict(a, b), verdict(b, a)]


def test_unrelated_videos_differ(make: Maker) -> None:
    films = [make.film(scene(name, 3.0)) for name in ("reef", "canyon", "cartoon", "tunnel")]
    for a, b in combinations(films, 2):
        assert all(found.match_class is MatchClass.DIFFERENT for found in both_ways(a, b))


def test_one_room_with_other_people_is_not_a_copy(make: Maker) -> None:
    a, b = make.film(scene("room_juggler", 4.0)), make.film(scene("room_robot", 4.0))
    assert all(found.match_class not in COPIES for found in both_ways(a, b))


def test_another_take_of_a_presenter_is_not_a_copy(make: Maker) -> None:
    a, b = (make.film(scene("presenter", 4.0, seed)) for seed in (1, 2))
    assert all(found.match_class not in COPIES for found in both_ways(a, b))


def test_a_shared_intro_is_not_a_copy(make: Maker) -> None:
    intro = scene("station_title", 2.0, 3)
    a, b = (make.film(intro + scene(name, 4.0)) for name in ("canyon", "night_city"))
    assert all(found.match_class not in COPIES for found in both_ways(a, b))


def test_black_beginnings_are_not_common_material(make: Maker) -> None:
    a, b = (make.film(black(2.0) + scene(name, 3.0)) for name in ("canyon", "night_city"))
    assert all(found.match_class is MatchClass.DIFFERENT for found in both_ways(a, b))


def test_the_same_song_is_not_a_copy(make: Maker) -> None:
    song = music(5.0)
    a, b = (make.film(scene(name, 5.0), song) for name in ("canyon", "night_city"))
    for found in both_ways(a, b):
        assert found.match_class is MatchClass.DIFFERENT
        assert found.audio is not None
        assert found.audio > 0.9
        assert "same sound, but different pictures" in found.reason


def test_other_sound_files_differ(make: Maker, tmp_path: Path) -> None:
    one = make.sound(music(8.0, 1))
    other = make.sound(music(8.0, 2))
    assert all(found.match_class is MatchClass.DIFFERENT for found in both_ways(one, other))


def test_sound_and_a_silent_film_have_nothing_in_common(make: Maker) -> None:
    found = verdict(make.sound(music(4.0)), make.film(scene("reef", 4.0)))
    assert found.match_class is MatchClass.DIFFERENT
    assert found.score == 0.0
    assert found.visual is None
    assert found.audio is None
    assert "neither pictures nor sound" in found.reason


def test_black_films_have_nothing_to_compare(make: Maker) -> None:
    found = verdict(make.film(black(2.0)), make.film(black(3.0)))
    assert found.match_class is MatchClass.DIFFERENT
    assert found.score == 0.0


def test_the_sound_of_a_film_cannot_stand_for_the_film(make: Maker) -> None:
    song = music(5.0)
    for found in both_ways(make.sound(song), make.film(scene("reef", 5.0), song)):
        assert found.match_class is MatchClass.SIMILAR
        assert found.transform.partial


def test_a_still_of_a_film_cannot_stand_for_the_film(make: Maker) -> None:
    pictures = scene("canyon", 3.0)
    moving, still = make.film(pictures), make.image(pictures[20])
    for found in both_ways(moving, still):
        assert found.match_class is MatchClass.SIMILAR
        assert found.transform.partial
    (part,) = verdict(moving, still).segments
    assert part.a_start == pytest.approx(20 / RATE_HZ, abs=0.25)
    assert part.b_start == 0


def test_a_still_of_a_film_with_sound_lost_none(make: Maker) -> None:
    pictures = scene("canyon", 3.0)
    for found in both_ways(make.image(pictures[20]), make.film(pictures, music(3.0))):
        assert found.match_class is MatchClass.SIMILAR
        assert not found.transform.audio_removed
        assert "sound" not in found.reason


def test_a_still_of_another_film_differs(make: Maker) -> None:
    still = make.image(scene("reef", 0.1)[0])
    found = verdict(make.film(scene("canyon", 3.0)), still)
    assert found.match_class is MatchClass.DIFFERENT


def test_a_black_film_under_the_sound_of_another_is_not_a_copy_of_it(make: Maker) -> None:
    sound = music(8.0)
    shown, hidden = make.film(scene("reef", 8.0), sound), make.film(black(8.0), sound)
    for found in both_ways(shown, hidden):
        assert found.match_class is MatchClass.SIMILAR
        assert found.transform.partial


def test_two_black_films_of_one_sound_are_the_same(make: Maker) -> None:
    sound = music(8.0)
    for found in both_ways(make.film(black(8.0), sound), make.film(black(8.2), sound)):
        assert found.match_class in COPIES
        assert not found.transform.partial


def test_films_of_one_frame_are_compared_as_pictures(make: Maker) -> None:
    frame, other = scene("canyon", 1.0)[0], scene("reef", 1.0)[0]
    brighter = np.clip(frame.astype(int) + 12, 0, 255).astype(np.uint8)
    for found in both_ways(make.film([frame]), make.film([brighter])):
        assert found.match_class in COPIES
    for found in both_ways(make.film([frame]), make.film([other])):
        assert found.match_class is MatchClass.DIFFERENT
