"""The plan of the library: whole, named once, and the same for the same seed."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

from filmgate.dedupe.tuning.truth import Expect
from filmgate.media.model import MediaKind
from filmgate_samples import plan, rendering


def test_every_file_is_named_once_and_every_name_is_known() -> None:
    truth = plan.truth(1)
    paths = [file.path for file in truth.files]
    assert max(Counter(paths).values()) == 1
    # As `filmgate samples --help` and the READMEs say.
    assert len(paths) == 70
    named = {p for c in truth.copies for p in (c.source, c.copy_path)}
    named |= {p for group in truth.groups for p in group}
    named |= {p for n in truth.negatives for p in (n.a, n.b)}
    assert named <= set(paths)


def test_groups_hold_every_copy_of_their_source_and_no_negative() -> None:
    truth = plan.truth(1)
    members = [path for group in truth.groups for path in group]
    assert len(members) == len(set(members))
    together = {frozenset(pair) for group in truth.groups for pair in combinations(group, 2)}
    for copy in truth.copies:
        pair = frozenset((copy.source, copy.copy_path))
        assert (pair in together) == (copy.expect is Expect.COPY)
    assert not together & {frozenset((n.a, n.b)) for n in truth.negatives}


def test_the_ways_of_copying_that_people_use_are_there() -> None:
    truth = plan.truth(1)
    kinds = {file.path: file.kind for file in truth.files}
    videos = {c.transform for c in truth.copies if kinds[c.source] is MediaKind.VIDEO}
    assert videos >= {
        "reencode", "vp9", "hevc", "mpeg4", "resize", "crop", "letterbox", "mirror", "logo",
        "banner", "trim", "insert", "resound", "mute", "colour", "grey", "speed_up", "slow_down",
        "gif", "identical",
    }  # fmt: skip
    images = {c.transform for c in truth.copies if kinds[c.source] is MediaKind.IMAGE}
    assert images >= {
        "jpeg", "resize", "crop", "mirror", "turn", "png", "webp", "colour", "exif_turn",
        "banner", "identical",
    }  # fmt: skip
    classes = {n.class_of_negative for n in truth.negatives}
    assert classes == {"same background", "same intro", "same audio", "another take"}


def test_the_seed_decides_the_parameters() -> None:
    assert plan.truth(4) == plan.truth(4)
    assert plan.truth(4).copies != plan.truth(5).copies


def test_every_source_names_scenes_and_sounds_that_exist() -> None:
    for video in plan.VIDEOS:
        assert {name for name, _ in video.scenes} <= set(rendering.SCENES)
        assert {name for name, _ in video.sounds} <= set(rendering.SOUNDS)
    assert {image.scene for image in plan.IMAGES} == set(rendering.STILLS)
    assert {sound.sound for sound in plan.SOUNDS} <= set(rendering.SOUNDS)
