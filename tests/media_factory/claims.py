"""Small files that claim to hold far more than they do."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.media_factory.encoding import video


def _patched(path: Path, kind: bytes, at: int, *fields: int) -> Path:
    """Write 32-bit fields over the first box of a kind, counted from the end of its name."""
    content = bytearray(path.read_bytes())
    start = content.index(kind) + 4 + at
    struct.pack_into(f">{len(fields)}I", content, start, *fields)
    path.write_bytes(content)
    return path


def claims_samples(folder: Path, count: int = 50_000_000) -> Path:
    """An MP4 of some kilobytes whose index says that it has so many samples, all of one size."""
    return _patched(video(folder / "samples.mp4", seconds=1), b"stsz", 4, 1, count)


def claims_fragment(folder: Path, count: int = 50_000_000) -> Path:
    """A fragmented MP4 with a run of so many samples, of which nothing is said singly."""
    options = {"movflags": "frag_keyframe+empty_moov"}
    path = video(folder / "fragment.mp4", seconds=1, container_options=options)
    return _patched(path, b"trun", 0, 0, count)


def claims_edits(folder: Path, count: int = 1_000_000) -> Path:
    """An MP4 of 25 pictures that wants them shown so many times."""
    return _patched(video(folder / "edits.mp4", seconds=1), b"elst", 4, count)


def claims_hour(folder: Path) -> Path:
    """A MOV whose pictures, all of them sync samples, claim to last an hour: 90,000 of them."""
    path = video(folder / "hour.mov", seconds=1, codec="mjpeg", pixel_format="yuvj420p")
    _patched(path, b"stsz", 4, 1, 90_000)
    return _patched(path, b"stts", 8, 90_000)


def claims_raw_sound(folder: Path, samples: int = 2**31 - 1) -> Path:
    """A MOV of raw sound whose chunks claim so many samples each."""
    path = video(folder / "sound.mov", seconds=4, audio="pcm_s16le")
    content = path.read_bytes()
    sound = content.index(b"soun")
    at = content.index(b"stsc", sound) + 12
    content = content[: at + 4] + struct.pack(">I", samples) + content[at + 8 :]
    path.write_bytes(content)
    return path


def claims_long_index(folder: Path, size: int = 65 * 1024**2) -> Path:
    """An MP4 with a second index of so many bytes, all zero."""
    path = video(folder / "long.mp4", seconds=1)
    with path.open("r+b") as file:
        file.seek(0, 2)
        end = file.tell()
        file.write(struct.pack(">I4s", size, b"moov"))
        file.truncate(end + size)
    return path


def claims_boxes(folder: Path, count: int = 100_000) -> Path:
    """An MP4 followed by so many empty boxes."""
    path = video(folder / "boxes.mp4", seconds=1)
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", 8, b"free") * count)
    return path
