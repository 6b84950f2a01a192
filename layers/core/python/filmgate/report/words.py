"""Counts and shares in words, for the terminal and the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filmgate.client.scan_result import OutsideMatch


def not_compared(passed_over: int) -> str:
    """How many candidates were not compared, such as "3 candidates were not compared"."""
    counted = "1 candidate was" if passed_over == 1 else f"{passed_over} candidates were"
    return f"{counted} not compared, for lack of time"


def describe_outside(matches: Sequence[OutsideMatch]) -> str:
    """How many files match how many that are not of the folder, such as "1 file here also matches
    2 files scanned before, outside this folder (1 exact, 0 near, 1 similar)"."""
    own = len({match.asset_id for match in matches})
    others = len({match.other_id for match in matches})
    classes = Counter(match.match_class.value for match in matches)
    by_class = ", ".join(f"{classes[name]} {name}" for name in ("exact", "near", "similar"))
    verb = "matches" if own == 1 else "match"
    return (
        f"{counted(own, 'file')} here also {verb} {counted(others, 'file')}"
        f" scanned before, outside this folder ({by_class})"
    )


def counted(count: int, noun: str) -> str:
    """Such as "1 file" or "2 files"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def percent(share: float | None) -> str:
    """A share of 0..1 as "93 %" or "99.7 %", never rounded up to 100; a dash for None."""
    if share is None:
        return "-"
    value = share * 100
    if 99 <= value < 100:
        return f"{min(value, 99.9):.1f} %"
    return f"{value:.0f} %"
