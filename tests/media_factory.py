"""Hostile and odd media files, built on the spot with PyAV and Pillow.

Every builder writes one file into a folder and returns its path. The pictures are a moving
pattern with real variety, so that the files can be fingerprinted too.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

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


def _encode_audio(
    container: av.container.OutputContainer,
    stream: av.AudioStream,
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
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        # Old codecs take no finer clock than their frame rate.
        clock = Fraction(1, rate) if times is None else Fraction(1, 12_800)
        stream.codec_context.time_base = clock
        if pixel_shape is not None:
            stream.codec_context.sample_aspect_ratio = pixel_shape
        if rotate:
            stream.set_display_rotation(rotate)
        sound = container.add_stream(audio, rate=48_000, layout="mono") if audio else None
        for time_s in shown:
            frame = av.VideoFrame.from_ndarray(pattern(time_s * 25, *size, seed=seed), "rgb24")
            frame.time_base = clock
            frame.pts = round(time_s / clock)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            _encode_audio(
                container, sound, tone(shown[-1] + 1 / rate, silent=silent), audio_start_s
            )
    return target


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


def _png(width: int, height: int, rows: Iterable[bytes], depth: int = 8, colour: int = 0) -> bytes:
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
    path.write_bytes(_png(side, side, (row for _ in range(side)), depth=1))
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
        stream = container.add_stream(_AUDIO_CODECS[extension], rate=48_000, layout="mono")
        _encode_audio(container, stream, tone(seconds, silent=silent))
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
    """Dimensions that are no multiple of a macroblock: the coded picture is padded to 16."""
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


def animation(folder: Path, extension: str, frames: int = 8, step_ms: int = 200) -> Path:
    """An animated gif, webp or png (APNG); one frame makes it a still."""
    path = folder / f"animated-{frames}.{extension}"
    pictures = [Image.fromarray(pattern(i * 5)) for i in range(frames)]
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=step_ms, loop=0, lossless=True
    )
    return path


def _photo() -> Image.Image:
    return Image.fromarray(pattern(3, 320, 180))


def _sixteen_bit() -> Image.Image:
    return Image.fromarray(np.asarray(_photo().convert("L"), dtype=np.uint16) * 257)


def _float() -> Image.Image:
    return Image.fromarray(np.asarray(_photo().convert("L"), dtype=np.float32) / 255)


def _alpha() -> Image.Image:
    picture = _photo().convert("RGBA")
    picture.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, 320), (180, 1)).astype(np.uint8)))
    return picture


_MODES: dict[str, tuple[str, Callable[[], Image.Image]]] = {
    "rgb": ("png", _photo),
    "gray": ("png", lambda: _photo().convert("L")),
    "bits": ("png", lambda: _photo().convert("1")),
    "cmyk": ("jpg", lambda: _photo().convert("CMYK")),
    "sixteen-bit": ("png", _sixteen_bit),
    "sixteen-bit-tiff": ("tiff", _sixteen_bit),
    "palette": ("png", lambda: _photo().quantize(64)),
    "alpha": ("png", _alpha),
    "gray-alpha": ("png", lambda: _alpha().convert("LA")),
    "float": ("tiff", _float),
    "integer": ("tiff", lambda: _sixteen_bit().convert("I")),
    "lab": ("tiff", lambda: Image.merge("LAB", _photo().convert("YCbCr").split())),
    "bmp": ("bmp", _photo),
    "avif": ("avif", _photo),
    "webp": ("webp", _photo),
}
IMAGE_MODES = tuple(_MODES)
"""Names for `image_in_mode`."""


def image_in_mode(folder: Path, mode: str) -> Path:
    """The same picture in one of ``IMAGE_MODES``."""
    extension, make = _MODES[mode]
    path = folder / f"{mode}.{extension}"
    make().save(path)
    return path


def exif_turned(folder: Path, orientation: int = 6, extension: str = "jpg") -> Path:
    """A picture stored so that EXIF's ``orientation`` (1..8) brings it upright."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    picture = _photo()
    if orientation in undo:
        picture = picture.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F], exif[0x0110] = "Acme", "Box 1"
    exif[0x0132] = "2024:05:06 07:08:09"
    path = folder / f"exif-{orientation}.{extension}"
    picture.save(path, exif=exif, quality=95)
    return path
