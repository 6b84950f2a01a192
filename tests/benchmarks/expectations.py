"""What is known of the real files in ../shared/data, as data.

Files of one family are copies of each other. Any other two are not, and those of one `Apart` are
the hard ones among them. Files of which neither is known are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from filmgate.dedupe.tuning.truth import Expect, KnownCopy, KnownNegative, SampleFile, Truth
from filmgate.media.model import MediaKind


@dataclass(frozen=True)
class Family:
    """Copies of each other; `members` are glob patterns."""

    name: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Apart:
    """No two of these are copies."""

    name: str
    members: tuple[str, ...]


SEARCHED = ("images/**/*.*", "portraits/*.jpg", "videos/**/*.*", "music/*.ogg", "speech/**/*.flac")
UNKNOWN = (
    "images/modes/small.jpg",
    "images/modes/wee.jpg",
    "images/exif/*",
    "videos/phone/test-padded-dimensions.mp4",
    "videos/gif/bottle-detection.gif",
)
"""Two tiny pictures, one of unknown origin, a film test, and a preview of a video that is there."""

_CHAIR = ("videos/phone/chair-22-*", "videos/phone/chair-orig-22-*")
FAMILIES = (
    Family("bridge", ("images/bridge/*", "images/modes/*")),
    Family("chair take 22", _CHAIR),
    Family("pattern", ("videos/phone/pattern-*",)),
)
PARTS = {
    "videos/phone/chair-orig-22-sd-bar.mp4": ("videos/phone/chair-19-*", "videos/phone/chair-20-*")
}
"""Files that are stretches of another, 3.7 and 2 s in; pixels say so, frame by frame."""
APART = (
    Apart("gestures before one wall", ("videos/gestures/*",)),
    Apart("portraits", ("portraits/*",)),
    Apart("photos", ("images/photos/*",)),
    Apart("same speaker", ("speech/multi/**/*.flac",)),
)


def truth(root: Path) -> Truth:
    """The expectations over the files that are there, paths relative to `root`."""
    unknown = set(_matching(root, UNKNOWN))
    files = [path for path in _matching(root, SEARCHED) if path not in unknown]
    members = set(files)
    families = [
        tuple(path for path in _matching(root, family.members) if path in members)
        for family in FAMILIES
    ]
    return Truth(
        seed=0,
        generator="../shared/data",
        files=tuple(SampleFile(path=path, kind=_kind(path), description="") for path in files),
        copies=tuple(_parts(root, members)),
        groups=tuple(family for family in families if len(family) > 1),
        negatives=tuple(_negatives(root, members)),
    )


def _parts(root: Path, members: set[str]) -> Iterable[KnownCopy]:
    for source, patterns in PARTS.items():
        for path in _matching(root, patterns):
            if {source, path} <= members:
                yield KnownCopy(
                    source=source,
                    copy_path=path,
                    transform="trim",
                    parameters={},
                    expect=Expect.PART,
                )


def _negatives(root: Path, members: set[str]) -> Iterable[KnownNegative]:
    for apart in APART:
        ones = [path for path in _matching(root, apart.members) if path in members]
        for a, b in combinations(ones, 2):
            yield KnownNegative(a=a, b=b, class_of_negative=apart.name)


def _matching(root: Path, patterns: Iterable[str]) -> list[str]:
    found = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    return sorted(path.relative_to(root).as_posix() for path in found)


def _kind(path: str) -> MediaKind:
    folder = path.split("/", 1)[0]
    return {"videos": MediaKind.VIDEO, "music": MediaKind.AUDIO, "speech": MediaKind.AUDIO}.get(
        folder, MediaKind.IMAGE
    )
