"""What the sample library holds: sources, the copies made of them, and the hard negatives.

Everything here is a pure function of the seed; `library` carries it out.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from filmgate.dedupe.tuning.truth import (
    Expect,
    KnownCopy,
    KnownNegative,
    Parameters,
    SampleFile,
    Truth,
)
from filmgate_samples import transforms
from filmgate_samples.transforms import kind_of

GENERATOR = "filmgate-samples/2"
"""Name and version of the generator; a new version generates every file again."""


def stream(seed: int, name: str) -> Generator:
    """A random generator of its own for each name, whatever else is drawn."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


@dataclass(frozen=True)
class VideoSource:
    """A video to be rendered.

    Attributes:
        scenes: names in `rendering.SCENES` with the seconds each lasts, in order.
        sounds: names in `rendering.SOUNDS` with gains, mixed.
        draw: files that give the same name here are drawn from the same random numbers.
        sound_draw: the same for the sound.
    """

    path: str
    description: str
    scenes: tuple[tuple[str, float], ...]
    sounds: tuple[tuple[str, float], ...]
    width: int = 640
    height: int = 360
    frame_rate: float = 25.0
    draw: str = ""
    sound_draw: str = ""


@dataclass(frozen=True)
class ImageSource:
    """A still picture to be rendered by a scene of `rendering.STILLS`."""

    path: str
    description: str
    scene: str
    width: int = 960
    height: int = 640


@dataclass(frozen=True)
class SoundSource:
    """A sound file to be synthesised by a function of `rendering.SOUNDS`."""

    path: str
    description: str
    sound: str
    seconds: float


@dataclass(frozen=True)
class CopyPlan:
    """A file to be made of another by a transform, with the parameters drawn for it."""

    path: str
    source: str
    transform: str
    parameters: Parameters


_MUSIC = (("music", 1.0),)
_INTRO = ("station_title", 2.0)

VIDEOS: tuple[VideoSource, ...] = (
    VideoSource(
        "videos/coast at dusk.mp4",
        "a pan along a coast",
        (("coast", 9),),
        (("water", 0.6), ("music", 0.6)),
        sound_draw="shared tune",
        width=480,
        height=270,
    ),
    VideoSource(
        "videos/night avenue.mp4",
        "traffic in a city at night",
        (("night_city", 8),),
        (("engine", 1.0), ("music", 0.4)),
    ),
    VideoSource(
        "videos/reef.mp4",
        "fish on a reef",
        (("reef", 8),),
        (("water", 1.0),),
        width=480,
        height=270,
    ),
    VideoSource(
        "videos/fireworks.mp4",
        "fireworks over a town",
        (("fireworks", 9),),
        (("bangs", 1.0),),
        frame_rate=24.0,
    ),
    VideoSource(
        "videos/bouncing balls.mp4", "shaded balls on tiles", (("spheres", 7),), _MUSIC, 480, 270
    ),
    VideoSource(
        "videos/canyon flight.mp4",
        "a flight over red land",
        (("canyon", 9),),
        (("wind", 1.0), ("engine", 0.3)),
        480,
        270,
        24.0,
    ),
    VideoSource(
        "videos/credits.mp4",
        "a title and rolling credits",
        (("credits_roll", 9),),
        _MUSIC,
        frame_rate=24.0,
    ),
    VideoSource(
        "videos/a walk.mp4",
        "a cartoon in four shots",
        (("cartoon", 10),),
        (("music", 1.0), ("babble", 0.3)),
    ),
    VideoSource(
        "videos/flag.mp4", "a quilted flag in the wind", (("flag", 7),), (("wind", 1.0),), 480, 270
    ),
    VideoSource(
        "videos/forecast.mp4", "a weather map", (("weather", 8),), (("babble", 1.0),), 480, 270
    ),
    VideoSource(
        "videos/harvest chart.mp4",
        "a race of bars",
        (("chart", 8),),
        (("music", 1.0),),
        sound_draw="shared tune",
    ),
    VideoSource(
        "videos/snow village.mp4",
        "a village in the snow",
        (("snow", 8),),
        (("wind", 0.5), ("music", 0.6)),
        frame_rate=24.0,
        width=480,
        height=270,
    ),
    VideoSource(
        "videos/northern lights.mp4",
        "curtains of light over a lake",
        (("aurora_lights", 6),),
        _MUSIC,
        480,
        270,
        24.0,
    ),
    VideoSource("videos/room, juggler.mp4", "a juggler in a room", (("room_juggler", 8),), _MUSIC),
    VideoSource(
        "videos/room, robot.mp4",
        "a robot in the same room",
        (("room_robot", 8),),
        (("engine", 0.7), ("music", 0.4)),
    ),
    VideoSource(
        "videos/episode 1.mp4",
        "a title, then a planet",
        (_INTRO, ("planet", 7)),
        _MUSIC,
        draw="station",
        width=480,
        height=270,
    ),
    VideoSource(
        "videos/episode 2.mp4",
        "the same title, then a tunnel",
        (_INTRO, ("tunnel", 7)),
        (("engine", 1.0),),
        480,
        270,
        draw="station",
    ),
    VideoSource("videos/news take 1.mp4", "a presenter", (("presenter", 8),), (("babble", 1.0),)),
    VideoSource(
        "videos/news take 2.mp4",
        "the same presenter, another take",
        (("presenter", 8),),
        (("babble", 1.0),),
    ),
)

IMAGES: tuple[ImageSource, ...] = (
    ImageSource("images/lake.jpg", "mountains and their reflection", "lake"),
    ImageSource("images/fruit.jpg", "a heap of fruit", "fruit", 900, 675),
    ImageSource("images/window.png", "stained glass", "glass", 600, 800),
    ImageSource("images/galaxy.jpg", "a spiral galaxy", "galaxy"),
    ImageSource("images/dunes.jpg", "rows of dunes", "dunes"),
    ImageSource("images/poster.png", "a concert poster", "poster", 640, 880),
    ImageSource("images/island map.jpg", "an old map of an island", "island", 880, 640),
    ImageSource("images/fractal.webp", "a Julia set", "fractal"),
)

SOUNDS: tuple[SoundSource, ...] = (
    SoundSource("audio/tune.flac", "a tune", "music", 14.0),
    SoundSource("audio/speech.mp3", "speech without words", "babble", 12.0),
)

SOURCES: tuple[VideoSource | ImageSource | SoundSource, ...] = (*VIDEOS, *IMAGES, *SOUNDS)

_COPIES: dict[str, tuple[tuple[str, str], ...]] = {
    "videos/coast at dusk.mp4": (
        ("reencode", "coast_low.mp4"),
        ("resize", "coast_small.mp4"),
        ("mirror", "coast_mirrored.mp4"),
    ),
    "videos/night avenue.mp4": (
        ("vp9", "avenue.webm"),
        ("crop", "avenue_cropped.mp4"),
        ("logo", "avenue_logo.mp4"),
    ),
    "videos/reef.mp4": (
        ("hevc", "reef_hevc.mp4"),
        ("letterbox", "reef_bars.mp4"),
        ("speed_up", "reef_fast.mp4"),
    ),
    "videos/fireworks.mp4": (("gif", "fireworks.gif"), ("mute", "fireworks_mute.mp4")),
    "videos/bouncing balls.mp4": (("resound", "balls_music.mp4"), ("trim", "balls_half.mp4")),
    "videos/canyon flight.mp4": (
        ("mpeg4", "canyon.avi"),
        ("banner", "canyon_banner.mp4"),
        ("grey", "canyon_grey.mp4"),
    ),
    "videos/credits.mp4": (("reencode", "credits_low.mp4"),),
    "videos/a walk.mp4": (("insert", "walk_inserted.mp4"), ("trim", "walk_half.mp4")),
    "videos/flag.mp4": (("colour", "flag_colours.mp4"), ("slow_down", "flag_slow.mp4")),
    "videos/forecast.mp4": (("mute", "forecast_mute.mp4"), ("crop", "forecast_cropped.mp4")),
    "videos/harvest chart.mp4": (("resound", "chart_resounded.mp4"),),
    "videos/snow village.mp4": (("insert", "snow_inserted.mp4"), ("mirror", "snow_mirrored.mp4")),
    "videos/room, juggler.mp4": (("reencode", "juggler_low.mp4"),),
    "videos/news take 1.mp4": (("identical", "Ünï ♥ news (1).mp4"),),
    "images/lake.jpg": (
        ("jpeg", "lake_low.jpg"),
        ("resize", "lake_small.jpg"),
        ("crop", "lake_cropped.jpg"),
    ),
    "images/fruit.jpg": (("mirror", "fruit_mirrored.jpg"), ("png", "fruit.png")),
    "images/window.png": (("turn", "window_turned.jpg"), ("webp", "window.webp")),
    "images/galaxy.jpg": (("colour", "galaxy_colours.jpg"),),
    "images/dunes.jpg": (("exif_turn", "dunes_turned.jpg"), ("banner", "dunes_banner.jpg")),
    "images/poster.png": (("identical", "köpie af plakat.png"),),
    "audio/tune.flac": (("mp3", "tune_low.mp3"),),
}

STILL_OF_VIDEO = ("images/flag still.jpg", "videos/flag.mp4", 3.0)
"""A picture that is a frame of a video: path, video, seconds."""

_NEGATIVES: tuple[tuple[str, str, str], ...] = (
    ("room, juggler", "room, robot", "same background"),
    ("episode 1", "episode 2", "same intro"),
    ("coast at dusk", "harvest chart", "same audio"),
)


def copies(seed: int) -> tuple[CopyPlan, ...]:
    """The copies of the library, with their parameters."""
    plans = []
    for source, made in _COPIES.items():
        folder = source.split("/", 1)[0]
        for transform, name in made:
            path = f"{folder}/{name}"
            drawn = transforms.draw(kind_of(source), transform, stream(seed, path))
            plans.append(CopyPlan(path, source, transform, drawn))
    return tuple(plans)


_PARTS = {"trim", "insert", "gif"}
"""Transforms after which one file holds only a part of the other."""


def truth(seed: int) -> Truth:
    """What is known of the library made with this seed."""
    made = copies(seed)
    sources = [(item.path, item.description) for item in SOURCES]
    described = [
        *sources,
        *((copy.path, f"{copy.source}, {copy.transform.replace('_', ' ')}") for copy in made),
        (STILL_OF_VIDEO[0], f"a frame of {STILL_OF_VIDEO[1]}"),
    ]
    known = [
        KnownCopy(
            source=copy.source,
            copy_path=copy.path,
            transform=copy.transform,
            parameters=copy.parameters,
            expect=Expect.PART if copy.transform in _PARTS else Expect.COPY,
        )
        for copy in made
    ]
    still = KnownCopy(
        source=STILL_OF_VIDEO[1],
        copy_path=STILL_OF_VIDEO[0],
        transform="still",
        parameters={"time_s": STILL_OF_VIDEO[2]},
        expect=Expect.PART,
    )
    families = [
        (source, *(copy.path for copy in made if copy.source == source)) for source in _COPIES
    ]
    parts = {copy.copy_path for copy in known if copy.expect is Expect.PART}
    groups = [tuple(path for path in family if path not in parts) for family in families]
    return Truth(
        seed=seed,
        generator=GENERATOR,
        files=tuple(
            SampleFile(path=path, kind=kind_of(path), description=words)
            for path, words in described
        ),
        copies=(*known, still),
        groups=tuple(group for group in groups if len(group) > 1),
        negatives=_negatives(families),
    )


def _negatives(families: list[tuple[str, ...]]) -> tuple[KnownNegative, ...]:
    """The hard pairs; what is hard about two sources is so about their copies too."""
    found = []
    for first, second, label in _NEGATIVES:
        found += _between(families, first, second, label, Expect.DIFFERENT)
    found += _between(families, "news take 1", "news take 2", "another take", Expect.SIMILAR)
    return tuple(found)


def _between(
    families: list[tuple[str, ...]], first: str, second: str, label: str, expect: Expect
) -> list[KnownNegative]:
    a, b = f"videos/{first}.mp4", f"videos/{second}.mp4"
    family = {group[0]: group for group in families}
    return [
        KnownNegative(a=x, b=y, class_of_negative=label, expect=expect)
        for x in family.get(a, (a,))
        for y in family.get(b, (b,))
    ]
