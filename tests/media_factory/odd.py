"""Valid videos and sound that are unlike most."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

from tests.media_factory.encoding import audio_stream, encode_audio, pattern, tone, video

_AUDIO_CODECS = {
    "wav": "pcm_s16le",
    "mp3": "libmp3lame",
    "m4a": "aac",
    "ogg": "libopus",
    "flac": "flac",
    "aac": "aac",
    "mp4": "aac",
}


def audio_alone(
    folder: Path, extension: str = "wav", seconds: float = 3.0, silent: bool = False
) -> Path:
    """Sound without pictures: wav, mp3, m4a, ogg, flac, aac, or an .mp4 with only sound."""
    path = folder / f"sound.{extension}"
    form = {"m4a": "ipod", "aac": "adts"}.get(extension)
    with av.open(str(path), "w", format=form) as container:
        stream = audio_stream(container, _AUDIO_CODECS[extension])
        encode_audio(container, stream, tone(seconds, silent=silent))
    return path


def one_frame(folder: Path) -> Path:
    """A video of a single picture."""
    return video(folder / "one-frame.mp4", times=[0.0])


VARIABLE_TIMES = (0.0, 0.1, 0.15, 0.2, 1.4, 1.45, 3.0, 3.04, 3.08, 6.0)


def variable_rate(folder: Path) -> Path:
    """A video whose pictures are shown at ``VARIABLE_TIMES``."""
    return video(folder / "variable.mp4", times=VARIABLE_TIMES, codec_options={"bf": "0"})


def ten_bit(folder: Path, codec: str = "libx264") -> Path:
    """10 bits a sample, in H.264 or H.265 (``libx265``)."""
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    return video(
        folder / f"ten-bit-{codec}.mp4",
        codec=codec,
        pixel_format="yuv420p10le",
        seconds=1,
        codec_options=options,
    )


def odd_size(folder: Path, size: tuple[int, int] = (131, 77)) -> Path:
    """Odd width and height, no chroma subsampling."""
    return video(folder / "odd.mp4", size=size, pixel_format="yuv444p", seconds=1)


def padded(folder: Path) -> Path:
    """Dimensions that are not multiples of a macroblock: the coded picture is padded to 16."""
    return video(folder / "padded.mp4", size=(150, 86), seconds=1)


def wide_pixels(folder: Path) -> Path:
    """Anamorphic: 120x90 stored, shown as 160x90."""
    return video(folder / "anamorphic.mp4", size=(120, 90), pixel_shape=Fraction(4, 3), seconds=1)


def many_groups(folder: Path) -> Path:
    """Several groups of pictures predicted both ways, and sound: most packets can be skipped."""
    return video(
        folder / "groups.mp4",
        seconds=6,
        audio="aac",
        codec_options={"g": "20", "bf": "3"},
    )


def still_with_sound(folder: Path) -> Path:
    """An .m4a with a cover picture: sound, not a video."""
    sound = audio_alone(folder, "m4a")
    path = folder / "cover.m4a"
    with av.open(str(sound)) as source, av.open(str(path), "w", format="mp4") as target:
        copy = target.add_stream_from_template(source.streams.audio[0])
        cover = target.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(pattern(0, 64, 64), "rgb24")
        target.mux(cover.encode(frame))
        target.mux(cover.encode(None))
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    return path


def grows(folder: Path, size: tuple[int, int] = (480, 270)) -> Path:
    """A transport stream whose pictures grow from 160x90 to ``size`` half way."""
    path = folder / "grows.ts"
    small = video(folder / "small.ts", seconds=1)
    large = video(folder / "large.ts", seconds=1, size=size)
    path.write_bytes(small.read_bytes() + large.read_bytes())
    return path


def silent_audio(folder: Path) -> Path:
    """A video with a sound track that says nothing."""
    return video(folder / "silent.mp4", audio="aac", silent=True)


def rotated(folder: Path, degrees: float = 90) -> Path:
    """A video turned by its display matrix, as phones write them."""
    return video(folder / f"rotated-{degrees:.0f}.mp4", rotate=degrees, seconds=1)
