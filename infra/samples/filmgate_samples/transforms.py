"""Making a copy of a file as people do: re-encoded, cropped, trimmed, re-sounded and so on.

`apply` works on any video, image or sound file, so the benchmarks use it on other files too.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator
from PIL import Image

from filmgate.dedupe.tuning.truth import Parameters
from filmgate.media.model import MediaKind
from filmgate_samples import synth
from filmgate_samples.clip import (
    AUDIO_SUFFIXES,
    IMAGE_SUFFIXES,
    RATE_HZ,
    Clip,
    Encoding,
    Mapped,
    Picture,
    Sound,
    read_clip,
    read_image,
    read_sound,
    write_clip,
    write_image,
    write_sound,
)
from filmgate_samples.edits import EDITS
from filmgate_samples.scenes.screen import station_title
from filmgate_samples.scenes.town import lava
from filmgate_samples.sound_edits import SOUND_EDITS, resample

_Draw = Callable[[Generator], Parameters]


def _nothing(_: Generator) -> Parameters:
    return {}


def _round(rng: Generator, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 3)


# Time and sound of a video.


def _cut(clip: Clip, start_s: float, end_s: float) -> Clip:
    first, last = np.searchsorted(clip.times_s, [start_s - 1e-6, end_s - 1e-6])
    last = max(last, first + 1)
    sound = clip.sound
    if sound is not None:
        sound = sound[int(start_s * RATE_HZ) : int(end_s * RATE_HZ)]
    times = clip.times_s[first:last]
    return replace(clip, frames=clip.frames[first:last], times_s=times - times[0], sound=sound)


def _trim(clip: Clip, parameters: Parameters) -> Clip:
    keep = float(parameters["keep"]) * clip.duration_s
    start = float(parameters["start"]) * (clip.duration_s - keep)
    return _cut(clip, start, start + keep)


def _insert(clip: Clip, parameters: Parameters) -> Clip:
    rng = np.random.default_rng(int(parameters["host"]))
    before, after = float(parameters["before_s"]), float(parameters["after_s"])
    step = 1 / clip.frame_rate
    times = np.arange(0, before + after, step)
    host = list(lava(rng, clip.size, times))
    split = int(np.searchsorted(times, before - 1e-9))
    frames: list[Picture] = [*host[:split], *clip.frames, *host[split:]]
    all_times = np.concatenate(
        [times[:split], split * step + clip.times_s, times[split:] + clip.duration_s]
    )
    sound = clip.sound
    if sound is not None:
        around = synth.music(rng, len(host) * step)
        wanted = round(clip.duration_s * RATE_HZ)
        middle = np.pad(sound, (0, max(0, wanted - len(sound))))[:wanted]
        edge = int(split * step * RATE_HZ)
        sound = np.concatenate([around[:edge], middle, around[edge:]])
    return replace(clip, frames=frames, times_s=all_times, sound=sound)


def _intro(clip: Clip, parameters: Parameters) -> Clip:
    """A station's title, then black, before the clip; its sound under them."""
    step = 1 / clip.frame_rate
    times = np.arange(0, float(parameters["title_s"]), step)
    title = station_title(np.random.default_rng(int(parameters["title"])), clip.size, times)
    jingle = synth.music(np.random.default_rng(int(parameters["title"])), len(times) * step)
    return _led_by(clip, list(title), jingle)


def _black_ends(clip: Clip, parameters: Parameters) -> Clip:
    """Black and silence before and after the clip."""
    width, height = clip.size
    black = np.zeros((height, width, 3), np.uint8)
    step = 1 / clip.frame_rate
    before, after = (round(float(parameters[name]) / step) for name in ("before_s", "after_s"))
    led = _led_by(clip, [black] * before, np.zeros(round(before * step * RATE_HZ), np.float32))
    sound = led.sound
    return replace(
        led,
        frames=[*led.frames, *[black] * after],
        times_s=np.concatenate([led.times_s, led.duration_s + np.arange(after) * step]),
        sound=None if sound is None else np.pad(sound, (0, round(after * step * RATE_HZ))),
    )


def _led_by(clip: Clip, pictures: list[Picture], sound: Sound) -> Clip:
    lead = len(pictures) / clip.frame_rate
    return replace(
        clip,
        frames=[*pictures, *clip.frames],
        times_s=np.concatenate([np.arange(len(pictures)) / clip.frame_rate, lead + clip.times_s]),
        sound=None if clip.sound is None else np.concatenate([sound, clip.sound]),
    )


def _speed(clip: Clip, parameters: Parameters) -> Clip:
    factor = float(parameters["factor"])
    sound = clip.sound
    if sound is not None:
        sound = resample(sound, factor)
    return replace(clip, times_s=clip.times_s / factor, sound=sound)


def _resound(clip: Clip, parameters: Parameters) -> Clip:
    rng = np.random.default_rng(int(parameters["music"]))
    return replace(clip, sound=synth.music(rng, clip.duration_s))


def _mute(clip: Clip, _: Parameters) -> Clip:
    return replace(clip, sound=None)


def _gif(clip: Clip, parameters: Parameters) -> Clip:
    part = _mute(_trim(clip, parameters), {})
    width, height = part.size
    size = (320, round(320 * height / width / 2) * 2)

    def shrink(picture: Picture) -> Picture:
        return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))

    return replace(part, frames=Mapped(part.frames, shrink), frame_rate=10.0)


def _same(clip: Clip, _: Parameters) -> Clip:
    return clip


@dataclass(frozen=True)
class _VideoTransform:
    draw: _Draw = _nothing
    change: Callable[[Clip, Parameters], Clip] = _same
    suffix: str = ".mp4"
    encoding: Callable[[Parameters], Encoding] = lambda _: Encoding()


def _picture_edit(name: str) -> _VideoTransform:
    def change(clip: Clip, parameters: Parameters) -> Clip:
        edit = EDITS[name].change
        return replace(clip, frames=Mapped(clip.frames, lambda frame: edit(frame, parameters)))

    return _VideoTransform(EDITS[name].draw, change)


def _low_bitrate(parameters: Parameters) -> Encoding:
    options = {"preset": "superfast", "crf": str(parameters["crf"])}
    return Encoding("libx264", options, sound_bits_per_s=48_000)


_VP9 = {"deadline": "realtime", "cpu-used": "8", "crf": "38", "b": "0"}
_HEVC = {"preset": "ultrafast", "crf": "30", "x265-params": "log-level=none:pools=none"}

VIDEO_TRANSFORMS: dict[str, _VideoTransform] = {
    **{name: _picture_edit(name) for name in EDITS},
    "reencode": _VideoTransform(
        lambda rng: {"crf": int(rng.integers(33, 38))}, encoding=_low_bitrate
    ),
    "vp9": _VideoTransform(
        suffix=".webm", encoding=lambda _: Encoding("libvpx-vp9", _VP9, "libopus", 64_000)
    ),
    "hevc": _VideoTransform(encoding=lambda _: Encoding("libx265", _HEVC)),
    "mpeg4": _VideoTransform(
        suffix=".avi",
        encoding=lambda _: Encoding("mpeg4", {"b": "700000"}, "libmp3lame", 96_000),
    ),
    "trim": _VideoTransform(lambda rng: {"keep": 0.5, "start": _round(rng, 0, 1)}, _trim),
    "insert": _VideoTransform(
        lambda rng: {
            "host": int(rng.integers(1 << 31)),
            "before_s": _round(rng, 3, 5),
            "after_s": _round(rng, 3, 5),
        },
        _insert,
    ),
    "intro": _VideoTransform(
        lambda rng: {"title": int(rng.integers(1 << 31)), "title_s": _round(rng, 2, 3)}, _intro
    ),
    "black_ends": _VideoTransform(
        lambda rng: {"before_s": _round(rng, 1, 3), "after_s": _round(rng, 1, 2)}, _black_ends
    ),
    "speed": _VideoTransform(lambda rng: {"factor": _round(rng, 0.8, 1.25)}, _speed),
    "speed_up": _VideoTransform(lambda _: {"factor": 1.25}, _speed),
    "slow_down": _VideoTransform(lambda _: {"factor": 0.8}, _speed),
    "resound": _VideoTransform(lambda rng: {"music": int(rng.integers(1 << 31))}, _resound),
    "mute": _VideoTransform(change=_mute),
    "gif": _VideoTransform(
        lambda rng: {"keep": 0.45, "start": _round(rng, 0, 1)}, _gif, suffix=".gif"
    ),
}


# Still pictures: encodings. The picture edits work on them as on frames.


def _exif_turned(picture: Picture, target: Path, parameters: Parameters) -> None:
    orientation = int(parameters["orientation"])
    stored = np.rot90(picture, k={3: 2, 6: 1, 8: -1}[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    write_image(target, np.ascontiguousarray(stored), quality=88, exif=exif)


def _jpeg(picture: Picture, target: Path, parameters: Parameters) -> None:
    write_image(target, picture, quality=int(parameters.get("quality", 88)))


def _lossless(picture: Picture, target: Path, _: Parameters) -> None:
    write_image(target, picture)


def _webp(picture: Picture, target: Path, parameters: Parameters) -> None:
    write_image(target, picture, quality=int(parameters["quality"]), method=2)


@dataclass(frozen=True)
class _ImageTransform:
    write: Callable[[Picture, Path, Parameters], None]
    draw: _Draw = _nothing
    suffix: str = ".jpg"


_IMAGE_ENCODINGS: dict[str, _ImageTransform] = {
    "jpeg": _ImageTransform(_jpeg, lambda rng: {"quality": int(rng.integers(18, 40))}),
    "png": _ImageTransform(_lossless, suffix=".png"),
    "webp": _ImageTransform(_webp, lambda rng: {"quality": int(rng.integers(40, 70))}, ".webp"),
    "exif_turn": _ImageTransform(
        _exif_turned, lambda rng: {"orientation": int(rng.choice([3, 6, 8]))}
    ),
}


# Sound files.


@dataclass(frozen=True)
class _SoundTransform:
    draw: _Draw = _nothing
    change: Callable[[Sound, Parameters], Sound] = lambda sound, _: sound
    suffix: str = ".mp3"
    bits_per_s: int = 96_000


AUDIO_TRANSFORMS: dict[str, _SoundTransform] = {
    "mp3": _SoundTransform(bits_per_s=48_000),
    "opus": _SoundTransform(suffix=".ogg", bits_per_s=32_000),
    **{name: _SoundTransform(edit.draw, edit.change) for name, edit in SOUND_EDITS.items()},
}

IDENTICAL = "identical"
"""A copy byte for byte under another name; for files of every kind."""

_ALL: dict[MediaKind, dict[str, tuple[_Draw, str]]] = {
    MediaKind.VIDEO: {name: (t.draw, t.suffix) for name, t in VIDEO_TRANSFORMS.items()},
    MediaKind.IMAGE: {
        **{name: (edit.draw, ".jpg") for name, edit in EDITS.items()},
        **{name: (t.draw, t.suffix) for name, t in _IMAGE_ENCODINGS.items()},
    },
    MediaKind.AUDIO: {name: (t.draw, t.suffix) for name, t in AUDIO_TRANSFORMS.items()},
}


def kind_of(path: Path | str) -> MediaKind:
    """The kind of a sample file, by its suffix."""
    suffix = Path(path).suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return MediaKind.IMAGE
    return MediaKind.AUDIO if suffix in AUDIO_SUFFIXES else MediaKind.VIDEO


def names(kind: MediaKind) -> tuple[str, ...]:
    """The transforms that exist for a kind of file."""
    return (*_ALL[kind], IDENTICAL)


def suffix(kind: MediaKind, transform: str) -> str | None:
    """The suffix a transform's target must have; None when it keeps its source's.

    Raises:
        ValueError: no such transform for this kind.
    """
    return None if transform == IDENTICAL else _found(kind, transform)[1]


def draw(kind: MediaKind, transform: str, rng: Generator) -> Parameters:
    """Pick a transform's parameters.

    Raises:
        ValueError: no such transform for this kind.
    """
    return {} if transform == IDENTICAL else _found(kind, transform)[0](rng)


def _found(kind: MediaKind, transform: str) -> tuple[_Draw, str]:
    try:
        return _ALL[kind][transform]
    except KeyError:
        raise ValueError(f"no transform {transform!r} for files of kind {kind}") from None


def apply(source: Path, target: Path, transform: str, rng: Generator) -> Parameters:
    """Make `target` of `source` with parameters drawn from `rng`, and return those.

    Raises:
        ValueError: no such transform for this kind of file, or nothing to decode in it.
    """
    parameters = draw(kind_of(source), transform, rng)
    apply_with(source, target, transform, parameters)
    return parameters


def apply_with(source: Path, target: Path, transform: str, parameters: Parameters) -> None:
    """Make `target` of `source` with parameters that `draw` gave earlier.

    Videos are read up to 640 pixels wide and a minute long. The target's suffix must be the one
    `suffix` tells.

    Raises:
        ValueError: as for `apply`.
    """
    kind = kind_of(source)
    if transform == IDENTICAL:
        shutil.copyfile(source, target)
        return
    _found(kind, transform)
    if kind is MediaKind.VIDEO:
        video = VIDEO_TRANSFORMS[transform]
        clip = video.change(read_clip(source), parameters)
        write_clip(target, clip, video.encoding(parameters))
    elif kind is MediaKind.AUDIO:
        sound = AUDIO_TRANSFORMS[transform]
        write_sound(target, sound.change(read_sound(source), parameters), sound.bits_per_s)
    elif transform in _IMAGE_ENCODINGS:
        _IMAGE_ENCODINGS[transform].write(read_image(source), target, parameters)
    else:
        picture = EDITS[transform].change(read_image(source), parameters)
        _jpeg(np.ascontiguousarray(picture), target, {})
