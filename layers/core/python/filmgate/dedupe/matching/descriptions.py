"""Verdicts in plain English: for the reason, the terminal and the report. Does not import NumPy."""

from __future__ import annotations

from filmgate.dedupe.matching.model import MatchClass, Transform

_RIGHT_ANGLES = {
    90: "rotated 90 degrees clockwise",
    180: "rotated 180 degrees",
    270: "rotated 90 degrees counterclockwise",
}
"""Names of the rotations by right angles, by clockwise degrees."""
_MIN_SPEED_CHANGE = 0.005
"""Smaller changes of speed would show as 1.00x and are left out."""
_MIN_TILT_DEG = 0.05
"""Smaller rotations would show as 0.0 degrees and are left out."""
_SHOWN_PROBABILITIES = (0.001, 0.999)
"""Probabilities are shown within these bounds, so that three decimals never read 0 or 1."""


def list_changes(transform: Transform) -> list[str]:
    """List what was done to `a` to get `b`, such as ["mirrored", "1.25x faster", "cropped"].

    The list is empty where nothing was found: re-encoding or resizing is not detected. Being a
    part of the other is a relation, not a change.
    """
    speed = _describe_speed(transform.speed)
    rotation = _RIGHT_ANGLES.get(transform.turn, f"rotated {transform.turn} degrees")
    changes = [
        ("mirrored", transform.mirror),
        (rotation, transform.turn),
        (f"tilted by {transform.tilt:.1f} degrees", abs(transform.tilt) >= _MIN_TILT_DEG),
        (speed, speed),
        ("cropped", transform.crop),
        ("with an overlay", transform.overlaid),
        ("with black bars added or removed", transform.barred),
        ("with blank ends added or removed", transform.padded),
        ("slightly shorter or longer", transform.trimmed),
        ("recoloured", transform.recoloured),
        ("with different sound", transform.audio_replaced),
        ("with the sound added or removed", transform.audio_removed),
    ]
    return [description for description, applies in changes if applies]


def _describe_speed(speed: float) -> str:
    """Return an empty string where the speed is about the same."""
    if abs(speed - 1.0) < _MIN_SPEED_CHANGE or speed <= 0:
        return ""
    return f"{speed:.2f}x faster" if speed > 1 else f"{1 / speed:.2f}x slower"


def describe_transform(transform: Transform) -> str:
    """List the changes in one line, and whether it is a part: "mirrored, a part of the time"."""
    if transform.identical_bytes:
        return "identical bytes"
    part = ["a part of the time"] if transform.partial else []
    return ", ".join([*list_changes(transform), *part]) or "no change found"


def describe_relation(match_class: MatchClass, transform: Transform) -> str:
    """Return `describe_transform` for copies; for lookalikes, that they do not prove a copy."""
    if match_class is MatchClass.SIMILAR and not transform.partial:
        return "similar, not proof of a copy"
    return describe_transform(transform)


def describe_probability(probability: float, calibrated_on: str | None) -> str:
    """Return a probability, never shown as 0 or 1, such as "0.987 (as calibrated on …)"."""
    lowest, highest = _SHOWN_PROBABILITIES
    shown = f"{min(max(probability, lowest), highest):.3f}"
    return f"{shown} (as calibrated on {calibrated_on})" if calibrated_on else shown


def timecode(seconds: float) -> str:
    """Format seconds as "0:03.5" or "1:02:03.5"; a negative time keeps its sign."""
    tenths = round(abs(seconds) * 10)
    sign = "-" if seconds < 0 and tenths else ""
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{sign}{head}:{rest // 10:02d}.{rest % 10}"
