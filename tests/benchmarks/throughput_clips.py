"""One minute of 720p, as different programs would have written it.

The pictures are real ones where ../shared/data is beside the checkout, else a rendered minute.
Every kind is written at a stated bit rate, because that decides what decoding costs: pictures
that were scaled up are too smooth for a quality setting to give what a camera would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec import Codec
from numpy.typing import NDArray

from filmgate_samples import plan, rendering
from tests.benchmarks.common import BENCH, SHARED, note

WIDTH, HEIGHT = 1280, 720
RATE = 30
SECONDS = 60
RENDERED = plan.VideoSource(
    "minute 720p.mp4",
    "several scenes",
    (("coast", 12), ("night_city", 12), ("canyon", 12), ("spheres", 12), ("weather", 12)),
    (("music", 0.6), ("water", 0.5)),
    width=WIDTH,
    height=HEIGHT,
)
REAL = (
    ("videos/film/big_buck_bunny_0_30.webm", 30.0),
    ("videos/phone/pattern-hd-no-bar.mp4", 5.0),
    ("videos/phone/doorknob-hd-no-bar.mp4", 3.0),
    ("videos/film/friday.mp4", 6.0),
    ("videos/film/tears-of-steel-battle-clip-medium.webm", 60.0),
)
"""Files and the seconds taken of each, until the minute is full."""

_SOUND_HZ = 48_000
_NOISES = 16
_NOISE_DEVIATION = 1.5
_MADE_BY = "minute-1"


@dataclass(frozen=True)
class Kind:
    """How a minute is written.

    Attributes:
        codec, options: of the pictures; a codec this FFmpeg cannot write leaves the kind out.
        bits_per_s: of the pictures.
    """

    name: str
    codec: str
    bits_per_s: int
    suffix: str = ".mp4"
    sound_codec: str = "aac"
    options: dict[str, str] = field(default_factory=dict)


KINDS = (
    Kind("H.264, x264 as it comes", "libx264", 2_500_000),
    Kind("H.264, half the bits", "libx264", 1_250_000),
    Kind(
        "H.264, key every 2 s",
        "libx264",
        2_500_000,
        options={"g": "60", "keyint_min": "60", "sc_threshold": "0"},
    ),
    Kind(
        "H.264, as phones film",
        "libx264",
        8_000_000,
        options={"preset": "superfast", "bf": "0", "g": "30"},
    ),
    Kind("HEVC, x265", "libx265", 1_500_000, options={"preset": "superfast"}),
    Kind(
        "VP9",
        "libvpx-vp9",
        1_800_000,
        ".webm",
        "libopus",
        {"deadline": "realtime", "cpu-used": "6", "g": "128"},
    ),
    Kind("AV1", "libsvtav1", 1_200_000, ".mp4", "aac", {"preset": "10", "g": "150"}),
)


def clips(kinds: tuple[Kind, ...] = KINDS) -> dict[str, Path]:
    """The minute in every kind that can be written here; made once under .build/bench."""
    return {kind.name: _clip(kind) for kind in kinds if _writable(kind)}


def _writable(kind: Kind) -> bool:
    try:
        Codec(kind.codec, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


def _clip(kind: Kind) -> Path:
    of = "real" if SHARED.is_dir() else "rendered"
    title = "".join(c if c.isalnum() else "-" for c in kind.name)
    target = BENCH / "throughput" / f"{_MADE_BY}-{of}-{title}{kind.suffix}"
    if not target.is_file():
        note(f"Writing the minute as {kind.name}, once")
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".part-{target.name}")
        write(part, kind, pictures(sources()), SECONDS)
        part.replace(target)
    return target


def sources() -> list[tuple[Path, float]]:
    """What the minute is cut from: files, and the seconds taken of each."""
    if SHARED.is_dir():
        return [(SHARED / name, seconds) for name, seconds in REAL]
    target = BENCH / f"{plan.GENERATOR.replace('/', '-')} {RENDERED.path}"
    if not target.is_file():
        note("Rendering a minute of 720p, once")
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".part-{target.name}")
        rendering.render_video(part, RENDERED, 1)
        part.replace(target)
    return [(target, float(SECONDS))]


def pictures(parts: list[tuple[Path, float]]) -> Iterator[NDArray[np.uint8]]:
    """The minute's pictures as planes of yuv420p, uint8 (1080, 1280), `RATE` a second.

    A little noise is laid over them, as a camera's sensor does: without it a picture shown
    twice, or a smooth one, would cost the decoder nothing.
    """
    random = np.random.default_rng(1)
    noises = [
        np.rint(random.normal(0, _NOISE_DEVIATION, (HEIGHT, WIDTH))).astype(np.int16)
        for _ in range(_NOISES)
    ]
    every = (planes for path, seconds in parts for planes in _steady(path, seconds))
    for index, planes in enumerate(every):
        noisy = planes[:HEIGHT] + np.roll(noises[index % _NOISES], index * 7, axis=1)
        planes[:HEIGHT] = noisy.clip(0, 255)
        yield planes


def _steady(path: Path, seconds: float) -> Iterator[NDArray[np.uint8]]:
    """A file's pictures at `RATE`, filling the frame; shown again where there are too few."""
    shown = 0
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.time is None or frame.time >= seconds:
                return
            planes = _filled(frame)
            while shown / RATE <= frame.time:
                yield planes.copy()
                shown += 1


def _filled(frame: av.VideoFrame) -> NDArray[np.uint8]:
    scale = max(WIDTH / frame.width, HEIGHT / frame.height)
    wide, high = (2 * round(scale * side / 2) for side in (frame.width, frame.height))
    # The middle of the picture, on even pixels, for colour has half of them.
    left, top = (wide - WIDTH) // 4 * 2, (high - HEIGHT) // 4 * 2
    rgb = frame.to_ndarray(format="rgb24", width=wide, height=high)
    part = rgb[top : top + HEIGHT, left : left + WIDTH].astype(np.uint8, order="C", copy=False)
    whole = av.VideoFrame.from_ndarray(part, format="rgb24")
    return whole.to_ndarray(format="yuv420p").astype(np.uint8, copy=False)


def write(path: Path, kind: Kind, planes: Iterator[NDArray[np.uint8]], seconds: int) -> None:
    """Encode so many seconds of pictures, with sound."""
    with av.open(str(path), "w", format={".webm": "webm"}.get(kind.suffix, "mp4")) as container:
        # PyAV types a stream made from a codec's name as any kind of stream.
        video: Any = container.add_stream(kind.codec, rate=RATE, options=dict(kind.options))
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.bit_rate = kind.bits_per_s
        video.thread_count = 1
        audio: Any = container.add_stream(kind.sound_codec, rate=_SOUND_HZ)
        audio.layout, audio.bit_rate = "stereo", 128_000
        for index, picture in enumerate(islice(planes, seconds * RATE)):
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(video.encode(frame))
            if index % RATE == 0:
                container.mux(audio.encode(_second(index // RATE)))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def _second(index: int) -> av.AudioFrame:
    """A second of sound: chords that change, with noise; stereo."""
    at = np.arange(_SOUND_HZ) / _SOUND_HZ
    random = np.random.default_rng(index)
    tones = random.uniform(100, 3000, 6)[:, None]
    sides = [
        0.1 * np.sin(2 * np.pi * tones * at + side).sum(axis=0) + random.normal(0, 0.01, len(at))
        for side in (0.0, 0.5)
    ]
    frame = av.AudioFrame.from_ndarray(
        np.stack(sides).clip(-1, 1).astype(np.float32), format="fltp", layout="stereo"
    )
    frame.sample_rate, frame.pts = _SOUND_HZ, index * _SOUND_HZ
    frame.time_base = Fraction(1, _SOUND_HZ)
    return frame
