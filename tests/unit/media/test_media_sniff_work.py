"""Sniffing takes work in proportion to the head, whatever text the head holds."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmgate.errors import MediaRefused
from filmgate.media.sniff import sniff
from filmgate.media.sniff_text import is_playlist, skip_prolog

# So long that an algorithm of quadratic cost would take an hour.
LONG = 512 * 1024
SAFETY_NET_S = 120

REPEATED: dict[str, str] = {
    "comments": "<!---->",
    "comments and blanks": "<!-- a -->\n",
    "blanks": " ",
    "lines": "\r\n\t",
    "instructions": "<?a?>",
    "xml declarations": "<?xml version='1.0'?> ",
    "document types": "<!DOCTYPE html>",
    "document types with subsets": "<!DOCTYPE a [<!ENTITY b '>'>]>",
    "all of them": "<?a?> <!-- b --><!DOCTYPE c>\n",
    "byte order marks": "\ufeff",
    "open comments": "<!--",
    "open instructions": "<?",
    "open document types": "<!DOCTYPE",
    "open document types with subsets": "<!DOCTYPE[",
    "closings of subsets": "<!DOCTYPE[]",
    "angles": "<",
    "names": "a",
    "prefixes": "<a:",
    "dashes": "-",
    "schemes": "http:",
    "spaces after a keyword": "v=0 ",
    "svg": "<svg",
}
ENDS = ("", "x", "<html>", "<", "<!--", "<a:MPD")
STARTS = ("", "ffconcat", "v=0", "<", "<!--", "<!DOCTYPE", "<a")


@pytest.fixture(autouse=True)
def safety_net() -> Iterator[None]:
    """End a test that would not end by itself."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError("sniffing did not end")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SAFETY_NET_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _refusal(head: bytes) -> str:
    with pytest.raises(MediaRefused) as caught:
        sniff(head)
    return caught.value.code


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", REPEATED)
def test_long_repetitions_are_read_once(name: str, encoding: str) -> None:
    part = REPEATED[name]
    for start, end in zip(STARTS, (*ENDS, ""), strict=True):
        text = start + part * (LONG // len(part) // 4) + end
        assert _refusal(text.encode(encoding)) in {"not_media", "playlist", "unsupported"}


@pytest.mark.parametrize(
    "head", [b"<!---->" * 26 + b"x", b"<!-- a -->\n" * 25 + b"<html>", b" " * 65_536]
)
def test_ordinary_pages_and_blanks_are_not_media(head: bytes) -> None:
    assert _refusal(head) == "not_media"


def _lines_run(call: Callable[[], Any]) -> int:
    """Count the lines of Python that a call runs."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("name", REPEATED)
def test_steps_grow_with_the_length_at_most(name: str) -> None:
    short, long = (REPEATED[name] * count for count in (200, 2000))
    steps = _lines_run(lambda: skip_prolog(short))
    assert _lines_run(lambda: skip_prolog(long)) <= 10 * steps + 100


ITEMS = [
    " ",
    "\n",
    "<!-- MPD -->",
    "<!---->",
    "<?xml version='1.0'?>",
    "<?xml-stylesheet href='a>b'?>",
    "<!DOCTYPE smil PUBLIC 'a'>",
    "<!doctype a [<!ENTITY b '<MPD>'>] >",
]


@given(st.lists(st.sampled_from(ITEMS), max_size=30), st.sampled_from(["utf-8", "utf-16"]))
def test_any_prolog_is_skipped_whole(items: list[str], encoding: str) -> None:
    prolog = "".join(items)
    assert skip_prolog(prolog) == len(prolog)
    assert is_playlist(prolog + "<MPD>") and not is_playlist(prolog + "<html>")
    assert _refusal((prolog + "<smil>").encode(encoding)) == "playlist"


@pytest.mark.parametrize(
    "item", ["<!-- a", "<?xml", "<!DOCTYPE a", "<!DOCTYPE a [", "<!DOCTYPE []"]
)
def test_an_item_without_an_end_is_not_skipped(item: str) -> None:
    assert skip_prolog(f" {item}") == 1
    assert skip_prolog(f"<!-- b -->{item}") == len("<!-- b -->")
