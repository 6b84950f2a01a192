"""Files that cannot be used."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

from tests.media_factory.encoding import video


def empty_file(folder: Path) -> Path:
    """Nothing at all, called .mp4."""
    path = folder / "empty.mp4"
    path.write_bytes(b"")
    return path


def text_called_mp4(folder: Path) -> Path:
    """A letter, called .mp4."""
    path = folder / "letter.mp4"
    path.write_text("Dear Sir or Madam,\nplease find the video attached.\n" * 40)
    return path


def hls_called_mp4(folder: Path, url: str = "http://127.0.0.1:9/segment0.ts") -> Path:
    """An HLS playlist that points at ``url``, called .mp4."""
    path = folder / "playlist.mp4"
    path.write_text(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\n"
        f"{url}\n#EXT-X-ENDLIST\n"
    )
    return path


def dash_called_mp4(folder: Path, url: str = "http://127.0.0.1:9/") -> Path:
    """A DASH manifest that points at ``url``, called .mp4."""
    path = folder / "manifest.mp4"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<!-- made by hand -->\n'
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT10S"><Period><AdaptationSet mimeType="video/mp4">'
        f'<Representation id="1" bandwidth="1"><BaseURL>{url}</BaseURL></Representation>'
        "</AdaptationSet></Period></MPD>\n"
    )
    return path


def _half(path: Path) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def cut_in_half_index_first(folder: Path) -> Path:
    """A video whose second half is missing; the index comes first, so the first half plays."""
    return _half(
        video(
            folder / "half.mp4",
            seconds=12,
            audio="aac",
            container_options={"movflags": "+faststart"},
        )
    )


def cut_in_half_index_last(folder: Path) -> Path:
    """A video whose second half is missing, and the index with it: nothing can be read."""
    return _half(video(folder / "half-no-index.mp4", seconds=4))


def png_bytes(
    width: int, height: int, rows: Iterable[bytes], depth: int = 8, colour: int = 0
) -> bytes:
    """A PNG of these rows, each after its filter byte; grey by default."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row) for row in rows) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def huge_png(folder: Path, side: int = 50_000) -> Path:
    """A whole, valid black PNG of ``side`` squared pixels in a file of a few hundred kB."""
    path = folder / "huge.png"
    row = bytes(1 + side // 8)
    path.write_bytes(png_bytes(side, side, (row for _ in range(side)), depth=1))
    return path


def no_pictures(folder: Path) -> Path:
    """A Matroska file with subtitles and nothing else."""
    path = folder / "subtitles-only.mkv"

    def element(identity: str, data: bytes) -> bytes:
        size = (len(data) | 1 << 56).to_bytes(8, "big")
        return bytes.fromhex(identity) + size

    def wrap(identity: str, *parts: bytes) -> bytes:
        data = b"".join(parts)
        return element(identity, data) + data

    header = wrap(
        "1a45dfa3", wrap("4282", b"matroska"), wrap("4287", b"\x04"), wrap("4285", b"\x02")
    )
    info = wrap("1549a966", wrap("2ad7b1", (1_000_000).to_bytes(4, "big")))
    track = wrap(
        "ae",
        wrap("d7", b"\x01"),
        wrap("73c5", b"\x01"),
        wrap("83", b"\x11"),
        wrap("86", b"S_TEXT/UTF8"),
    )
    block = wrap(
        "a0", wrap("a1", b"\x81\x00\x00\x00" + b"Nobody is here."), wrap("9b", b"\x03\xe8")
    )
    cluster = wrap("1f43b675", wrap("e7", b"\x00"), block)
    path.write_bytes(header + wrap("18538067", info, wrap("1654ae6b", track), cluster))
    return path


def no_streams(folder: Path) -> Path:
    """An MP4 whose index lists no track."""
    path = folder / "no-streams.mp4"
    ftyp = struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 512, b"isom")
    mvhd = struct.pack(">I4sIIIII", 108, b"mvhd", 0, 0, 0, 1000, 0) + bytes(80)
    path.write_bytes(ftyp + struct.pack(">I4s", 8 + len(mvhd), b"moov") + mvhd)
    return path
