"""Files that are small themselves and large once decoded."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from PIL import Image

from tests.media_factory.encoding import pattern
from tests.media_factory.refused import png_bytes


def large_video(folder: Path, size: tuple[int, int], frames: int, rate: int = 8) -> Path:
    """H.264 of plain pictures in groups of four, each shown 1/``rate`` seconds."""
    path = folder / f"large-{size[0]}-{frames}.mp4"
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "tune": "zerolatency", "g": "4", "bf": "0", "refs": "1"}
        stream = container.add_stream("libx264", rate=rate, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, rate)
        for number in range(frames):
            planes = np.full((size[1] * 3 // 2, size[0]), 40 + number, np.uint8)
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
            frame.time_base, frame.pts = Fraction(1, rate), number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def narrow_png(folder: Path, width: int, height: int) -> Path:
    """A whole, valid black PNG of one byte a pixel."""
    path = folder / f"narrow-{width}-{height}.png"
    row = bytes(1 + width)
    path.write_bytes(png_bytes(width, height, (row for _ in range(height))))
    return path


def run_length_bmp(folder: Path, width: int, height: int, data: bytes = b"\0\1") -> Path:
    """A BMP of RLE8; by default its data ends at once, and every pixel is black."""
    path = folder / f"rle-{width}-{height}.bmp"
    palette = b"".join(bytes((value, value, value, 0)) for value in range(256))
    offset = 14 + 40 + len(palette)
    header = struct.pack("<2sIHHI", b"BM", offset + len(data), 0, 0, offset)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(data), 0, 0, 256, 0)
    path.write_bytes(header + info + palette + data)
    return path


def tiled_tiff(folder: Path, tile: int) -> Path:
    """A TIFF of 16 x 16 pixels that claims a tile of so many pixels each way."""
    path = folder / f"tile-{tile}.tiff"
    entries = [
        (256, 16), (257, 16), (258, 8), (259, 1), (262, 1), (277, 1),
        (322, tile), (323, tile), (324, 8), (325, 1),
    ]  # fmt: skip
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    path.write_bytes(
        struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", len(entries)) + directory + bytes(4)
    )
    return path


def large_gif(folder: Path, side: int, frames: int) -> Path:
    """A GIF with a large canvas, each picture of which draws a single pixel."""
    path = folder / f"canvas-{side}-{frames}.gif"
    screen = struct.pack("<6sHHBBB", b"GIF89a", side, side, 0x80, 0, 0) + bytes((0, 0, 0, 9, 9, 9))
    picture = (
        b"\x21\xf9\x04\0\x05\0\0\0" + struct.pack("<BHHHHB", 0x2C, 0, 0, 1, 1, 0) + b"\x02\x02D\1\0"
    )
    path.write_bytes(screen + picture * frames + b";")
    return path


def outgrowing_gif(folder: Path, side: int) -> Path:
    """A GIF of one pixel whose second picture lies so far away."""
    path = folder / f"outgrowing-{side}.gif"
    screen = struct.pack("<6sHHBBB", b"GIF89a", 1, 1, 0x80, 0, 0) + bytes((0, 0, 0, 9, 9, 9))
    pictures = b"".join(
        b"\x21\xf9\x04\0\x05\0\0\0"
        + struct.pack("<BHHHHB", 0x2C, at, at, 1, 1, 0)
        + b"\x02\x02D\1\0"
        for at in (0, side - 1)
    )
    path.write_bytes(screen + pictures + b";")
    return path


def blocks_gif(folder: Path, blocks: int) -> Path:
    """A GIF whose picture consists of so many blocks of one byte."""
    path = folder / f"blocks-{blocks}.gif"
    screen = struct.pack("<6sHHBBB", b"GIF89a", 1, 1, 0x80, 0, 0) + bytes((0, 0, 0, 9, 9, 9))
    picture = struct.pack("<BHHHHB", 0x2C, 0, 0, 1, 1, 0) + b"\x02" + b"\1D" * blocks + b"\0"
    path.write_bytes(screen + picture + b";")
    return path


def large_webp(folder: Path, side: int, frames: int) -> Path:
    """A WebP with a large canvas, each picture of which is one frame of two pixels."""
    small = folder / "small.webp"
    Image.new("RGB", (2, 2)).save(small, lossless=True)
    bitstream = small.read_bytes()[12:]
    frame = struct.pack("<6xHBHB3sB", 1, 0, 1, 0, (40).to_bytes(3, "little"), 0) + bitstream
    parts = b"VP8X" + struct.pack("<IB3x", 10, 2) + 2 * (side - 1).to_bytes(3, "little")
    parts += b"ANIM" + struct.pack("<IIH", 6, 0, 0)
    parts += (b"ANMF" + struct.pack("<I", len(frame)) + frame) * frames
    path = folder / f"canvas-{side}-{frames}.webp"
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WEBP" + parts)
    return path


def large_apng(folder: Path, side: int, frames: int) -> Path:
    """An APNG with a large canvas, most pictures of which draw a single pixel."""
    path = folder / f"canvas-{side}-{frames}.png"
    plain = png_bytes(side, side, (bytes(1 + side) for _ in range(side)))
    _, header, body, end = _chunks(plain)
    pixel = next(chunk for chunk in _chunks(png_bytes(1, 1, [b"\0\0"])) if chunk[4:8] == b"IDAT")
    parts = [plain[:8], header, _chunk(b"acTL", struct.pack(">II", frames, 0))]
    parts += [_frame_control(0, side), body]
    for number in range(1, frames):
        parts.append(_frame_control(2 * number - 1, 1))
        parts.append(_chunk(b"fdAT", struct.pack(">I", 2 * number) + pixel[8:-4]))
    path.write_bytes(b"".join([*parts, end]))
    return path


def _frame_control(sequence: int, side: int) -> bytes:
    return _chunk(b"fcTL", struct.pack(">IIIIIHHBB", sequence, side, side, 0, 0, 1, 20, 0, 0))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _chunks(png: bytes) -> Iterator[bytes]:
    at = 8
    yield png[:8]
    while at < len(png):
        length = 12 + int.from_bytes(png[at : at + 4])
        yield png[at : at + length]
        at += length


def motion_jpeg_with_exif(folder: Path, orientation: int = 6) -> Path:
    """A video of JPEGs as cameras write them, each of which has an EXIF header of its own."""
    picture = folder / "picture.jpg"
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Acme"
    Image.fromarray(pattern(0)).save(picture, exif=exif)
    path = folder / "exif.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuvj420p"
        for number in range(5):
            packet = av.Packet(picture.read_bytes())
            packet.stream, packet.is_keyframe = stream, True
            packet.pts = packet.dts = number
            packet.time_base = Fraction(1, 25)
            container.mux(packet)
    return path
