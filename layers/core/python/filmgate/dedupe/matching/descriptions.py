"""What a verdict says, in words: for its reason, the terminal and the report. No arrays here."""

from __future__ import annotations

from filmgate.dedupe.matching.model import MatchClass, Transform

TURNS = {90: "turned a quarter right", 180: "turned upside down", 270: "turned a quarter left"}
_SPEED_SHOWN = 0.005
_TILT_SHOWN = 0.05


def changes(transform: Transform) -> list[str]:
    """What was done to a to get b, such as ["mirrored", "1.25x faster", "cropped"].

    Empty where nothing was found: a re-encode or a resize leaves no trace here. That one holds a
    part of the other is a relation and no change.
    """
    pace = _pace(transform.speed)
    found = [
        ("mirrored", transform.mirror),
        (TURNS.get(transform.turn, f"turned by {transform.turn} degrees"), transform.turn),
        (f"tilted by {transform.tilt:.1f} degrees", abs(transform.tilt) >= _TILT_SHOWN),
        (pace, pace),
        ("cropped", transform.crop),
        ("with something laid over", transform.overlaid),
        ("with bars put on or taken away", transform.barred),
        ("with black ends put on or taken away", transform.padded),
        ("a little shorter or longer", transform.trimmed),
        ("recoloured", transform.recoloured),
        ("with other sound", transform.audio_replaced),
        ("with the sound taken away or added", transform.audio_removed),
    ]
    return [words for words, is_so in found if is_so]


def _pace(speed: float) -> str:
    if abs(speed - 1.0) < _SPEED_SHOWN or speed <= 0:
        return ""
    return f"{speed:.2f}x faster" if speed > 1 else f"{1 / speed:.2f}x slower"


def transform_words(transform: Transform) -> str:
    """The changes, and that it is a part, in one line, such as "mirrored, a part of the time"."""
    if transform.identical_bytes:
        return "identical bytes"
    part = ["a part of the time"] if transform.partial else []
    return ", ".join([*changes(transform), *part]) or "no change found"


def relation_words(match_class: MatchClass, transform: Transform) -> str:
    """`transform_words` of what is a copy; of what only looks alike, that it is no proof of one."""
    if match_class is MatchClass.SIMILAR and not transform.partial:
        return "alike, no proof of a copy"
    return transform_words(transform)


def probability_words(probability: float, calibrated_on: str | None) -> str:
    """A probability of 0..1, never shown as 0 or 1, such as "0.987 (as calibrated on …)"."""
    shown = f"{min(max(probability, 0.001), 0.999):.3f}"
    return f"{shown} (as calibrated on {calibrated_on})" if calibrated_on else shown


def clock(seconds: float) -> str:
    """Seconds as "0:03.5" or "1:02:03.5"; a negative time keeps its sign."""
    tenths = round(abs(seconds) * 10)
    sign = "-" if seconds < 0 and tenths else ""
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{sign}{head}:{rest // 10:02d}.{rest % 10}"
