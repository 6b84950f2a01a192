"""Collect the sound of a file as one mono track at a fixed rate."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from av.audio.frame import AudioFrame
    from numpy.typing import NDArray

_MAX_LEAD_S = 60.0
"""Seconds by which sound may start before or after the first picture. A larger difference is a
mistake in the clock of one of them, and filling it would only make silence."""
_BLOCK = 1 << 20
"""Samples cleaned at a time: 4 MB, so that the sound of a long film is not in memory twice."""
_MIN_RATE_HZ, _MAX_RATE_HZ = 1000, 768_000
"""Rates of sound that is resampled. The filter for a lower rate yields gigabytes of samples, that
for a higher one takes gigabytes itself; 768 kHz is the fastest of professional converters."""
_SAMPLE_BYTES = 4


class AudioCollector:
    """Resamples decoded sound to mono float32 and keeps it.

    The samples are in one growing buffer, 32 kB a second at 8 kHz, and are returned without a
    copy.
    """

    def __init__(self, max_duration_s: float, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._samples = bytearray()
        self._max_bytes = int(max_duration_s * rate_hz) * _SAMPLE_BYTES
        self._resampler: object = None
        self._shape: tuple[str, str, int] | None = None
        self.start_s: float | None = None

    @property
    def full(self) -> bool:
        """Whether the longest sound allowed has been collected."""
        return len(self._samples) >= self._max_bytes

    def add(self, frame: AudioFrame, time_base: Fraction | None) -> None:
        """Append one decoded frame; the time base is that of the stream.

        Raises:
            av.FFmpegError, ValueError: the frame cannot be resampled.
        """
        if not _MIN_RATE_HZ <= frame.sample_rate <= _MAX_RATE_HZ:
            raise ValueError(f"no sound is sampled at {frame.sample_rate} Hz")
        if self.start_s is None and frame.pts is not None and time_base:
            self.start_s = float(frame.pts * time_base)
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if shape != self._shape:
            self._flush()
            self._open()
            self._shape = shape
        self._resample(frame)

    def finish(self, first_picture_s: float | None) -> NDArray[np.float32]:
        """Return the samples, shifted so that index 0 is the time of the first picture.

        Args:
            first_picture_s: on the clock of the container; None leaves the sound as it starts.
        """
        import numpy as np  # noqa: PLC0415

        self._flush()
        self._resampler = None
        samples = np.frombuffer(self._samples, dtype=np.float32)
        for start in range(0, samples.size, _BLOCK):
            block = samples[start : start + _BLOCK]
            np.nan_to_num(block, copy=False, posinf=1.0, neginf=-1.0)
            np.clip(block, -1.0, 1.0, out=block)
        if first_picture_s is None or self.start_s is None:
            return samples
        lead = round((self.start_s - first_picture_s) * self._rate_hz)
        if abs(lead) > _MAX_LEAD_S * self._rate_hz:
            return samples
        if lead > 0:
            return np.concatenate([np.zeros(lead, np.float32), samples])
        return samples[-lead:]

    def _open(self) -> None:
        from av.audio.resampler import AudioResampler  # noqa: PLC0415

        self._resampler = AudioResampler(format="flt", layout="mono", rate=self._rate_hz)

    def _resample(self, frame: AudioFrame | None) -> None:
        from av.audio.resampler import AudioResampler  # noqa: PLC0415

        assert isinstance(self._resampler, AudioResampler)
        for piece in self._resampler.resample(frame):
            room = self._max_bytes - len(self._samples)
            # A plane is padded at its end; "flt" has a single plane.
            plane = memoryview(piece.planes[0])
            self._samples += plane[: min(_SAMPLE_BYTES * piece.samples, room)]

    def _flush(self) -> None:
        if self._resampler is not None:
            self._resample(None)
