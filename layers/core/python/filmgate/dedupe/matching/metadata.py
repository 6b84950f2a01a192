"""What the containers say: length, shape, rate, and when and with what it was made."""

from __future__ import annotations

from filmgate.media.model import MediaInfo


def alike(a: MediaInfo, b: MediaInfo) -> float | None:
    """Mean agreement of the facts both sides state, 0..1; None when they share none."""
    agreements = [
        _ratio(a.duration_s, b.duration_s),
        _ratio(_shape(a), _shape(b)),
        _ratio(a.frame_rate, b.frame_rate),
        _equal(a.created_at, b.created_at),
        _equal(a.camera, b.camera),
    ]
    known = [agreement for agreement in agreements if agreement is not None]
    return round(sum(known) / len(known), 4) if known else None


def _shape(info: MediaInfo) -> float | None:
    return info.width / info.height if info.width and info.height else None


def _ratio(a: float | None, b: float | None) -> float | None:
    return min(a, b) / max(a, b) if a and b else None


def _equal(a: str | None, b: str | None) -> float | None:
    return float(a == b) if a and b else None
