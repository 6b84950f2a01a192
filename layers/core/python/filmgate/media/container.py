"""Open containers with FFmpeg so that a file chooses neither its demuxer nor a network address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filmgate.errors import MediaRefused
from filmgate.media.limits import Limits
from filmgate.media.memory import memory_is_short, out_of_memory, raise_if_out_of_memory
from filmgate.media.mp4_index_guard import check_index
from filmgate.media.mpegts_guard import check_programs

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

DEMUXERS = {
    "mp4": "mov",
    "mov": "mov",
    "m4a": "mov",
    "matroska": "matroska",
    "webm": "matroska",
    "avi": "avi",
    "mpegts": "mpegts",
    "mpeg": "mpeg",
    "flv": "flv",
    "ogg": "ogg",
    "wav": "wav",
    "flac": "flac",
    "mp3": "mp3",
    "aac": "aac",
}
"""FFmpeg's demuxer for each sniffed format; no other is ever tried."""

TICKS_PER_S = 1_000_000
"""The unit of the start and duration of a container in FFmpeg (``AV_TIME_BASE``)."""
_IO_TIMEOUT_S = 30.0
"""Seconds that a single read may take. The file is local, so that only a demuxer that runs in
circles reaches it."""

_DAMAGED = (
    "The file is damaged or incomplete and cannot be read. Upload it again from the original."
)


@contextmanager
def open_container(path: Path, media_format: str, limits: Limits) -> Iterator[InputContainer]:
    """Open a local file with the demuxer of its sniffed format.

    Raises:
        MediaRefused: ``damaged``, also for errors of FFmpeg inside the ``with`` block, or
            ``too_large`` where its index claims too much.
        TransientError: memory ran out.
    """
    import av  # noqa: PLC0415 - light callers must not load FFmpeg

    _check_claims(path, media_format, limits)
    container: InputContainer | None = None
    try:
        container = _opened(path, DEMUXERS[media_format], limits)
        yield container
    except MemoryError as error:
        raise out_of_memory() from error
    except (av.FFmpegError, ValueError, RuntimeError, OverflowError) as error:
        raise_if_out_of_memory(error)
        raise MediaRefused("damaged", _DAMAGED) from error
    finally:
        if container is not None:
            container.close()


def _check_claims(path: Path, media_format: str, limits: Limits) -> None:
    """Refuse what would cost FFmpeg much before it is opened."""
    demuxer = DEMUXERS[media_format]
    if demuxer == "wav":
        _check_riff(path)
    elif demuxer == "mov":
        check_index(path, limits)
    elif demuxer == "mpegts":
        check_programs(path)


def _opened(path: Path, demuxer: str, limits: Limits) -> InputContainer:
    import av  # noqa: PLC0415

    try:
        return av.open(
            f"file:{path.resolve()}",
            mode="r",
            format=demuxer,
            # max_pixels reaches the decoders that FFmpeg opens by itself to learn about streams.
            options={"max_pixels": str(limits.max_video_pixels)},
            container_options={"protocol_whitelist": "file", "format_whitelist": demuxer},
            metadata_errors="replace",
            timeout=(_IO_TIMEOUT_S, _IO_TIMEOUT_S),
        )
    except MemoryError as error:
        if memory_is_short():
            raise
        # FFmpeg also says so of a claim beyond 2 GB, and of more streams than it lists.
        raise ValueError("the file claims too much memory") from error


def _check_riff(path: Path) -> None:
    """Refuse a WAV file with a chunk before its samples that claims to exceed the file.

    FFmpeg clears as much memory as such a chunk claims, up to 4 GB, before it reads it.
    """
    end = path.stat().st_size
    with path.open("rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8 and head[:4] != b"data":
            size = int.from_bytes(head[4:], "little")
            if file.tell() + size > end:
                raise MediaRefused("damaged", _DAMAGED)
            file.seek(size + (size & 1), 1)


def main_video(container: InputContainer) -> VideoStream | None:
    """Return the largest video stream; cover art and still thumbnails do not count as video."""
    from av.stream import Disposition  # noqa: PLC0415

    stills = Disposition.attached_pic | Disposition.timed_thumbnails
    videos = [
        stream
        for stream in container.streams.video
        if not stream.disposition & stills and _decodable(stream)
    ]
    # A moving track precedes a still of its size: animated AVIF holds both.
    return max(videos, key=lambda video: (video.width * video.height, video.frames), default=None)


def main_audio(container: InputContainer) -> AudioStream | None:
    """Return the sound to use: the default track, else the first that can be decoded."""
    from av.stream import Disposition  # noqa: PLC0415

    sounds = [stream for stream in container.streams.audio if _decodable(stream)]
    defaults = [stream for stream in sounds if stream.disposition & Disposition.default]
    return next(iter([*defaults, *sounds]), None)


def _decodable(stream: Stream) -> bool:
    # PyAV gives a stream no context where this build of FFmpeg has no decoder.
    return stream.codec_context is not None
