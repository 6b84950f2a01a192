"""Counts and shares in words, for the terminal and the report."""

from __future__ import annotations


def not_compared(passed_over: int) -> str:
    """What a file was not compared with, such as "3 candidates were not compared"."""
    counted = "1 candidate was" if passed_over == 1 else f"{passed_over} candidates were"
    return f"{counted} not compared, for lack of time"


def percent(share: float | None) -> str:
    """A share of 0..1 as "93 %" or "99.7 %", never rounded up to 100; a dash for None."""
    if share is None:
        return "-"
    value = share * 100
    if 99 <= value < 100:
        return f"{min(value, 99.9):.1f} %"
    return f"{value:.0f} %"
