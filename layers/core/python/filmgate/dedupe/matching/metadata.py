"""Similarity of container metadata: duration, aspect ratio, frame rate, creation time, camera."""

from __future__ import annotations

from filmgate.media.model import MediaInfo


def metadata_similarity(a: MediaInfo, b: MediaInfo) -> float | None:
    """Return the mean agreement of the properties that both sides state, 0..1.

    None where they have none in common.
    """
    agreements = [
        _ratio(a.duration_s, b.duration_s),
        _ratio(_aspect_ratio(a), _aspect_ratio(b)),
        _ratio(a.frame_rate, b.frame_rate),
        _equality(a.created_at, b.created_at),
        _equality(a.camera, b.camera),
    ]
    stated = [agreement for agreement in agreements if agreement is not None]
    return round(sum(stated) / len(stated), 4) if stated else None


def _aspect_ratio(info: MediaInfo) -> float | None:
    return info.width / info.height if info.width and info.height else None


def _ratio(a: float | None, b: float | None) -> float | None:
    return min(a, b) / max(a, b) if a and b else None


def _equality(a: str | None, b: str | None) -> float | None:
    return float(a == b) if a and b else None
