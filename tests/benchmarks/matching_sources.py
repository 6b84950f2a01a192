"""The sources of the matching benchmark, split in two halves that share none.

A source is a short stretch of a video, a picture or a sound: rendered by the sample generator,
or cut from the files of ../shared/data where present. Sources that come from one file stay
together in one half, and so do those of one rendered library: pairs that are hard to tell apart
are in both halves, but no source is.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
from PIL import Image

from filmgate.media.model import MediaKind
from filmgate_samples import plan
from filmgate_samples.clip import (
    Encoding,
    read_clip,
    read_image,
    read_sound,
    write_clip,
    write_image,
    write_sound,
)
from filmgate_samples.library import make_files
from filmgate_samples.transforms import kind_of
from tests.benchmarks.common import BENCH, SHARED, note

FOLDER = BENCH / "matching"
SPLIT_SEED = 20
LIBRARY_SEEDS = (101, 102)
"""Seeds of rendered libraries, one for each half; the sample library itself has another."""
SECONDS = 8.0
VIDEO_SIDE = 320
IMAGE_SIDE = 640
SOUND_S = 15.0
PORTRAITS = 60
_MADE_AS = f"sources {SECONDS:g} s {VIDEO_SIDE} px"
_ENTIRE = Encoding("libx264", {"preset": "superfast", "crf": "18"})


class Split(StrEnum):
    """Boundaries are chosen on one half and judged on the other."""

    TUNE = "tune"
    TEST = "test"


@dataclass(frozen=True)
class Source:
    """Something that copies are made of.

    Attributes:
        path: the file, made under `.build/bench`.
        alike: class of negative to what is shared; two sources with the same value for a class
            are hard to tell apart for that reason.
        sparse: it goes through every second transform only, to save time where the rates of each
            transform are not reported.
    """

    name: str
    kind: MediaKind
    split: Split
    path: Path
    alike: Mapping[str, str] = field(default_factory=dict)
    sparse: bool = False


@dataclass(frozen=True)
class Origin:
    """A source before it is made; those of one `unit` go to the same half."""

    name: str
    stratum: str
    unit: str
    file: Path
    alike: Mapping[str, str] = field(default_factory=dict)
    start_s: float = 0.0
    quick: bool = False

    @property
    def kind(self) -> MediaKind:
        return MediaKind.VIDEO if self.file.suffix in {".mkv", ".webm"} else kind_of(self.file)


SHARED_BY_ALL = "shared by all of a half"
"""What a class of negative shares that is made the same way everywhere, such as a title."""
_QUICK_RENDERED = {
    "coast at dusk",
    "room, juggler",
    "room, robot",
    "episode 1",
    "lake",
    "poster",
    "fractal",
    "tune",
}
_RENDERED_ALIKE = {
    "room, juggler": ("same background", "room"),
    "room, robot": ("same background", "room"),
    "episode 1": ("same intro", SHARED_BY_ALL),
    "episode 2": ("same intro", SHARED_BY_ALL),
    "coast at dusk": ("same sound", "tune"),
    "harvest chart": ("same sound", "tune"),
    "news take 1": ("another take", "presenter"),
    "news take 2": ("another take", "presenter"),
}

_FILMS: Mapping[str, tuple[float, ...]] = {
    "videos/film/tears-of-steel-battle-clip-medium.webm": (0, 14, 42, 60),
    "videos/film/big_buck_bunny_0_30.webm": (2, 12, 21),
    "videos/film/friday.mp4": (0,),
    "videos/film/nasa_13013.mp4": (0,),
}
_FIXED: Mapping[str, tuple[float, ...]] = {
    "videos/street/car-detection.mp4": (0, 10, 20),
    "videos/street/bottle-detection.mp4": (0, 15, 30),
}
_PHONE = (
    "videos/phone/chair-orig-22-sd-bar.mp4",
    "videos/phone/doorknob-hd-no-bar.mp4",
    "videos/phone/pattern-hd-no-bar.mp4",
)
_GIF_OF_A_SOURCE = "bottle-detection.gif"


def sources(*, quick: bool) -> list[Source]:
    """All sources that can be had here, made where they are not there yet."""
    known = origins()
    split = halves(known)
    wanted = [origin for origin in known if origin.quick or not quick]
    _render({origin.file for origin in wanted})
    found = []
    for origin in wanted:
        target = FOLDER / _MADE_AS / f"{_safe(origin.name)}{_SUFFIXES[origin.kind]}"
        if not target.is_file():
            _make(origin, target)
        half = split[origin.stratum, origin.unit]
        sparse = half is Split.TUNE and not origin.quick
        found.append(Source(origin.name, origin.kind, half, target, origin.alike, sparse))
    return found


def origins() -> list[Origin]:
    """All that sources can be made of here."""
    return [*_rendered(), *(_real() if SHARED.is_dir() else ())]


def halves(known: list[Origin]) -> dict[tuple[str, str], Split]:
    """The half of each stratum and unit: every second one, in an order drawn by the seed."""
    strata: dict[str, list[str]] = {}
    for origin in known:
        units = strata.setdefault(origin.stratum, [])
        if origin.unit not in units:
            units.append(origin.unit)
    found = {}
    for turn, (stratum, units) in enumerate(sorted(strata.items())):
        random.Random(f"{SPLIT_SEED} {stratum}").shuffle(units)
        for place, unit in enumerate(units):
            found[stratum, unit] = list(Split)[(place + turn) % 2]
    return found


def _rendered() -> Iterator[Origin]:
    for seed in LIBRARY_SEEDS:
        for item in plan.SOURCES:
            stem = Path(item.path).stem
            reason = _RENDERED_ALIKE.get(stem)
            yield Origin(
                name=f"rendered {seed}/{stem}",
                stratum="rendered",
                unit=str(seed),
                file=_library(seed) / item.path,
                alike=dict([reason]) if reason else {},
                quick=stem in _QUICK_RENDERED,
            )


def _real() -> Iterator[Origin]:
    for stratum, films, shared in (
        ("film", _FILMS, "same film"),
        ("street", _FIXED, "same background"),
    ):
        for path, starts in films.items():
            for start in starts:
                name = f"{Path(path).stem} {start:g} s"
                quick = (start in starts[:2] and shared != "same film") or not start
                alike = {shared: Path(path).stem}
                yield Origin(name, stratum, path, SHARED / path, alike, start, quick)
    for path in _PHONE:
        quick = path == _PHONE[0]
        yield Origin(Path(path).stem, "phone", path, SHARED / path, quick=quick)
    yield from _folder("videos/gestures/*", "gesture", {"same background": "wall"}, 3)
    yield from _folder("videos/gif/*", "gif", {}, 4)
    yield from _folder("images/photos/*", "photo", {}, 3)
    yield from _folder("images/bridge/aaa-orig.jpg", "photo", {}, 1)
    yield from _folder("portraits/*", "portrait", {"same layout": "portrait"}, 4, most=PORTRAITS)
    yield from _folder("music/*.ogg", "music", {}, 3)
    for folder in sorted((SHARED / "speech/multi").glob("*")):
        pattern = f"speech/multi/{folder.name}/*.flac"
        yield from _folder(
            pattern, "speech", {"same speaker": folder.name}, 3, most=2, unit=folder.name
        )


def _folder(
    pattern: str,
    stratum: str,
    alike: Mapping[str, str],
    quick_every: int,
    *,
    most: int | None = None,
    unit: str | None = None,
) -> Iterator[Origin]:
    files = [path for path in sorted(SHARED.glob(pattern)) if path.name != _GIF_OF_A_SOURCE]
    random.Random(f"{SPLIT_SEED} {pattern}").shuffle(files)
    for place, path in enumerate(files[:most]):
        quick = place % quick_every == 0
        # Faces and voices are of real people: results number them and name none.
        name = f"{stratum}/{place + 1}" if stratum == "portrait" else f"{stratum}/{path.stem}"
        yield Origin(name, stratum, unit or path.name, path, alike, 0.0, quick)


def _library(seed: int) -> Path:
    return FOLDER / f"rendered-{plan.GENERATOR.replace('/', '-')}-{seed}"


def _render(wanted: set[Path]) -> None:
    for seed in LIBRARY_SEEDS:
        paths = [item.path for item in plan.SOURCES if _library(seed) / item.path in wanted]
        note(f"Rendering {len(paths)} sources of seed {seed}, where they are not there yet.")
        make_files(_library(seed), paths, seed=seed)


def _make(origin: Origin, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".part-{target.name}")
    _MAKERS[origin.kind](origin, part)
    part.replace(target)


def _make_video(origin: Origin, target: Path) -> None:
    clip = read_clip(
        origin.file,
        max_side=VIDEO_SIDE,
        start_s=origin.start_s,
        max_seconds=origin.start_s + SECONDS,
    )
    write_clip(target, clip, _ENTIRE)


def _make_image(origin: Origin, target: Path) -> None:
    picture = read_image(origin.file)
    step = max(1, round(max(picture.shape[:2]) / IMAGE_SIDE))
    if step > 1:
        picture = np.asarray(Image.fromarray(picture).reduce(step))
    write_image(target, picture)


def _make_sound(origin: Origin, target: Path) -> None:
    write_sound(target, read_sound(origin.file)[: int(SOUND_S * 48_000)])


_SUFFIXES = {MediaKind.VIDEO: ".mp4", MediaKind.IMAGE: ".png", MediaKind.AUDIO: ".flac"}
_MAKERS: dict[MediaKind, Callable[[Origin, Path], None]] = {
    MediaKind.VIDEO: _make_video,
    MediaKind.IMAGE: _make_image,
    MediaKind.AUDIO: _make_sound,
}


def _safe(name: str) -> str:
    readable = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:60]
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
