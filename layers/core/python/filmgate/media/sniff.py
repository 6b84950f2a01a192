"""Identify a file by its first bytes, never by its name.

All work is linear in the length of the head: no regular expression here can backtrack over more
than one run of characters.
"""

from __future__ import annotations

from dataclasses import dataclass

from filmgate.errors import MediaRefused
from filmgate.media.model import MediaKind
from filmgate.media.sniff_text import decode_text, is_playlist, is_svg

HEAD_BYTES = 65_536
"""Length of the head that `sniff` expects, in bytes: room for an ID3 tag with a small cover
picture and for the chunks that precede the first picture of a PNG, and still one cheap read."""


@dataclass(frozen=True, slots=True)
class Sniffed:
    """The format that the first bytes indicate.

    Attributes:
        kind: a hint. A container may turn out to hold only sound, and GIF, WebP and PNG may hold
            one picture or several; `filmgate.media.probe.probe` decides.
        format: a key of ``CONTENT_TYPES``.
        content_type: the MIME type of the format.
    """

    kind: MediaKind
    format: str
    content_type: str


CONTENT_TYPES = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "apng": "image/apng",
    "gif": "image/gif",
    "webp": "image/webp",
    "tiff": "image/tiff",
    "bmp": "image/bmp",
    "avif": "image/avif",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "m4a": "audio/mp4",
    "matroska": "video/x-matroska",
    "webm": "video/webm",
    "avi": "video/x-msvideo",
    "mpegts": "video/mp2t",
    "mpeg": "video/mpeg",
    "flv": "video/x-flv",
    "ogg": "application/ogg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "aac": "audio/aac",
}

IMAGE_FORMATS = frozenset({"jpeg", "png", "tiff", "bmp", "avif"})
ANIMATED_FORMATS = frozenset({"apng", "gif", "webp"})
AUDIO_FORMATS = frozenset({"m4a", "wav", "flac", "mp3", "aac"})

_UNSUPPORTED: tuple[tuple[bytes, str], ...] = (
    (b"8BPS", "a Photoshop document"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"v/1\x01", "an OpenEXR picture"),
    (b"%!PS", "a PostScript document"),
    (b"SIMPLE  =", "a FITS image"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a Windows Media file"),
    (b".RMF", "a RealMedia file"),
    (b"FORM", "an AIFF or IFF file"),
    (b"caff", "a CAF sound file"),
    (b"#!AMR", "an AMR sound file"),
    (b"MThd", "a MIDI file"),
    (b"\x06\x0e\x2b\x34", "an MXF file"),
    (b"\x00\x00\x01\xb3", "a bare MPEG video stream"),
    (b"\x00\x00\x00\x01", "a bare H.264 or H.265 stream"),
    (b"DKIF", "an IVF file"),
)

# The boxes that may come first in an MP4 (ISO/IEC 14496-12) or QuickTime file.
_MP4_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})
# Brands of HEIF pictures coded with HEVC (ISO/IEC 23008-12).
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


def sniff(head: bytes) -> Sniffed:
    """Identify a file by its first ``HEAD_BYTES`` bytes (fewer if the file is shorter).

    Raises:
        MediaRefused: ``empty``, ``playlist``, ``unsupported`` or ``not_media``.
    """
    if not head:
        raise MediaRefused("empty", "The file is empty. Check the original and upload it again.")
    name = _picture(head) or _riff(head) or _container(head) or _sound(head)
    if name is None:
        _refuse_text(head)
        name = _framed(head)
    if name is None:
        _refuse_known(head)
        raise MediaRefused(
            "not_media",
            "The file is not a picture, a video or a sound that Filmgate knows. "
            "Check that it is the right file and that it is not encrypted or packed.",
        )
    return Sniffed(_kind(name, head), name, CONTENT_TYPES[name])


def _kind(name: str, head: bytes) -> MediaKind:
    if name in AUDIO_FORMATS:
        return MediaKind.AUDIO
    many_pictures = name == "apng" or (name == "gif" and head.count(b"\x21\xf9\x04") > 1)
    if many_pictures or (name == "webp" and b"ANIM" in head[:64]):
        return MediaKind.VIDEO
    if name in IMAGE_FORMATS or name in ANIMATED_FORMATS:
        return MediaKind.IMAGE
    return MediaKind.VIDEO


def _picture(head: bytes) -> str | None:
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        control, data = head.find(b"acTL"), head.find(b"IDAT")
        return "apng" if control >= 0 and (control < data or data < 0) else "png"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return "tiff"
    # The two reserved fields of a BITMAPFILEHEADER are zero; 26 bytes is the shortest header.
    if head.startswith(b"BM") and len(head) > 26 and head[6:10] == b"\x00\x00\x00\x00":
        return "bmp"
    return None


def _riff(head: bytes) -> str | None:
    if head[:4] not in (b"RIFF", b"RF64"):
        return None
    return {b"WEBP": "webp", b"WAVE": "wav", b"AVI ": "avi"}.get(head[8:12])


def _container(head: bytes) -> str | None:
    if head[4:8] in _MP4_BOXES:
        return _mp4(head)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        # The DocType element is part of the EBML header, which takes about 40 bytes.
        return "webm" if b"webm" in head[:128] else "matroska"
    if head.startswith(b"OggS"):
        return "ogg"
    if head.startswith(b"FLV\x01"):
        return "flv"
    if head.startswith(b"\x00\x00\x01\xba"):
        return "mpeg"
    return None


def _mp4(head: bytes) -> str:
    if head[4:8] != b"ftyp":
        return "mov"
    # Real files list fewer than ten brands of four bytes each.
    size = min(int.from_bytes(head[:4], "big"), 512)
    brand = head[8:12]
    brands = {brand, *(head[i : i + 4] for i in range(16, size - 3, 4))}
    if b"avis" in brands:
        return "mp4"
    if b"avif" in brands:
        return "avif"
    if brand in _HEIF_BRANDS:
        raise MediaRefused(
            "unsupported",
            "HEIC and HEIF pictures cannot be read here. Export the picture as JPEG or PNG "
            "and upload that.",
        )
    if brand in (b"M4A ", b"M4B ", b"F4A "):
        return "m4a"
    return "mov" if brand == b"qt  " else "mp4"


def _sound(head: bytes) -> str | None:
    if head.startswith(b"fLaC"):
        return "flac"
    if not head.startswith(b"ID3") or len(head) < 10:
        return None
    # ID3v2, section 3.1: four bytes of seven bits each.
    size = sum(
        (byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True)
    )
    after = head[10 + size :]
    if after.startswith(b"fLaC"):
        return "flac"
    return "aac" if _is_adts(after) else "mp3"


def _framed(head: bytes) -> str | None:
    """Return a format that has no signature but repeats its frame header.

    These checks run last because other data can match them by chance.
    """
    # ISO/IEC 13818-1: packets of 188 bytes; Blu-ray puts four bytes of arrival time before each.
    for packet, lead in ((188, 0), (192, 4)):
        marks = head[lead : lead + packet * 8 : packet]
        if len(marks) >= 3 and set(marks) == {0x47}:
            return "mpegts"
    if _is_adts(head):
        return "aac"
    return "mp3" if _is_mp3(head) else None


def _is_adts(head: bytes) -> bool:
    """Whether three ADTS frames follow each other (ISO/IEC 13818-7, 6.2; a header has 7 bytes)."""
    at = 0
    for _ in range(3):
        if len(head) < at + 7 or head[at] != 0xFF or head[at + 1] & 0xF6 != 0xF0:
            return False
        length = (head[at + 3] & 3) << 11 | head[at + 4] << 3 | head[at + 5] >> 5
        if length < 7:
            return False
        at += length
    return True


def _is_mp3(head: bytes) -> bool:
    """Whether three Layer III frames follow each other."""
    at = 0
    for _ in range(3):
        length = _mp3_frame_bytes(head[at : at + 4])
        if length == 0:
            return False
        at += length
    return True


def _mp3_frame_bytes(header: bytes) -> int:
    """Return the length in bytes of the Layer III frame that starts with this header.

    The tables are those of ISO/IEC 11172-3 and 13818-3. The length is 0 where the four bytes
    are not such a header.
    """
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, rate_index, bitrate_index = (
        header[1] >> 3 & 3,
        header[2] >> 2 & 3,
        header[2] >> 4,
    )
    if version == 1 or rate_index == 3 or bitrate_index in (0, 15):
        return 0
    mpeg1 = version == 3
    table = (
        (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
        if mpeg1
        else (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    )
    rate = (44_100, 48_000, 32_000)[rate_index] // {3: 1, 2: 2, 0: 4}[version]
    padding = header[2] >> 1 & 1
    return (144 if mpeg1 else 72) * table[bitrate_index - 1] * 1000 // rate + padding


def _refuse_text(head: bytes) -> None:
    text = decode_text(head)
    if text is None:
        return
    if is_playlist(text):
        raise MediaRefused(
            "playlist",
            "The file is a playlist or manifest that points to media elsewhere; Filmgate "
            "fetches nothing. Upload the video itself.",
        )
    if is_svg(text):
        raise MediaRefused(
            "unsupported",
            "SVG drawings cannot be read here. Export the drawing as PNG and upload that.",
        )
    raise MediaRefused(
        "not_media",
        "The file holds text, not a picture, a video or a sound. Check that it is the right file.",
    )


def _refuse_known(head: bytes) -> None:
    for magic, description in _UNSUPPORTED:
        if head.startswith(magic):
            raise MediaRefused(
                "unsupported",
                f"The file looks like {description}, which cannot be read here. Convert it to MP4, "
                "JPEG, PNG or WAV and upload that.",
            )
