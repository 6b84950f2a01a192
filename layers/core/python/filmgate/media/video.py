"""One pass over a container: sampled pictures as they come, and the sound beside them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from math import inf
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, cast

from filmgate.errors import MediaRefused
from filmgate.media.audio import AudioCollector
from filmgate.media.container import (
    Turn,
    display_size,
    fit,
    main_audio,
    main_video,
    open_container,
    turn_of,
)
from filmgate.media.limits import Limits
from filmgate.media.model import Decoded, Frame, MediaInfo, MediaKind
from filmgate.media.timing import SampleClock, bridged, wanted

if TYPE_CHECKING:
    import numpy as np
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

# A Lambda of the size that decodes has two cores; on one, threads only get in each other's way.
_MOST_THREADS = 2
# With fewer bits a pixel the filter that smooths the edges of blocks moves what hashes see.
_RICH_BITS = 0.05
# Below this rate the next picture that others depend on may be shown too late to stand in.
_STAND_IN_HZ = 20.0
_WINDOW_PACKETS = 512
_WINDOW_BYTES = 32 * 1024**2
_DEMUX_RETRIES = 16
# Clocks that fall back further than this were reset by joining files; smaller steps are jitter.
_RESET_S = 0.25


def decode_container(
    path: Path, info: MediaInfo, limits: Limits, clock: SampleClock, slack_s: float
) -> Decoded:
    """Decode what the clock picks; see `filmgate.media.decode.decode`."""
    decoded = Decoded(frames=iter(()))
    decoded.frames = _Pass(info, limits, clock, decoded, slack_s).run(path)
    return decoded


def _cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _bits_a_pixel(container: InputContainer, info: MediaInfo) -> float:
    """Mean bits that a pixel of a picture is stored in, sound included; 0 where not told."""
    pixels_a_second = (info.width or 0) * (info.height or 0) * (info.frame_rate or 0.0)
    if not pixels_a_second or info.duration_s <= 0:
        return 0.0
    return container.size * 8 / info.duration_s / pixels_a_second


class _Pass:
    """The state of one pass.

    Decoding is most of the cost of a fingerprint, so packets are held back up to the next
    keyframe: then it is known which pictures will be picked, the others that nothing depends
    on are skipped inside the decoder, and what follows the last picked one is not decoded at
    all. Without slack the picked pictures are the same as with everything decoded.

    With slack, pictures are picked for what they cost: one that others depend on stands in for
    one that none does, and where the next keyframe comes soon what precedes it is passed over.
    All that is chosen by facts of the file alone, so a file always gives the same pictures.
    """

    def __init__(
        self,
        info: MediaInfo,
        limits: Limits,
        clock: SampleClock,
        decoded: Decoded,
        slack_s: float,
    ) -> None:
        self._info = info
        self._limits = limits
        self._clock = clock
        self._decoded = decoded
        self._slack_s = slack_s
        self._stand_ins = slack_s > 0 and (info.frame_rate or 0.0) >= _STAND_IN_HZ
        self._deadline = monotonic() + limits.max_wall_s
        self._audio = AudioCollector(limits.max_duration_s)
        self._pictures = 0
        self._sampled = 0
        self._first_s: float | None = None
        self._planned_s = -inf
        self._bridges: deque[float] = deque()
        self._last_s = 0.0
        self._end_s = 0.0
        self._clocks: dict[int, tuple[int, int]] = {}
        self._tail_dropped = False

    def run(self, path: Path) -> Iterator[Frame]:
        """Yield the picked pictures, then leave the sound in ``Decoded.audio``.

        Raises:
            MediaRefused: ``damaged`` when nothing at all could be decoded, or
                ``too_many_pixels``.
        """
        with open_container(path, self._info.format, self._limits) as container:
            video = main_video(container) if self._info.kind is MediaKind.VIDEO else None
            audio = main_audio(container)
            self._start_s = (container.start_time or 0) / 1e6
            self._prepare(container, video, audio)
            yield from self._consume(container, video, audio)
            self._finish(video, audio)

    def _prepare(
        self, container: InputContainer, video: VideoStream | None, audio: AudioStream | None
    ) -> None:
        from av.stream import Discard  # noqa: PLC0415
        from av.video.reformatter import VideoReformatter  # noqa: PLC0415

        for stream in container.streams:
            if stream is not video and stream is not audio:
                stream.discard = Discard.all
        if video is not None:
            self._reformatter = VideoReformatter()
            context = video.codec_context
            context.thread_count = min(_MOST_THREADS, _cores())
            context.thread_type = "AUTO"
            context.options = {"max_pixels": str(self._limits.max_video_pixels)}
            if self._slack_s > 0 and _bits_a_pixel(container, self._info) >= _RICH_BITS:
                context.options["skip_loop_filter"] = "all"

    def _consume(
        self, container: InputContainer, video: VideoStream | None, audio: AudioStream | None
    ) -> Iterator[Frame]:
        window: list[Packet[VideoStream]] = []
        held = 0
        for packet in self._packets(container, video, audio):
            if self._over():
                return
            if audio is not None and packet.stream is audio:
                self._hear(audio, cast("Packet[AudioStream]", packet))
                continue
            assert video is not None
            full = len(window) >= _WINDOW_PACKETS or held >= _WINDOW_BYTES
            if window and (packet.is_keyframe or full):
                yield from self._see(video, window, packet if packet.is_keyframe else None)
                window, held = [], 0
            window.append(cast("Packet[VideoStream]", packet))
            held += packet.size
        if video is not None:
            yield from self._see(video, window, None, last=True)
            yield from self._show(video, self._tried(video, None))

    def _packets(
        self, container: InputContainer, *streams: Stream | None
    ) -> Iterator[Packet[Stream]]:
        """Yield what is in the file, stepping over places that cannot be read."""
        import av  # noqa: PLC0415

        present = [stream for stream in streams if stream is not None]
        failures = 0
        while failures < _DEMUX_RETRIES:
            try:
                for packet in container.demux(present):
                    if monotonic() > self._deadline:
                        self._decoded.truncated = True
                        return
                    # An empty packet would tell the decoder that the stream ends.
                    if packet.size:
                        failures = 0
                        self._straighten(packet)
                        yield packet
                return
            except IndexError:
                # PyAV ends so when a track turned up after the file was opened.
                return
            except av.FFmpegError:
                failures += 1
                self._decoded.decode_errors += 1
        self._decoded.truncated = True

    def _straighten(self, packet: Packet[Stream]) -> None:
        """Move a packet's times so that a clock reset inside the file does not turn time back."""
        if packet.dts is None or packet.time_base is None:
            return
        index, dts, pts = packet.stream.index, packet.dts, packet.pts
        # Fractions cost more than all else here, for thousands of packets of sound.
        tick_s = packet.time_base.numerator / packet.time_base.denominator
        offset, last = self._clocks.get(index, (0, dts))
        if (last - dts - offset) * tick_s > _RESET_S:
            offset = last - dts + (packet.duration or 0)
        if offset:
            packet.dts = dts = dts + offset
            if pts is not None:
                packet.pts = pts = pts + offset
        self._clocks[index] = (offset, dts)
        end = (dts if pts is None else pts) + (packet.duration or 0)
        self._end_s = max(self._end_s, end * tick_s - self._start_s)

    def _over(self) -> bool:
        limits, decoded = self._limits, self._decoded
        if (
            monotonic() > self._deadline
            or self._pictures >= limits.max_decoded_frames
            or decoded.decode_errors > limits.max_decode_errors
            or self._end_s > limits.max_duration_s
            or self._audio.full
        ):
            decoded.truncated = True
        return decoded.truncated

    def _hear(self, audio: AudioStream, packet: Packet[AudioStream] | None) -> None:
        import av  # noqa: PLC0415

        try:
            for frame in audio.codec_context.decode(packet):
                self._audio.add(frame, audio.time_base)
        except (av.FFmpegError, ValueError):
            self._decoded.decode_errors += 1

    def _see(
        self,
        video: VideoStream,
        window: list[Packet[VideoStream]],
        key: Packet[Stream] | None,
        *,
        last: bool = False,
    ) -> Iterator[Frame]:
        """Decode a window of packets, as few of them as the clock's picks need.

        Args:
            key: the keyframe that comes next, if one does. What follows it does not depend on
                this window, except for pictures shown before it (open groups); those are
                dropped with the tail.
            last: nothing comes after this window.
        """
        closed = last or key is not None
        context = video.codec_context
        if self._tail_dropped and window and window[0].pts is not None:
            key_pts = window[0].pts
            window = [p for p in window if p.pts is None or p.pts >= key_pts]
        picks = self._picks(window, key)
        end = max((i for i, pick in enumerate(picks) if pick), default=-1)
        self._tail_dropped = closed and end + 1 < len(window)
        for position, packet in enumerate(window[: end + 1] if closed else window):
            if self._over():
                return
            # Nothing can stand in for the last one: what comes after it is not decoded.
            exact = picks[position] and (not self._stand_ins or position == end)
            context.skip_frame = "DEFAULT" if exact else "NONREF"
            yield from self._show(video, self._tried(video, packet))
        if self._tail_dropped and key is not None and self._slack_s > 0:
            # As for a jump in the file: counters that go on from picture to picture, as H.264's
            # order does, would be taken for others after so wide a gap.
            yield from self._show(video, self._tried(video, None))
            context.flush_buffers()

    def _picks(self, window: list[Packet[VideoStream]], key: Packet[Stream] | None) -> list[bool]:
        """Which packets hold pictures that are wanted; all where times are missing."""
        times = [float(p.pts * p.time_base) for p in window if p.pts is not None and p.time_base]
        if len(times) < len(window):
            return [True] * len(window)
        picks = wanted(times, self._clock.copy())
        # A grid nearly as wide as the slack would only be made denser.
        if 2 * self._clock.interval_s <= self._slack_s and key and key.pts and key.time_base:
            edge_s = float(key.pts * key.time_base) - self._slack_s
            picks, bridge_s = bridged(times, picks, self._planned_s, edge_s)
            self._bridges += [] if bridge_s is None else [bridge_s]
        # Not what was taken so far: the decoder still holds some of the last window's pictures.
        self._planned_s = max(
            [self._planned_s, *(at for at, pick in zip(times, picks, strict=True) if pick)]
        )
        return picks

    def _bridges_at(self, time_s: float) -> bool:
        return bool(self._bridges) and time_s >= self._bridges[0]

    def _tried(self, video: VideoStream, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        import av  # noqa: PLC0415

        try:
            return video.codec_context.decode(packet)
        except (av.FFmpegError, ValueError):
            self._decoded.decode_errors += 1
            return []

    def _show(self, video: VideoStream, frames: list[VideoFrame]) -> Iterator[Frame]:
        for frame in frames:
            self._pictures += 1
            time_s = self._time_of(video, frame)
            if not self._clock.wants(time_s) and not self._bridges_at(time_s):
                continue
            if self._sampled >= self._limits.max_sampled_frames:
                self._decoded.truncated = True
                return
            rgb = self._reduced(video, frame)
            if rgb is None:
                continue
            self._clock.take(time_s)
            while self._bridges_at(time_s):
                self._bridges.popleft()
            self._sampled += 1
            if self._first_s is None:
                self._first_s = time_s
            yield Frame(time_s - self._first_s, rgb)
            if self._over():
                return

    def _time_of(self, video: VideoStream, frame: VideoFrame) -> float:
        """Return when a picture is shown; one without a time follows the last at the mean rate.

        The stream's time base is used because frames drained at the end carry none.
        """
        if frame.pts is not None and video.time_base:
            self._last_s = float(frame.pts * video.time_base)
        elif self._pictures > 1:
            self._last_s += 1.0 / (self._info.frame_rate or 25.0)
        return self._last_s

    def _reduced(self, video: VideoStream, frame: VideoFrame) -> NDArray[np.uint8] | None:
        import av  # noqa: PLC0415
        import numpy as np  # noqa: PLC0415
        from av.video.reformatter import ColorRange, Interpolation  # noqa: PLC0415

        if frame.width * frame.height > self._limits.max_video_pixels:
            raise MediaRefused(
                "too_many_pixels",
                "The video's pictures grow larger than what is allowed. Upload a smaller version.",
            )
        shown = display_size(video, frame.width, frame.height, Turn())
        width, height = fit(*shown, self._limits.working_side)
        try:
            small = self._reformatter.reformat(
                frame,
                width,
                height,
                format="rgb24",
                interpolation=Interpolation.AREA,
                dst_color_range=ColorRange.JPEG,
                threads=1,
            )
            rgb = small.to_ndarray().astype(np.uint8, copy=False)
            return np.ascontiguousarray(turn_of(frame).apply(rgb))
        except (av.FFmpegError, ValueError):
            self._decoded.decode_errors += 1
            return None

    def _finish(self, video: VideoStream | None, audio: AudioStream | None) -> None:
        if audio is not None:
            self._hear(audio, None)
            samples = self._audio.finish(self._first_s)
            self._decoded.audio = samples if samples.size else None
        if (video is not None and not self._sampled) or (
            video is None and self._decoded.audio is None
        ):
            what = "picture" if video is not None else "sound"
            raise MediaRefused(
                "damaged",
                f"No {what} in the file could be decoded. Upload it again from the original.",
            )
        missing_s = self._info.duration_s - self._end_s
        if missing_s > max(2.0, 0.05 * self._info.duration_s):
            self._decoded.truncated = True
