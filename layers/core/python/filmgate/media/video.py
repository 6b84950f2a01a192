"""Decode a container in one pass: an iterator of sampled pictures, and the sound with them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from math import inf
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from filmgate.errors import MediaRefused
from filmgate.media.audio import AudioCollector
from filmgate.media.consumers import Depth, Picture, Serving
from filmgate.media.container import TICKS_PER_S, main_audio, main_video, open_container
from filmgate.media.limits import Limits
from filmgate.media.memory import raise_if_out_of_memory, transient_memory_errors
from filmgate.media.model import Decoded, Frame, MediaInfo, MediaKind
from filmgate.media.sampling import SamplingSpec
from filmgate.media.timing import ClockResets, SampleClock, plan_picks, skip_group_end
from filmgate.media.video_scaling import Scaler

if TYPE_CHECKING:
    from fractions import Fraction

    import numpy as np
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

_MAX_THREADS = 2
"""A function of the size that decodes has two cores; on one, threads only hinder each other."""
_RICH_BITS_PER_PIXEL = 0.05
"""Bits for each pixel from which on the deblocking filter may be left out. With fewer, what it
smooths is coarse enough to change hashes; measured on H.264 and HEVC."""
_MIN_REFERENCE_HZ = 20.0
"""Pictures a second from which on the next reference frame is at most an eighth of a second
away, with the usual three B-frames between, and may replace the frame that was picked."""
_WINDOW_PACKETS = 512
"""Packets that are held back in search of a keyframe; the usual longest distance is 250."""
_WINDOW_BYTES = 32 * 1024**2
"""Bytes that are held back; at most a few seconds of the highest bit rates in use."""
_MAX_DEMUX_FAILURES = 16
"""Failures of the demuxer in a row, after each of which it is asked once more."""
_MISSING_S, _MISSING_SHARE = 2.0, 0.05
"""A file that ends earlier than it states, by more than both, is cut short. Containers state the
length of the longest stream, to which the others come this close."""
_DEFAULT_FRAME_RATE = 25.0
"""Pictures a second of a file that states neither a rate nor times."""


def decode_container(
    path: Path,
    info: MediaInfo,
    limits: Limits,
    clock: SampleClock,
    max_sampling_gap_s: float,
    *,
    sampling: SamplingSpec,
    serving: Serving,
) -> Decoded:
    """Decode what the clock picks; see `filmgate.media.decode.decode`."""
    decoded = Decoded(frames=iter(()), audio_rate_hz=sampling.audio_rate_hz)
    decoder = _Decoder(
        info, limits, clock, decoded, max_sampling_gap_s, sampling=sampling, serving=serving
    )
    decoded.frames = decoder.run(path)
    return decoded


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _bits_per_pixel(container: InputContainer, info: MediaInfo) -> float:
    """Return the mean number of bits for each pixel, sound included; 0 where not stated."""
    pixels_per_second = (info.width or 0) * (info.height or 0) * (info.frame_rate or 0.0)
    if not pixels_per_second or info.duration_s <= 0:
        return 0.0
    return container.size * 8 / info.duration_s / pixels_per_second


class _Decoder:
    """The state of decoding one file.

    Decoding is most of the cost of a fingerprint, so packets are held back up to the next
    keyframe. Then it is known which pictures will be picked: the others that no picture depends
    on are skipped inside the decoder, and what follows the last picked one is not decoded at
    all. Without an allowed gap the pictures are the same as with everything decoded.

    With an allowed gap, pictures are picked by what they cost: the nearest reference frame
    replaces one that no picture depends on, and what precedes a keyframe closely is skipped.
    Only facts of the file decide this, so that a file always gives the same pictures.
    """

    def __init__(
        self,
        info: MediaInfo,
        limits: Limits,
        clock: SampleClock,
        decoded: Decoded,
        max_gap_s: float,
        *,
        sampling: SamplingSpec,
        serving: Serving,
    ) -> None:
        self._info = info
        self._limits = limits
        self._clock = clock
        self._decoded = decoded
        self._sampling = sampling
        self._max_gap_s = max_gap_s
        self._nearest_reference_frame = (
            max_gap_s > 0 and (info.frame_rate or 0.0) >= _MIN_REFERENCE_HZ
        )
        self._deadline = monotonic() + limits.max_wall_s
        self._audio = AudioCollector(
            limits.max_duration_s, sampling.audio_rate_hz, keep=serving.frames
        )
        self._serving = serving
        self._decoded_count = 0
        self._sampled_count = 0
        self._first_s: float | None = None
        self._last_pick_s = -inf
        self._gap_fills: deque[float] = deque()
        self._last_s = 0.0
        self._end_s = 0.0
        self._resets = ClockResets()
        self._tail_dropped = False

    def run(self, path: Path) -> Iterator[Frame]:
        """Yield the picked pictures, then set ``Decoded.audio``.

        Raises:
            MediaRefused: ``damaged`` when nothing at all could be decoded, or
                ``too_many_pixels``.
            TransientError: memory ran out.
        """
        with (
            transient_memory_errors(),
            open_container(path, self._info.format, self._limits) as container,
        ):
            video = main_video(container) if self._info.kind is MediaKind.VIDEO else None
            audio = main_audio(container) if video is None or self._serving.sound else None
            self._start_s = (container.start_time or 0) / TICKS_PER_S
            self._configure_streams(container, video, audio)
            yield from self._decode_packets(container, video, audio)
            self._finish(video, audio)

    def _configure_streams(
        self, container: InputContainer, video: VideoStream | None, audio: AudioStream | None
    ) -> None:
        from av.stream import Discard  # noqa: PLC0415

        for stream in container.streams:
            if stream is not video and stream is not audio:
                stream.discard = Discard.all
        if video is not None:
            self._scaler = Scaler(video, self._limits)
            context = video.codec_context
            context.thread_count = min(_MAX_THREADS, _cores())
            context.thread_type = "AUTO"
            context.options = {"max_pixels": str(self._limits.max_video_pixels)}
            if (
                self._max_gap_s > 0
                and _bits_per_pixel(container, self._info) >= _RICH_BITS_PER_PIXEL
            ):
                context.options["skip_loop_filter"] = "all"

    def _decode_packets(
        self, container: InputContainer, video: VideoStream | None, audio: AudioStream | None
    ) -> Iterator[Frame]:
        window: list[Packet[VideoStream]] = []
        window_bytes = 0
        for packet in self._packets(container, video, audio):
            if self._limit_reached():
                return
            if audio is not None and packet.stream is audio:
                self._decode_audio(audio, cast("Packet[AudioStream]", packet))
                continue
            assert video is not None
            if not self._holds_wanted(packet):
                continue
            full = len(window) >= _WINDOW_PACKETS or window_bytes >= _WINDOW_BYTES
            if window and (packet.is_keyframe or full):
                yield from self._decode_window(
                    video, window, packet if packet.is_keyframe else None
                )
                window, window_bytes = [], 0
            window.append(cast("Packet[VideoStream]", packet))
            window_bytes += packet.size
        if video is not None:
            yield from self._decode_window(video, window, None, last=True)
            yield from self._emit_frames(video, self._decode_safely(video, None))

    def _holds_wanted(self, packet: Packet[Any]) -> bool:
        """Whether a video packet is of use, with what has been shown so far."""
        if self._serving.depth is Depth.FIRST:
            return self._first_s is None
        return self._serving.depth is Depth.SAMPLED or packet.is_keyframe

    def _packets(
        self, container: InputContainer, *streams: Stream | None
    ) -> Iterator[Packet[Stream]]:
        """Yield the packets of the file, skipping places that cannot be read."""
        import av  # noqa: PLC0415

        present = [stream for stream in streams if stream is not None]
        failures = 0
        while failures < _MAX_DEMUX_FAILURES:
            try:
                for packet in container.demux(present):
                    if monotonic() > self._deadline:
                        self._decoded.truncated = True
                        return
                    # An empty packet would end the stream for the decoder.
                    if packet.size:
                        failures = 0
                        end_s = self._resets.unwrap(packet)
                        if end_s is not None:
                            self._end_s = max(self._end_s, end_s - self._start_s)
                        yield packet
                return
            except IndexError:
                # PyAV raises this where a track appears only after the file was opened.
                return
            except av.FFmpegError as error:
                failures += 1
                self._count_error(error)
        self._decoded.truncated = True

    def _limit_reached(self) -> bool:
        limits, decoded = self._limits, self._decoded
        if (
            monotonic() > self._deadline
            or self._decoded_count >= limits.max_decoded_frames
            or decoded.decode_errors > limits.max_decode_errors
            or self._end_s > limits.max_duration_s
            or self._audio.full
        ):
            decoded.truncated = True
        return decoded.truncated

    def _decode_audio(self, audio: AudioStream, packet: Packet[AudioStream] | None) -> None:
        import av  # noqa: PLC0415

        try:
            for frame in audio.codec_context.decode(packet):
                self._hand_over(frame, audio.time_base)
                self._audio.add(frame, audio.time_base)
        except (av.FFmpegError, ValueError) as error:
            self._count_error(error)

    def _hand_over(self, frame: AudioFrame, time_base: Fraction | None) -> None:
        """Let the consumers hear what was decoded; what one cannot use is not damage."""
        import av  # noqa: PLC0415

        for consumer in self._serving.consumers:
            try:
                consumer.hear(frame, time_base)
            except (av.FFmpegError, ValueError) as error:
                raise_if_out_of_memory(error)

    def _decode_window(
        self,
        video: VideoStream,
        window: list[Packet[VideoStream]],
        key: Packet[Stream] | None,
        *,
        last: bool = False,
    ) -> Iterator[Frame]:
        """Decode a window of packets, no more of them than the picked pictures need.

        Args:
            key: the keyframe that follows the window, if one does. What comes after it does not
                depend on this window, except for pictures shown before it (open groups), which
                are dropped together with the end of the window.
            last: whether nothing follows this window.
        """
        closed = last or key is not None
        context = video.codec_context
        if self._tail_dropped and window and window[0].pts is not None:
            key_pts = window[0].pts
            window = [p for p in window if p.pts is None or p.pts >= key_pts]
        key_wanted = self._keyframe_wanted(window)
        picks = self._plan_window(window, key)
        end = max((i for i, pick in enumerate(picks) if pick), default=-1)
        self._tail_dropped = closed and end + 1 < len(window)
        # A wanted keyframe is decoded in addition, and changes nothing else.
        stop = max(end + 1, int(key_wanted))
        for position, packet in enumerate(window[:stop] if closed else window):
            if self._limit_reached() or not self._holds_wanted(packet):
                return
            # No reference frame can replace the last pick: what comes after it is not decoded.
            exact = picks[position] and (not self._nearest_reference_frame or position == end)
            context.skip_frame = "DEFAULT" if exact else "NONREF"
            yield from self._emit_frames(video, self._decode_safely(video, packet))
        alone = self._serving.depth is Depth.KEYFRAMES
        if self._tail_dropped and key is not None and (self._max_gap_s > 0 or alone):
            # As after seeking: counters that continue from picture to picture, such as H.264's
            # picture order count, would be misread after so wide a gap.
            yield from self._emit_frames(video, self._decode_safely(video, None))
            context.flush_buffers()

    def _keyframe_wanted(self, window: list[Packet[VideoStream]]) -> bool:
        """Announce the keyframe of a window; whether a consumer asks for its picture."""
        first = window[0] if window else None
        if first is None or not first.is_keyframe or first.pts is None or not first.time_base:
            return False
        time_s = float(first.pts * first.time_base)
        # Each is asked, for each keeps count of the times.
        wanted = [consumer.keyframe(time_s) for consumer in self._serving.consumers]
        return any(wanted)

    def _plan_window(
        self, window: list[Packet[VideoStream]], key: Packet[Stream] | None
    ) -> list[bool]:
        """Return which packets of a window hold picked pictures; all where times are missing."""
        if self._serving.depth is Depth.KEYFRAMES:
            return [False] * len(window)
        times = [float(p.pts * p.time_base) for p in window if p.pts is not None and p.time_base]
        if len(times) < len(window):
            return [True] * len(window)
        picks = plan_picks(times, self._clock.copy())
        # A grid nearly as wide as the allowed gap would only become denser.
        if 2 * self._clock.interval_s <= self._max_gap_s and key and key.pts and key.time_base:
            edge_s = float(key.pts * key.time_base) - self._max_gap_s
            picks, gap_fill_s = skip_group_end(times, picks, self._last_pick_s, edge_s)
            self._gap_fills += [] if gap_fill_s is None else [gap_fill_s]
        # The clock cannot tell: the decoder may still hold pictures of the last window.
        self._last_pick_s = max(
            [self._last_pick_s, *(at for at, pick in zip(times, picks, strict=True) if pick)]
        )
        return picks

    def _gap_fill_due(self, time_s: float) -> bool:
        return bool(self._gap_fills) and time_s >= self._gap_fills[0]

    def _decode_safely(
        self, video: VideoStream, packet: Packet[VideoStream] | None
    ) -> list[VideoFrame]:
        import av  # noqa: PLC0415

        try:
            return video.codec_context.decode(packet)
        except (av.FFmpegError, ValueError) as error:
            self._count_error(error)
            return []

    def _emit_frames(self, video: VideoStream, frames: list[VideoFrame]) -> Iterator[Frame]:
        for frame in frames:
            self._decoded_count += 1
            time_s = self._time_of(video, frame)
            if not self._clock.wants(time_s) and not self._gap_fill_due(time_s):
                self._show(frame, time_s, None)
                continue
            if self._sampled_count >= self._limits.max_sampled_frames:
                self._decoded.truncated = True
                return
            rgb = self._scaled(frame, self._sampling.frame_side, counted=True)
            if rgb is None:
                continue
            self._clock.take(time_s)
            while self._gap_fill_due(time_s):
                self._gap_fills.popleft()
            self._sampled_count += 1
            if self._first_s is None:
                self._first_s = time_s
            self._show(frame, time_s, rgb)
            yield Frame(time_s - self._first_s, rgb)
            if self._limit_reached():
                return

    def _show(self, frame: VideoFrame, time_s: float, sampled: NDArray[np.uint8] | None) -> None:
        """Hand a decoded picture to the consumers, with its array where it was sampled."""
        if self._first_s is None or not self._serving.consumers:
            return
        sampled_side = self._sampling.frame_side

        def rgb(side: int) -> NDArray[np.uint8] | None:
            if sampled is not None and side == sampled_side:
                return sampled
            return self._scaled(frame, side)

        picture = Picture(
            time_s=time_s - self._first_s,
            container_s=time_s,
            sampled=sampled is not None,
            rgb=rgb,
            coarse=lambda side: self._scaled(frame, side, averaged=False),
        )
        for consumer in self._serving.consumers:
            consumer.see(picture)

    def _time_of(self, video: VideoStream, frame: VideoFrame) -> float:
        """Return the time of a picture in seconds.

        One without a time follows the last at the mean rate. The time base of the stream is used
        because frames drained at the end have none.
        """
        if frame.pts is not None and video.time_base:
            self._last_s = float(frame.pts * video.time_base)
        elif self._decoded_count > 1:
            self._last_s += 1.0 / (self._info.frame_rate or _DEFAULT_FRAME_RATE)
        return self._last_s

    def _scaled(
        self, frame: VideoFrame, side: int, *, averaged: bool = True, counted: bool = False
    ) -> NDArray[np.uint8] | None:
        """Return a frame as an array; None where it cannot be converted, which may count."""
        import av  # noqa: PLC0415

        try:
            return self._scaler.rgb(frame, side, averaged=averaged)
        except (av.FFmpegError, ValueError) as error:
            raise_if_out_of_memory(error)
            self._decoded.decode_errors += counted
            return None

    def _finish(self, video: VideoStream | None, audio: AudioStream | None) -> None:
        if audio is not None:
            self._decode_audio(audio, None)
            samples = self._audio.finish(self._first_s)
            self._decoded.audio = samples if samples.size else None
        # Whether nothing at all can be decoded shows only where the grid was asked for.
        complete = self._serving.depth is Depth.SAMPLED
        if (video is not None and complete and not self._sampled_count) or (
            video is None and self._audio.empty
        ):
            missing = "picture" if video is not None else "sound"
            raise MediaRefused(
                "damaged",
                f"No {missing} in the file could be decoded. Upload it again from the original.",
            )
        missing_s = self._info.duration_s - self._end_s
        if missing_s > max(_MISSING_S, _MISSING_SHARE * self._info.duration_s):
            self._decoded.truncated = True

    def _count_error(self, error: Exception) -> None:
        """Count a damaged packet, unless memory ran out, which is not the file's fault."""
        raise_if_out_of_memory(error)
        self._decoded.decode_errors += 1
