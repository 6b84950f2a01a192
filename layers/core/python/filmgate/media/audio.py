"""Collect the sound of a file as one mono track at a fixed rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from numpy.typing import NDArray

MAX_LEAD_S = 60.0
"""Seconds by which sound may start before or after the first picture. A larger difference is a
mistake in the clock of one of them, and filling it would only make silence."""
_BLOCK = 1 << 20
"""Samples cleaned at a time: 4 MB, so that the sound of a long film is not in memory twice."""
_MIN_RATE_HZ, _MAX_RATE_HZ = 1000, 768_000
"""Rates of sound that is resampled. The filter for a lower rate yields gigabytes of samples, that
for a higher one takes gigabytes itself; 768 kHz is the fastest of professional converters."""
_SAMPLE_BYTES = 4


class MonoResampler:
    """Converts decoded sound to mono at a fixed rate, whatever shape it has meanwhile."""

    def __init__(self, rate_hz: int, sample_format: str) -> None:
        self._rate_hz = rate_hz
        self._sample_format = sample_format
        self._resampler: AudioResampler | None = None
        self._shape: tuple[str, str, int] | None = None
        self.start_s: float | None = None
        """When the sound starts on the clock of the container; None where no time is stated."""

    def convert(self, frame: AudioFrame, time_base: Fraction | None) -> Iterator[AudioFrame]:
        """Yield what a decoded frame gives; the time base is that of the stream.

        Raises:
            av.FFmpegError, ValueError: the frame cannot be resampled.
        """
        if not _MIN_RATE_HZ <= frame.sample_rate <= _MAX_RATE_HZ:
            raise ValueError(f"no sound is sampled at {frame.sample_rate} Hz")
        if self.start_s is None and frame.pts is not None and time_base:
            self.start_s = float(frame.pts * time_base)
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if shape != self._shape or self._resampler is None:
            yield from self.flush()
            self._resampler = self._opened()
            self._shape = shape
        yield from self._resampler.resample(frame)

    def flush(self) -> list[AudioFrame]:
        """Return what is left; another frame begins with a new resampler."""
        resampler, self._resampler = self._resampler, None
        return [] if resampler is None else resampler.resample(None)

    def lead_s(self, first_picture_s: float | None) -> float:
        """Seconds by which the sound starts after the first picture; negative before it.

        Args:
            first_picture_s: on the clock of the container; None where there is no picture.
        """
        if first_picture_s is None or self.start_s is None:
            return 0.0
        lead_s = self.start_s - first_picture_s
        return lead_s if abs(lead_s) <= MAX_LEAD_S else 0.0

    def _opened(self) -> AudioResampler:
        from av.audio.resampler import AudioResampler  # noqa: PLC0415

        return AudioResampler(format=self._sample_format, layout="mono", rate=self._rate_hz)


class AudioCollector:
    """Resamples decoded sound to mono float32 and keeps it.

    The samples are in one growing buffer, 32 kB a second at 8 kHz, and are returned without a
    copy.
    """

    def __init__(self, max_duration_s: float, rate_hz: int, *, keep: bool = True) -> None:
        """Args:
        keep: False only counts the samples.
        """
        self._rate_hz = rate_hz
        self._keep = keep
        self._samples = bytearray()
        self._bytes = 0
        self._max_bytes = int(max_duration_s * rate_hz) * _SAMPLE_BYTES
        self._resampler = MonoResampler(rate_hz, "flt")

    @property
    def full(self) -> bool:
        """Whether the longest sound allowed has been collected."""
        return self._bytes >= self._max_bytes

    @property
    def empty(self) -> bool:
        """Whether no sample came."""
        return not self._bytes

    def add(self, frame: AudioFrame, time_base: Fraction | None) -> None:
        """Append one decoded frame; the time base is that of the stream.

        Raises:
            av.FFmpegError, ValueError: the frame cannot be resampled.
        """
        self._append(self._resampler.convert(frame, time_base))

    def finish(self, first_picture_s: float | None) -> NDArray[np.float32]:
        """Return the samples, shifted so that index 0 is the time of the first picture.

        Args:
            first_picture_s: on the clock of the container; None leaves the sound as it starts.
        """
        import numpy as np  # noqa: PLC0415

        self._append(self._resampler.flush())
        samples = np.frombuffer(self._samples, dtype=np.float32)
        for start in range(0, samples.size, _BLOCK):
            block = samples[start : start + _BLOCK]
            np.nan_to_num(block, copy=False, posinf=1.0, neginf=-1.0)
            np.clip(block, -1.0, 1.0, out=block)
        lead = round(self._resampler.lead_s(first_picture_s) * self._rate_hz)
        if lead > 0:
            return np.concatenate([np.zeros(lead, np.float32), samples])
        return samples[-lead:]

    def _append(self, pieces: Iterable[AudioFrame]) -> None:
        for piece in pieces:
            size = min(_SAMPLE_BYTES * piece.samples, self._max_bytes - self._bytes)
            self._bytes += size
            if self._keep:
                # A plane is padded at its end; "flt" has a single plane.
                self._samples += memoryview(piece.planes[0])[:size]
