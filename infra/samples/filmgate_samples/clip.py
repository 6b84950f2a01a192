"""Reading and writing the sample media: clips in memory, files through PyAV and Pillow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, overload

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Picture = NDArray[np.uint8]
"""uint8, shape (height, width, 3), RGB."""
Sound = NDArray[np.float32]
"""float32, shape (samples,), mono in [-1, 1] at `RATE_HZ`."""

RATE_HZ = 48_000
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
AUDIO_SUFFIXES = frozenset({".mp3", ".m4a", ".flac", ".ogg", ".wav"})


class Mapped(Sequence[Picture]):
    """A sequence of pictures changed one by one as they are read, so that none is held twice."""

    def __init__(self, base: Sequence[Picture], change: Callable[[Picture], Picture]) -> None:
        self._base = base
        self._change = change

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Picture]: ...
    def __getitem__(self, index: int | slice) -> Picture | Sequence[Picture]:
        if isinstance(index, slice):
            return Mapped(self._base[index], self._change)
        return self._change(self._base[index])

    def __len__(self) -> int:
        return len(self._base)


@dataclass(frozen=True)
class Clip:
    """A decoded video.

    Attributes:
        frames: pictures in order of time, all of one size.
        times_s: float64 (n,), presentation times in seconds, the first 0.0.
        frame_rate: frames per second it is written with.
        sound: mono samples at `RATE_HZ`, or None without a sound track.
    """

    frames: Sequence[Picture]
    times_s: NDArray[np.float64]
    frame_rate: float
    sound: Sound | None

    @property
    def duration_s(self) -> float:
        return float(self.times_s[-1]) + 1 / self.frame_rate

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.frames[0].shape[:2]
        return width, height


@dataclass(frozen=True)
class Encoding:
    """How a clip is written; the container follows from the file's suffix."""

    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=lambda: {"preset": "superfast", "crf": "25"})
    sound_codec: str = "aac"
    sound_bits_per_s: int = 96_000


def read_clip(
    path: Path, *, max_side: int = 640, start_s: float = 0.0, max_seconds: float = 60.0
) -> Clip:
    """Decode a video or an animated image.

    Args:
        max_side: larger pictures are scaled down so that the longer side is this many pixels.
        start_s: what comes earlier is left out.
        max_seconds: what comes later is left out; counted from the start of the file.

    Raises:
        ValueError: the file has no pictures there.
    """
    pictures: list[Picture] = []
    times: list[float] = []
    sounds: list[NDArray[Any]] = []
    with av.open(str(path)) as container:
        if not container.streams.video:
            raise ValueError(f"{path.name} has no pictures")
        video = container.streams.video[0]
        rate = float(video.average_rate or 25)
        audio = container.streams.audio[0] if container.streams.audio else None
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
        for frame in container.decode([s for s in (video, audio) if s is not None]):
            if not isinstance(frame, av.VideoFrame | av.AudioFrame):
                continue
            if not start_s <= (frame.time or 0.0) < max_seconds:
                continue
            if isinstance(frame, av.VideoFrame):
                pictures.append(_picture(frame, max_side))
                times.append(frame.time if frame.time is not None else len(times) / rate)
            else:
                sounds.extend(part.to_ndarray()[0] for part in resampler.resample(frame))
        if sounds:
            sounds.extend(part.to_ndarray()[0] for part in resampler.resample(None))
    if not pictures:
        raise ValueError(f"{path.name} has no pictures")
    sound = np.concatenate(sounds).astype(np.float32) if sounds else None
    return Clip(pictures, np.array(times) - times[0], rate, sound)


def _picture(frame: av.VideoFrame, max_side: int) -> Picture:
    scale = min(1.0, max_side / max(frame.width, frame.height))
    return frame.to_ndarray(
        format="rgb24", width=round(frame.width * scale), height=round(frame.height * scale)
    ).astype(np.uint8, copy=False)


def write_clip(path: Path, clip: Clip, encoding: Encoding) -> None:
    """Encode a clip at a constant frame rate; a GIF is written by Pillow at its own rate."""
    count = max(1, round(clip.duration_s * clip.frame_rate))
    grid = (np.arange(count) + 0.5) / clip.frame_rate
    chosen = np.searchsorted(clip.times_s, grid, side="right") - 1
    frames = (clip.frames[int(index)] for index in chosen)
    if path.suffix == ".gif":
        _write_gif(path, frames, clip.frame_rate)
        return
    write_video(path, frames, clip.frame_rate, clip.sound, encoding)


def _write_gif(path: Path, frames: Iterable[Picture], rate: float) -> None:
    images = [
        Image.fromarray(frame).quantize(64, method=Image.Quantize.FASTOCTREE) for frame in frames
    ]
    images[0].save(
        path, save_all=True, append_images=images[1:], duration=round(1000 / rate), loop=0
    )


def write_video(
    path: Path,
    frames: Iterable[Picture],
    frame_rate: float,
    sound: Sound | None,
    encoding: Encoding,
) -> None:
    """Encode pictures (cut to even sides) and sound, each with one thread for equal bytes."""
    fps = Fraction(frame_rate).limit_denominator(1001)
    with av.open(str(path), "w") as container:
        # PyAV types a stream made from a codec's name as any kind of stream.
        video: Any = container.add_stream(encoding.codec, rate=fps, options=dict(encoding.options))
        video.thread_count = 1
        video.pix_fmt = "yuv420p"
        audio: Any = None
        if sound is not None:
            audio = container.add_stream(encoding.sound_codec, rate=RATE_HZ)
            audio.layout = "mono"
            audio.bit_rate = encoding.sound_bits_per_s
        for index, picture in enumerate(frames):
            height, width = (side - side % 2 for side in picture.shape[:2])
            if index == 0:
                video.width, video.height = width, height
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(picture[:height, :width]), format="rgb24"
            )
            frame.pts = index
            frame.time_base = 1 / fps
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            _encode_sound(container, audio, sound)


def _encode_sound(container: Any, stream: Any, sound: Sound) -> None:
    frame = av.AudioFrame.from_ndarray(
        np.clip(sound, -1, 1)[None, :].astype(np.float32), format="flt", layout="mono"
    )
    frame.sample_rate = RATE_HZ
    frame.pts = 0
    frame.time_base = Fraction(1, RATE_HZ)
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def read_sound(path: Path) -> Sound:
    """Decode the first sound track to mono.

    Raises:
        ValueError: the file has no sound.
    """
    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise ValueError(f"{path.name} has no sound")
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
        parts = [
            part.to_ndarray()[0]
            for frame in container.decode(audio=0)
            for part in resampler.resample(frame)
        ]
        parts.extend(part.to_ndarray()[0] for part in resampler.resample(None))
    return np.concatenate(parts).astype(np.float32)


_SOUND_CODECS = {".mp3": "libmp3lame", ".m4a": "aac", ".flac": "flac", ".ogg": "libopus"}


def write_sound(path: Path, sound: Sound, bits_per_s: int = 128_000) -> None:
    """Encode a sound file; the codec follows from the suffix."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(_SOUND_CODECS[path.suffix], rate=RATE_HZ)
        stream.layout = "mono"
        stream.bit_rate = bits_per_s
        _encode_sound(container, stream, sound)


def read_image(path: Path) -> Picture:
    """Read a still picture upright, as RGB."""
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def write_image(path: Path, picture: Picture, **options: Any) -> None:
    """Write a still picture; the format follows from the suffix, options go to Pillow."""
    Image.fromarray(picture).save(path, **options)
