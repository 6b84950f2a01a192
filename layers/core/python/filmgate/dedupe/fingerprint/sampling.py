"""How densely the pictures of a video are sampled."""

from __future__ import annotations

from filmgate.media.model import MediaInfo

_RATE_HZ = 4.0
"""Pictures a second of most videos."""
_SHORT_RATE_HZ = 8.0
"""Pictures a second of a video of up to a minute (`_SHORT_FRAMES`); a longer one gets fewer."""
_SHORT_FRAMES = 480
"""480 pictures at 8 a second are one minute, at 4 a second two."""
_BRIEF_RATE_HZ = 16.0
"""Pictures a second of a clip of up to two seconds (`_BRIEF_FRAMES`): an alignment in time needs
a minimum of pictures."""
_BRIEF_FRAMES = 32
"""32 pictures at 16 a second are two seconds, at 8 a second four."""
_EXACT_S = 20.0
"""Videos of up to this length are sampled without gaps."""
_MAX_GAP_S = 0.5
"""See `max_sampling_gap_s`."""
_MAX_FRAMES = 14_400
"""One hour at 4 pictures a second; a longer video is sampled less often."""


def sample_rate(info: MediaInfo) -> float:
    """Pictures a second to sample: more of short clips, fewer of long videos.

    Two copies are rarely sampled at the same instants. The denser a video is sampled, the closer
    its pictures come to those of a copy, and most sampled pictures are decoded anyway.
    """
    if info.duration_s <= 0:
        return _SHORT_RATE_HZ
    short = min(_SHORT_RATE_HZ, _SHORT_FRAMES / info.duration_s)
    brief = min(_BRIEF_RATE_HZ, _BRIEF_FRAMES / info.duration_s)
    return min(max(_RATE_HZ, short, brief), _MAX_FRAMES / info.duration_s)


def max_sampling_gap_s(info: MediaInfo) -> float:
    """Seconds before a keyframe that may stay undecoded: none of a short video.

    Half of the second that the alignment in time bridges, so that one weak picture breaks nothing.
    """
    return _MAX_GAP_S if info.duration_s > _EXACT_S else 0.0
