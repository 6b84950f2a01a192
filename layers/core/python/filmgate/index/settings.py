"""The constants of candidate search and compaction, in one place."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class IndexSettings(BaseModel):
    """Distances in bits of 256, counts in landmarks, frames or entries, sizes in bytes.

    Attributes:
        frame_radius: most bits by which two frames of the same picture may differ.
        crop_radius: the same, between a crop and a whole frame.
        strip_radius: the same, between crops of both: pictures with a banner over an edge.
        min_frame_hits: query frames and crops with a counterpart that make a candidate.
        min_audio_votes: landmarks agreeing on one offset that make a candidate.
        hot_landmarks: a landmark hash with more places than this in the whole index, or
        hot_query_landmarks: in the query, says nothing and is passed over.
        fold_entries, fold_bytes: compaction waits for so much of fresh entries (either is enough).
        max_fold_entries: fresh entries folded in one go.
        fanout: so many segments of about one size are merged into one.
        max_segment_bytes: segments above are not merged further.
        grace_s: how long a merged segment is kept for searches that began before; longer than a
            search or a compaction can take.
        cache_bytes: disk used for segments.
    """

    model_config = ConfigDict(frozen=True)

    frame_radius: int = 72
    crop_radius: int = 68
    strip_radius: int = 56
    min_frame_hits: int = 1
    min_audio_votes: int = 4
    hot_landmarks: int = 2000
    hot_query_landmarks: int = 64
    fold_entries: int = 64
    fold_bytes: int = 4 * 1024**2
    max_fold_entries: int = 1000
    fanout: int = 4
    max_segment_bytes: int = 256 * 1024**2
    grace_s: float = 3600.0
    cache_bytes: int = 1024**3
