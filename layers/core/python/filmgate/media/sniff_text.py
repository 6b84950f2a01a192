"""Recognise text files: playlists, manifests and drawings that must not reach a decoder.

Every function is linear in the length of the text. What precedes the root element of an XML
document is skipped by a loop that only moves forward, because one regular expression for a
repeated choice of blanks, comments and declarations can be matched in exponentially many ways.
"""

from __future__ import annotations

import re

_BLANKS = re.compile(r"\s*")
_PLAYLIST_START = re.compile(
    r"#EXTM3U|#EXT-X-|ffconcat\s+version|\[playlist\]|\[reference\]|RTSPtext|v=0\s+o="
    r"|(?:rtsp|rtmp|mms|udp|https?)://",
    re.IGNORECASE,
)
# A namespace prefix is a few letters; the bound keeps a long word from being scanned for a colon.
_MANIFEST_ROOT = re.compile(
    r"<(?:[\w-]{1,64}:)?(?:MPD|SmoothStreamingMedia|smil|asx|playlist|rss)\b", re.IGNORECASE
)
_SVG_ROOT = re.compile(r"<svg\b", re.IGNORECASE)
_SVG_REACH = 4096
"""Characters in which the `<svg` of a drawing is looked for; licences in comments precede it."""
_DOCTYPE = "<!DOCTYPE"
_DOCTYPE_END = re.compile(r"[\[>]")
_CUT_BYTES = 4
"""A head that ends inside a character leaves at most so many bytes that cannot be decoded: the
longest character of UTF-8 and of UTF-16 has four."""


def decode_text(head: bytes) -> str | None:
    """Decode UTF-8 or UTF-16 text without its byte order mark; None where the head is not text."""
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = head[: len(head) & ~1 if encoding == "utf-16" else None].decode(encoding)
    except UnicodeDecodeError as error:
        # A head that ends inside a character is still text.
        if error.start < len(head) - _CUT_BYTES:
            return None
        text = head[: error.start].decode(encoding, "ignore")
    text = text.lstrip("\ufeff")
    control = sum(character < " " and character not in "\t\n\r\f\x1b" for character in text)
    return None if control else text


def is_playlist(text: str) -> bool:
    """Whether a text is a playlist, a manifest or a session description."""
    if _PLAYLIST_START.match(text, _skip_blanks(text, 0)):
        return True
    return _MANIFEST_ROOT.match(text, skip_prolog(text)) is not None


def is_svg(text: str) -> bool:
    """Whether a text is an SVG drawing."""
    return _SVG_ROOT.search(text, 0, _SVG_REACH) is not None


def skip_prolog(text: str) -> int:
    """Return the index after the prolog of an XML document (XML 1.0, section 2.8).

    The prolog is any sequence of blanks, comments, processing instructions and document type
    declarations. The index stays before an item that has no end.
    """
    at = _skip_blanks(text, 0)
    while (end := _item_end(text, at)) is not None:
        at = _skip_blanks(text, end)
    return at


def _item_end(text: str, at: int) -> int | None:
    """Return the index after the prolog item that starts here; None where none does or ends."""
    if text.startswith("<!--", at):
        return _after(text, "-->", at + 4)
    if text.startswith("<?", at):
        return _after(text, "?>", at + 2)
    if text[at : at + len(_DOCTYPE)].upper() == _DOCTYPE:
        stop = _DOCTYPE_END.search(text, at)
        if stop is None or stop[0] == ">":
            return stop and stop.end()
        # An internal subset in brackets may contain ">" itself.
        subset_end = _after(text, "]", stop.end())
        return None if subset_end is None else _after(text, ">", subset_end)
    return None


def _after(text: str, closing: str, start: int) -> int | None:
    at = text.find(closing, start)
    return None if at < 0 else at + len(closing)


def _skip_blanks(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    return at if blanks is None else blanks.end()
