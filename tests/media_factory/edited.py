"""Edit lists, as editing software writes them: pieces of a track in any order."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path


def edited(path: Path, edits: Sequence[tuple[float, float]], handler: bytes = b"vide") -> Path:
    """Give the first track with this handler a new edit list; the index must come last.

    Args:
        edits: (from second, -1 for nothing; seconds).
    """
    content = path.read_bytes()
    start, moov = next(box for box in _boxes(content) if box[1][4:8] == b"moov")
    assert start + len(moov) == len(content), "what follows the index would move"
    parts = [box for _, box in _boxes(moov[8:])]
    at = next(n for n, p in enumerate(parts) if p[4:8] == b"trak" and handler in p)
    movie_scale = _scale(next(p for p in parts if p[4:8] == b"mvhd"))
    pieces = [box for _, box in _boxes(parts[at][8:]) if box[4:8] != b"edts"]
    media = next(p for p in pieces if p[4:8] == b"mdia")
    media_scale = _scale(next(box for _, box in _boxes(media[8:]) if box[4:8] == b"mdhd"))
    rows = b"".join(
        struct.pack(
            ">IiI",
            round(seconds * movie_scale),
            -1 if begin < 0 else round(begin * media_scale),
            0x10000,
        )
        for begin, seconds in edits
    )
    edts = _box(b"edts", _box(b"elst", struct.pack(">II", 0, len(edits)) + rows))
    # Some writers put it first, some after the header; nothing asks for either.
    parts[at] = _box(b"trak", b"".join([pieces[0], edts, *pieces[1:]]))
    path.write_bytes(content[:start] + _box(b"moov", b"".join(parts)))
    return path


def _boxes(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 8 <= len(content):
        size = int.from_bytes(content[at : at + 4])
        yield at, content[at : at + size]
        at += size


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _scale(header: bytes) -> int:
    assert header[8] == 0
    return int.from_bytes(header[20:24])
