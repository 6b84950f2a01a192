"""Decode any accepted file in one pass, within limits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from filmgate.media.consumers import Consumer, Depth, Serving
from filmgate.media.limits import Limits
from filmgate.media.memory import transient_memory_errors
from filmgate.media.model import Decoded, Frame, MediaInfo, MediaKind
from filmgate.media.sampling import STANDARD_SAMPLING, SamplingSpec
from filmgate.media.sniff import ANIMATED_FORMATS
from filmgate.media.timing import SampleClock


def decode(
    path: Path,
    info: MediaInfo,
    limits: Limits,
    *,
    sample_rate_hz: float,
    max_sampling_gap_s: float = 0.0,
    sampling: SamplingSpec = STANDARD_SAMPLING,
    consumers: Sequence[Consumer] = (),
) -> Decoded:
    """Decode pictures and sound.

    A picture gives one `Frame` at 0.0. A video gives the first picture shown at or after each
    tick of a grid of ``sample_rate_hz``, always including its first picture; where that would
    exceed ``limits.max_sampled_frames`` the grid is made wider. Sound alone gives no frames. The
    sound is in ``Decoded.audio`` once the frames are consumed, index 0 at the first picture.

    Damaged packets are skipped and counted. A file that ends early gives what is present, with
    ``Decoded.truncated`` set, and so does reaching a limit.

    Args:
        path: a local file.
        info: the result of `filmgate.media.probe.probe` for this file.
        limits: bounds on size, time and memory.
        sample_rate_hz: pictures a second, above 0.
        max_sampling_gap_s: the longest time of a video, in seconds, from which no picture need be
            sampled, where that saves decoding. Above 0, pictures may be a little later than their
            ticks, those shortly before a keyframe may be missing, and the deblocking filter is
            skipped where the bit rate is high. At 0 every tick gets its picture.
        sampling: the size of frames and the rate of the sound.
        consumers: take more from the same pass; they change nothing in what it yields.

    Raises:
        MediaRefused: ``damaged`` when nothing can be decoded, or ``too_many_pixels``; raised
            while the frames are consumed, or at once for a picture.
        TransientError: memory ran out; raised likewise.
    """
    return _decode(
        path,
        info,
        limits,
        sample_rate_hz=sample_rate_hz,
        max_sampling_gap_s=max_sampling_gap_s,
        sampling=sampling,
        serving=Serving(consumers),
    )


def decode_for(
    consumers: Sequence[Consumer],
    path: Path,
    info: MediaInfo,
    limits: Limits,
    *,
    sample_rate_hz: float,
    max_sampling_gap_s: float = 0.0,
    sampling: SamplingSpec = STANDARD_SAMPLING,
) -> None:
    """Decode for consumers alone, and no more than they need; see `decode` for the arguments.

    With the same arguments, a consumer gets the same pictures of its depth and the same sound as
    from `decode`.

    Raises:
        MediaRefused, TransientError: as `decode`.
    """
    serving = Serving(consumers, frames=False)
    if serving.depth is Depth.FIRST and info.audio_codec is None:
        return
    decoded = _decode(
        path,
        info,
        limits,
        sample_rate_hz=sample_rate_hz,
        max_sampling_gap_s=max_sampling_gap_s,
        sampling=sampling,
        serving=serving,
    )
    for _ in decoded.frames:
        pass


def _decode(
    path: Path,
    info: MediaInfo,
    limits: Limits,
    *,
    sample_rate_hz: float,
    max_sampling_gap_s: float,
    sampling: SamplingSpec,
    serving: Serving,
) -> Decoded:
    if info.kind is MediaKind.IMAGE:
        from filmgate.media.image import decode_image  # noqa: PLC0415

        with transient_memory_errors():
            picture = decode_image(path, info.format, limits, sampling, serving.consumers)
        return Decoded(frames=iter([Frame(0.0, picture)]), audio_rate_hz=sampling.audio_rate_hz)
    interval_s = max(1.0 / sample_rate_hz, info.duration_s / max(1, limits.max_sampled_frames - 1))
    clock = SampleClock(interval_s)
    if info.format in ANIMATED_FORMATS:
        from filmgate.media.animation import decode_animation  # noqa: PLC0415

        return decode_animation(
            path, info.format, limits, clock, sampling, consumers=serving.consumers
        )
    from filmgate.media.video import decode_container  # noqa: PLC0415

    return decode_container(
        path, info, limits, clock, max_sampling_gap_s, sampling=sampling, serving=serving
    )
