"""Verdicts in words, for the terminal and the report."""

from __future__ import annotations

from filmgate.matching.model import Transform

TURNS = {90: "turned a quarter right", 180: "turned upside down", 270: "turned a quarter left"}
_SPEED_SHOWN = 0.005
_TILT_SHOWN = 0.05


def transform_words(transform: Transform) -> str:
    """What was done to a to get b, such as "mirrored, 1.25x faster, cropped".

    "no change found" where nothing was found: a re-encode or a resize leaves no trace here.
    """
    if transform.identical_bytes:
        return "identical bytes"
    words = []
    if transform.mirror:
        words.append("mirrored")
    if transform.turn:
        words.append(TURNS.get(transform.turn, f"turned by {transform.turn} degrees"))
    if abs(transform.tilt) >= _TILT_SHOWN:
        words.append(f"tilted by {transform.tilt:.1f} degrees")
    words += _speed_words(transform.speed)
    if transform.crop:
        words.append("cropped")
    if transform.overlaid:
        words.append("something laid over")
    if transform.partial:
        words.append("a part of the time")
    if transform.recoloured:
        words.append("recoloured")
    if transform.audio_replaced:
        words.append("other sound")
    if transform.audio_removed:
        words.append("sound taken away or added")
    return ", ".join(words) or "no change found"


def _speed_words(speed: float) -> list[str]:
    if abs(speed - 1.0) < _SPEED_SHOWN or speed <= 0:
        return []
    return [f"{speed:.2f}x faster" if speed > 1 else f"{1 / speed:.2f}x slower"]


def not_compared(passed_over: int) -> str:
    """What a file was not compared with, such as "3 candidates were not compared"."""
    counted = "1 candidate was" if passed_over == 1 else f"{passed_over} candidates were"
    return f"{counted} not compared, for lack of time"


def clock(seconds: float) -> str:
    """Seconds as "0:03.5" or "1:02:03.5"; a negative time keeps its sign."""
    sign = "-" if seconds < 0 else ""
    tenths = round(abs(seconds) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{sign}{head}:{rest // 10:02d}.{rest % 10}"


def percent(share: float | None) -> str:
    """A share of 0..1 as "93 %" or "99.7 %", never rounded up to 100; a dash for None."""
    if share is None:
        return "-"
    value = share * 100
    if 99 <= value < 100:
        return f"{min(value, 99.9):.1f} %"
    return f"{value:.0f} %"
