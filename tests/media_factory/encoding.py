"""Pictures, sound, and files of both, as any encoder writes them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]


def pattern(index: float, width: int = 160, height: int = 90, seed: int = 1) -> Rgb:
    """One picture of a moving scene: uint8 (height, width, 3); a quarter of it is unlike the rest,
    so that mirrors and turns show."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = rng.uniform(0.02, 0.12, (3, 2))
    phase = rng.uniform(0, 6.28, 3)
    picture = np.stack(
        [
            127 + 100 * np.sin(waves[c, 0] * x + waves[c, 1] * y + phase[c] + index / 7)
            for c in range(3)
        ],
        axis=-1,
    )
    picture[: height // 3, : width // 3] = (250, 240, 20)
    left = int(index * 3) % max(1, width - width // 5)
    picture[height // 2 : height // 2 + height // 6, left : left + width // 5] = (10, 20, 200)
    return picture.clip(0, 255).astype(np.uint8)


def tone(seconds: float, rate: int = 48_000, silent: bool = False) -> NDArray[np.float32]:
    """Mono sound with changing pitch: float32 in [-0.5, 0.5]; zeros when silent."""
    t = np.arange(int(seconds * rate)) / rate
    wave = 0.5 * np.sin(2 * np.pi * (300 + 80 * np.floor(t * 4) % 700) * t)
    return (np.zeros_like(t) if silent else wave).astype(np.float32)


def encode_audio(
    container: OutputContainer,
    stream: AudioStream,
    samples: NDArray[np.float32],
    start_s: float = 0.0,
) -> None:
    rate = stream.rate
    resampler = av.AudioResampler(
        format=stream.format.name, layout=stream.layout.name, rate=rate, frame_size=1024
    )
    for at in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, at : at + 1024], "flt", "mono")
        frame.sample_rate = rate
        frame.time_base = Fraction(1, rate)
        frame.pts = at + int(start_s * rate)
        for piece in resampler.resample(frame):
            container.mux(stream.encode(piece))
    for piece in resampler.resample(None):
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))


def audio_stream(container: OutputContainer, codec: str) -> AudioStream:
    """A new track of one channel at 48 kHz."""
    stream = container.add_stream(codec, rate=48_000, layout="mono")
    assert isinstance(stream, AudioStream)
    return stream


def video(
    target: Path,
    *,
    seconds: float = 2.0,
    rate: int = 25,
    size: tuple[int, int] = (160, 90),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    codec_options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    container_format: str | None = None,
    times: Sequence[float] | None = None,
    audio: str | None = None,
    silent: bool = False,
    audio_start_s: float = 0.0,
    pixel_shape: Fraction | None = None,
    rotate: float = 0.0,
    seed: int = 1,
) -> Path:
    """Write a video.

    Args:
        times: presentation times in seconds for a variable frame rate, instead of ``rate``.
        audio: codec of a sound track, None for no track.
        pixel_shape: sample aspect ratio.
        rotate: degrees of the display matrix, counter-clockwise as FFmpeg counts.
    """
    shown = list(times) if times is not None else [i / rate for i in range(round(seconds * rate))]
    with av.open(
        str(target), "w", format=container_format, container_options=container_options or {}
    ) as container:
        stream = container.add_stream(codec, rate=rate, options=codec_options or {})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        # Old codecs take no finer clock than their frame rate.
        clock = Fraction(1, rate) if times is None else Fraction(1, 12_800)
        stream.codec_context.time_base = clock
        if pixel_shape is not None:
            stream.codec_context.sample_aspect_ratio = pixel_shape
        if rotate:
            stream.set_display_rotation(rotate)
        sound = audio_stream(container, audio) if audio else None
        for time_s in shown:
            frame = av.VideoFrame.from_ndarray(pattern(time_s * 25, *size, seed=seed), "rgb24")
            frame.time_base = clock
            frame.pts = round(time_s / clock)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            encode_audio(container, sound, tone(shown[-1] + 1 / rate, silent=silent), audio_start_s)
    return target
