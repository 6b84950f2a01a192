"""Opening containers with FFmpeg so that a file can name neither its demuxer nor the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from filmgate.errors import MediaRefused
from filmgate.media.limits import Limits
from filmgate.media.mp4_index_guard import check_index

if TYPE_CHECKING:
    import numpy as np
    from av.audio.stream import AudioStream
    from av.buffer import Buffer
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

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

# Seconds a single read may block; the file is local, so only a demuxer going round in circles
# gets here.
_IO_TIMEOUT_S = 30.0

_DAMAGED = (
    "The file is damaged or incomplete and cannot be read. Upload it again from the original."
)


@contextmanager
def open_container(path: Path, media_format: str, limits: Limits) -> Iterator[InputContainer]:
    """Open a local file with the demuxer its content asked for.

    Raises:
        MediaRefused: ``damaged``, also for errors of FFmpeg inside the ``with`` block, or
            ``too_large`` where its index claims too much.
    """
    import av  # noqa: PLC0415 - light callers must not load FFmpeg

    demuxer = DEMUXERS[media_format]
    if media_format == "wav":
        _check_riff(path)
    if demuxer == "mov":
        check_index(path, limits)
    container: InputContainer | None = None
    try:
        container = av.open(
            f"file:{path.resolve()}",
            mode="r",
            format=demuxer,
            # max_pixels reaches the decoders that FFmpeg opens by itself to learn about streams.
            options={"max_pixels": str(limits.max_video_pixels)},
            container_options={"protocol_whitelist": "file", "format_whitelist": demuxer},
            metadata_errors="replace",
            timeout=(_IO_TIMEOUT_S, _IO_TIMEOUT_S),
        )
        yield container
    except (av.FFmpegError, ValueError, RuntimeError, OverflowError) as error:
        raise MediaRefused("damaged", _DAMAGED) from error
    finally:
        if container is not None:
            container.close()


def _check_riff(path: Path) -> None:
    """Refuse a WAV file whose notes claim to be longer than the file.

    FFmpeg clears as much memory as they claim, up to 4 GB, before it reads them.
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
    """Return the largest real video stream; cover art and still thumbnails are none."""
    from av.stream import Disposition  # noqa: PLC0415

    stills = Disposition.attached_pic | Disposition.timed_thumbnails
    videos = [
        stream
        for stream in container.streams.video
        if not stream.disposition & stills and _decodable(stream)
    ]
    # A moving track beats a still of its size: animated AVIF holds both.
    return max(videos, key=lambda s: (s.width * s.height, s.frames), default=None)


def main_audio(container: InputContainer) -> AudioStream | None:
    """Return the sound to use: the default track, else the first that can be decoded."""
    from av.stream import Disposition  # noqa: PLC0415

    sounds = [stream for stream in container.streams.audio if _decodable(stream)]
    chosen = [stream for stream in sounds if stream.disposition & Disposition.default]
    return next(iter([*chosen, *sounds]), None)


def _decodable(stream: Stream) -> bool:
    # PyAV leaves the context out where this build of FFmpeg has no decoder.
    return stream.codec_context is not None


@dataclass(frozen=True, slots=True)
class Turn:
    """One of the eight ways a picture can be stored: transpose first, then flip."""

    transpose: bool = False
    flip_columns: bool = False
    flip_rows: bool = False

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn an array of shape (height, width, channels) upright; a view where possible."""
        if self.transpose:
            picture = picture.swapaxes(0, 1)
        rows = slice(None, None, -1 if self.flip_rows else 1)
        columns = slice(None, None, -1 if self.flip_columns else 1)
        return picture[rows, columns]


def turn_of(frame: VideoFrame) -> Turn:
    """Read how a decoded picture is to be turned from its display matrix (ISO/IEC 14496-12).

    Turns that are no multiple of 90 degrees go to the nearest one.
    """
    import numpy as np  # noqa: PLC0415

    side_data = frame.side_data.get("DISPLAYMATRIX")
    if side_data is None:
        return Turn()
    matrix = np.frombuffer(bytes(cast("Buffer", side_data)), dtype=np.int32)
    if matrix.size < 9:
        return Turn()
    # x' = a x + c y and y' = b x + d y.
    a, b, c, d = (int(matrix[i]) for i in (0, 1, 3, 4))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Turn(False, a < 0, d < 0)
    return Turn(True, c < 0, b < 0)


def display_size(stream: VideoStream, width: int, height: int, turn: Turn) -> tuple[int, int]:
    """Return (width, height) as shown: pixel shape and turn applied."""
    shape = stream.sample_aspect_ratio
    ratio = float(shape) if shape else 1.0
    # Beyond this a pixel shape is a mistake in the file, not an anamorphic picture.
    if not 0.2 <= ratio <= 5.0:
        ratio = 1.0
    width = max(1, round(width * ratio))
    return (height, width) if turn.transpose else (width, height)


def fit(width: int, height: int, side: int) -> tuple[int, int]:
    """Return the size scaled down, never up, so that its longer side is at most ``side``."""
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
