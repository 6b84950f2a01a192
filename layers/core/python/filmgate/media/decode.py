"""Decoding any accepted file in one pass, within limits."""

from __future__ import annotations

from pathlib import Path

from filmgate.media.limits import Limits
from filmgate.media.model import Decoded, Frame, MediaInfo, MediaKind
from filmgate.media.sniff import ANIMATED_FORMATS
from filmgate.media.timing import SampleClock


def decode(
    path: Path, info: MediaInfo, limits: Limits, *, sample_rate_hz: float, slack_s: float = 0.0
) -> Decoded:
    """Decode pictures and sound.

    A picture gives one `Frame` at 0.0. A video gives the first picture shown at or after each
    tick of a grid of ``sample_rate_hz``, always the first one; where that would exceed
    ``limits.max_sampled_frames`` the grid is made wider. Sound alone gives no frames. The sound
    is in ``Decoded.audio`` once the frames are consumed, index 0 at the first picture.

    Damaged packets are stepped over and counted. A file that ends early gives what is there,
    with ``Decoded.truncated`` set, as does reaching a limit.

    Args:
        path: a local file.
        info: what `filmgate.media.probe.probe` told of this file.
        limits: caps on size, time and memory.
        sample_rate_hz: pictures a second, above 0.
        slack_s: how long a video may go unseen where that saves decoding. With any, pictures may
            be a little later than their ticks, those shortly before a keyframe may be missing,
            and the filter that smooths blocks is left out where there are bits enough.

    Raises:
        MediaRefused: ``damaged`` when nothing can be decoded, or ``too_many_pixels``; raised
            while the frames are consumed, or at once for a picture.
    """
    if info.kind is MediaKind.IMAGE:
        from filmgate.media.image import picture  # noqa: PLC0415

        return Decoded(frames=iter([Frame(0.0, picture(path, info.format, limits))]))
    interval_s = max(1.0 / sample_rate_hz, info.duration_s / max(1, limits.max_sampled_frames - 1))
    clock = SampleClock(interval_s)
    if info.format in ANIMATED_FORMATS:
        from filmgate.media.animation import decode_animation  # noqa: PLC0415

        return decode_animation(path, info.format, limits, clock)
    from filmgate.media.video import decode_container  # noqa: PLC0415

    return decode_container(path, info, limits, clock, slack_s)
