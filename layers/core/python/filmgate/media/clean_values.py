"""Bring what a file says of itself to values that can be stored and compared.

A file may state anything: tags of megabytes, control characters, halves of characters, dates that
are none, rates that are not numbers. The bounds below are far above what real files state.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator

MAX_TEXT = 200
"""Characters of a stored text. The longest names of cameras and codecs have about fifty."""
_READ_TEXT = 4096
"""Characters looked at to find so many that can be kept."""
MAX_FRAME_RATE = 10_000.0
"""Pictures a second. The fastest cameras of ordinary containers stay below; a greater value is
the tick of a clock taken for a rate."""
MAX_DURATION_S = 1e9
"""Seconds, thirty years; keeps the claim of a longer file a number that any limit refuses."""
MAX_SIDE = 1_000_000
"""Pixels; FFmpeg's codecs and image formats end at 65,535, and pixel shapes make five of one."""
MAX_AUDIO_RATE_HZ = 10_000_000
"""Samples a second; one-bit sound (DSD512) has 22 million, which FFmpeg states divided by 8."""
MAX_AUDIO_CHANNELS = 1024
"""Channels; sound fields of the seventh order have 64."""

_EXIF_TIME = re.compile(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d", re.ASCII)
_ISO_TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?(?:Z|[+-]\d\d:?\d\d|UTC))?)?",
    re.ASCII,
)


def clean_text(value: Any) -> str | None:
    """Return a text without control characters and lone surrogates, of at most ``MAX_TEXT``
    characters; None where nothing is left.
    """
    if value is None:
        return None
    text = value if isinstance(value, str) else str(value)
    text = "".join(filter(_storable, text[:_READ_TEXT]))
    return text.strip()[:MAX_TEXT].strip() or None


def _storable(character: str) -> bool:
    code = ord(character)
    return code >= 0x20 and not 0x7F <= code <= 0x9F and not 0xD800 <= code <= 0xDFFF


def clean_timestamp(value: Any) -> str | None:
    """Return a date or date and time as the file writes it; None where it is not one.

    Forms: EXIF (``2024:05:06 07:08:09``) and ISO 8601, with or without time and zone. The text is
    kept because two copies that state the same time are recognised by it.
    """
    text = clean_text(value)
    if text is None:
        return None
    if _EXIF_TIME.fullmatch(text):
        parsed = text[:10].replace(":", "-") + text[10:]
    elif _ISO_TIME.fullmatch(text):
        # Fractions and zones do not decide whether the date and the time exist.
        parsed = text[:19] if len(text) > 16 and text[16] == ":" else text[:16]
    else:
        return None
    try:
        datetime.fromisoformat(parsed)
    except ValueError:
        return None
    return text


def clean_number(value: Any, low: float, high: float) -> float | None:
    """Return a finite number from ``low`` to ``high``; None for any other value."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and low <= number <= high else None


def clean_duration(value: Any) -> float:
    """Return seconds from 0 to ``MAX_DURATION_S``; 0 for what is not a number."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return 0.0
    except OverflowError:
        return MAX_DURATION_S
    return min(max(0.0, seconds), MAX_DURATION_S) if not math.isnan(seconds) else 0.0


def _clean_count(high: int) -> BeforeValidator:
    def clean(value: Any) -> int | None:
        number = clean_number(value, 1, high)
        return None if number is None else int(number)

    return BeforeValidator(clean)


def _clean_rate(value: Any) -> float | None:
    rate = clean_number(value, 0.0, MAX_FRAME_RATE)
    return rate or None


Text = Annotated[str | None, BeforeValidator(clean_text)]
Timestamp = Annotated[str | None, BeforeValidator(clean_timestamp)]
Duration = Annotated[float, BeforeValidator(clean_duration)]
FrameRate = Annotated[float | None, BeforeValidator(_clean_rate)]
Side = Annotated[int | None, _clean_count(MAX_SIDE)]
AudioRate = Annotated[int | None, _clean_count(MAX_AUDIO_RATE_HZ)]
AudioChannels = Annotated[int | None, _clean_count(MAX_AUDIO_CHANNELS)]
