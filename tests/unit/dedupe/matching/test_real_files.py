"""Golden results on real files: families that are one, and takes that are not."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

from filmgate.dedupe.matching.compare import compare
from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.groups import groups
from filmgate.dedupe.matching.model import MatchClass, Verdict
from filmgate.dedupe.matching.settings import MatchSettings
from tests.clips import taken

pytestmark = pytest.mark.shared
COPIES = (MatchClass.EXACT, MatchClass.NEAR)
TAKE = "chair-orig-22-sd-bar.mp4"
VERSIONS = (
    TAKE,
    "chair-22-sd-grey-bar.mp4",
    "chair-22-sd-sepia-bar.mp4",
    "chair-22-with-small-logo-bar.mp4",
)
GESTURES = ("again", "bird", "book")

fingerprint = cache(taken)


def verdict(a: Path, b: Path) -> Verdict:
    return decide(compare(fingerprint(a), fingerprint(b)), MatchSettings())


def test_the_bridge_in_every_shape_is_one_picture(shared_data: Path) -> None:
    original = shared_data / "images/bridge/aaa-orig.jpg"
    family = sorted((shared_data / "images/bridge").iterdir())
    others = {
        path.name: found
        for path in family
        if path != original and (found := verdict(original, path)).match_class not in COPIES
    }
    assert len(family) >= 16
    assert others == {}


@pytest.mark.parametrize(
    ("name", "mirror", "turn"),
    [
        ("bridge-2-rotate-90", False, 90),
        ("bridge-3-rotate-180", False, 180),
        ("bridge-4-rotate-270", False, 270),
        ("bridge-5-flipx", True, 0),
    ],
)
def test_the_orientation_of_the_bridge_is_detected(
    shared_data: Path, name: str, mirror: bool, turn: int
) -> None:
    folder = shared_data / "images/bridge"
    found = verdict(folder / "aaa-orig.jpg", folder / f"{name}.jpg")
    # The files' names do not say which way, nor along which axis.
    orientation = found.transform.mirror, found.transform.turn
    if mirror:
        assert orientation in ((True, 0), (True, 180))
    else:
        assert orientation in ((False, turn), (False, -turn % 360))


def test_the_bridge_in_every_colour_mode_is_one_picture(shared_data: Path) -> None:
    original = shared_data / "images/bridge/aaa-orig.jpg"
    modes = shared_data / "images/modes"
    # Two other pictures lie beside them.
    names = sorted(p for p in modes.iterdir() if p.name not in ("small.jpg", "wee.jpg"))
    missed = [path.name for path in names if verdict(original, path).match_class not in COPIES]
    assert missed == []


@pytest.mark.parametrize("name", ["modes/small.jpg", "modes/wee.jpg", "exif/exif-rotn-6.jpg"])
def test_other_pictures_are_not_the_bridge(shared_data: Path, name: str) -> None:
    images = shared_data / "images"
    found = verdict(images / "bridge/aaa-orig.jpg", images / name)
    assert found.match_class is MatchClass.DIFFERENT


def test_distinct_photos_differ(shared_data: Path) -> None:
    photos = sorted((shared_data / "images/photos").iterdir())[:6]
    assert len(photos) == 6
    for a, b in combinations(photos, 2):
        assert verdict(a, b).match_class is MatchClass.DIFFERENT, (a.name, b.name)


def test_four_versions_of_one_take_are_one_group(shared_data: Path) -> None:
    phone = shared_data / "videos/phone"
    pairs = [(a, b, verdict(phone / a, phone / b)) for a, b in combinations(VERSIONS, 2)]
    for a, b, found in pairs:
        assert found.match_class in COPIES, (a, b)
    (group,) = groups(pairs)
    assert sorted(group) == sorted(VERSIONS)


@pytest.mark.parametrize(
    ("name", "offset_s"), [("chair-19-sd-bar.mp4", 3.7), ("chair-20-sd-bar.mp4", 2.0)]
)
def test_a_take_without_its_beginning_is_a_part_of_it(
    shared_data: Path, name: str, offset_s: float
) -> None:
    # Frame by frame these are the take with its first 111 and 60 frames cut off.
    phone = shared_data / "videos/phone"
    found = verdict(phone / TAKE, phone / name)
    assert found.match_class is MatchClass.SIMILAR
    assert found.transform.partial
    assert found.transform.speed == 1.0
    (part,) = found.segments
    assert part.a_start - part.b_start == pytest.approx(offset_s, abs=0.15)
    assert part.b_start < 0.5


def test_the_pattern_in_two_versions_is_one_film(shared_data: Path) -> None:
    phone = shared_data / "videos/phone"
    found = verdict(phone / "pattern-hd-no-bar.mp4", phone / "pattern-sd-grey-bar.mp4")
    assert found.match_class in COPIES


def test_other_films_of_one_phone_are_not_copies(shared_data: Path) -> None:
    phone = shared_data / "videos/phone"
    names = (TAKE, "doorknob-hd-no-bar.mp4", "pattern-sd-grey-bar.mp4")
    for a, b in combinations(names, 2):
        assert verdict(phone / a, phone / b).match_class is MatchClass.DIFFERENT, (a, b)


def test_signs_in_front_of_one_wall_are_not_copies(shared_data: Path) -> None:
    clips = [shared_data / f"videos/gestures/{name}.mkv" for name in GESTURES]
    for a, b in combinations(clips, 2):
        assert verdict(a, b).match_class not in COPIES, (a.name, b.name)
