"""The constants of candidate search and compaction, in one place."""

from __future__ import annotations

from typing import Literal

from filmgate.model import FrozenModel
from filmgate.settings import Environment

MERGE_MEMORY = 4.5
"""Memory that a merge takes at most, in bytes for each byte of its input: the mapped segments and
the items read, the entries made of them, the joined arrays, and what sorts these. Films were
measured at 3.6, images, whose entries are small, at 4.1."""


class IndexSettings(FrozenModel):
    """Distances in bits of 256, counts in landmarks, frames or entries, sizes in bytes.

    Attributes:
        frame_radius: most bits by which two frames of the same picture may differ.
        crop_radius: the same, between a crop and a whole frame.
        strip_radius: the same, between crops of both: pictures with a banner over an edge.
        min_frame_hits: query frames and crops with a counterpart that make a candidate.
        min_audio_votes: landmarks that agree on one offset, beyond chance, that make a candidate.
        keypoint_radius: most bits of 63 by which two keypoints of the same spot may differ.
        keypoint_key_bits: highest bits by which the keypoints of a large segment are looked up;
            those of a small one are looked up by fewer.
        keypoint_probes: buckets that are looked into for each keypoint of the query.
        keypoint_bucket: keypoints compared in one of them at most.
        min_keypoint_votes: keypoints that agree on one scale and shift that make a candidate.
        hot_landmarks: a landmark hash that occurs more often in the whole index,
        hot_query_landmarks: or in one playback variant of the query, is not distinctive and is
            left out.
        compact_entries, compact_bytes: compaction waits until the delta has so many items, or so
            many bytes of them.
        max_compact_entries, max_compact_bytes: delta items that one run applies.
        fanout: so many segments of about one size are merged into one.
        max_segment_bytes: merging makes no larger segment. It takes MERGE_MEMORY times as much
            memory.
        grace_s: how long a merged segment is kept for searches that began before; longer than a
            search or a compaction can take.
        cache_bytes: disk used for segments.
        delta_cache_bytes: memory used for delta entries that a process has read.
    """

    frame_radius: int = 72
    crop_radius: int = 68
    strip_radius: int = 56
    min_frame_hits: int = 1
    min_audio_votes: int = 5
    keypoint_radius: int = 12
    keypoint_key_bits: int = 16
    keypoint_probes: int = 64
    keypoint_bucket: int = 1024
    min_keypoint_votes: int = 3
    hot_landmarks: int = 2000
    hot_query_landmarks: int = 64
    compact_entries: int = 64
    compact_bytes: int = 4 * 1024**2
    max_compact_entries: int = 1000
    max_compact_bytes: int = 64 * 1024**2
    fanout: int = 4
    max_segment_bytes: int = 256 * 1024**2
    grace_s: float = 3600.0
    cache_bytes: int = 1024**3
    delta_cache_bytes: int = 64 * 1024**2


class BandSettings(FrozenModel):
    """How hashes are divided into buckets, and how many of them. README.md explains the values.

    Attributes:
        bands: buckets that a hash goes into.
        band_bits: bits that must agree for two hashes to share a bucket.
        lowest_frequencies: the bits are taken from so many of the lowest frequencies, which
            copying changes least.
        bucket_capacity: entries of a bucket; reading so many still costs one unit (4 KB).
        unthinned_frames: assets with up to so many frames add all of them,
        frame_step: longer assets add only every `frame_step`-th frame.
        crops, crops_per_frame: most crops that an asset adds: so many, and more with its frames.
            A frame has 52, and an image with keypoints none.
        query_frames: frames of a query as they are and mirrored,
        query_rotated_frames: and in each of the other orientations.
        query_crops: crops of a query.
        radius: most bits by which two hashes that share a bucket may differ.
        landmark_pair_hops: two landmarks at most so far apart make a bucket together.
        landmark_fan_out: with how many landmarks after it one is paired.
        landmark_pair_share: the share of these pairs that is kept, chosen by their value.
        min_votes: pairs that agree on one offset that make a candidate.
        workers: concurrent requests.
    """

    bands: int = 10
    band_bits: int = 24
    lowest_frequencies: int = 64
    bucket_capacity: int = 64
    unthinned_frames: int = 32
    frame_step: int = 2
    crops: int = 48
    crops_per_frame: float = 0.5
    query_frames: int = 60
    query_rotated_frames: int = 20
    query_crops: int = 48
    radius: int = 72
    landmark_pair_hops: int = 3
    landmark_fan_out: int = 3
    landmark_pair_share: float = 0.125
    min_votes: int = 2
    workers: int = 16


class SearchSettings(Environment):
    """The candidate index of a deployment, and its constants as JSON."""

    index: Literal["segments", "bands"] = "segments"
    index_settings: IndexSettings = IndexSettings()
    band_settings: BandSettings = BandSettings()
