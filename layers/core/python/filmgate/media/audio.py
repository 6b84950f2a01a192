"""Collecting the sound of a file as one mono track at a fixed low rate."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from av.audio.frame import AudioFrame
    from numpy.typing import NDArray

RATE_HZ = 8000
_MAX_LEAD_S = 60.0
_BLOCK = 1 << 20
# A resampler from outside this range needs gigabytes of filter, or makes them of samples.
_MIN_RATE_HZ, _MAX_RATE_HZ = 1000, 768_000


class AudioCollector:
    """Resamples decoded sound to mono float32 at ``RATE_HZ`` and keeps it.

    The samples live in one growing buffer of 32 kB a second, handed out without a copy.
    """

    def __init__(self, max_duration_s: float) -> None:
        self._samples = bytearray()
        self._max_bytes = int(max_duration_s * RATE_HZ) * 4
        self._resampler: object = None
        self._shape: tuple[str, str, int] | None = None
        self.start_s: float | None = None

    @property
    def full(self) -> bool:
        """Whether the longest sound allowed has been collected."""
        return len(self._samples) >= self._max_bytes

    def add(self, frame: AudioFrame, time_base: Fraction | None) -> None:
        """Append one decoded frame; the time base is the stream's.

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
            first_picture_s: on the container's clock; None keeps the sound as it starts.
        """
        import numpy as np  # noqa: PLC0415

        self._flush()
        self._resampler = None
        samples = np.frombuffer(self._samples, dtype=np.float32)
        # In place and in blocks: the sound of a long film does not stand in memory twice.
        for start in range(0, samples.size, _BLOCK):
            block = samples[start : start + _BLOCK]
            np.nan_to_num(block, copy=False, posinf=1.0, neginf=-1.0)
            np.clip(block, -1.0, 1.0, out=block)
        if first_picture_s is None or self.start_s is None:
            return samples
        lead = round((self.start_s - first_picture_s) * RATE_HZ)
        if abs(lead) > _MAX_LEAD_S * RATE_HZ:
            return samples
        if lead > 0:
            return np.concatenate([np.zeros(lead, np.float32), samples])
        return samples[-lead:]

    def _open(self) -> None:
        from av.audio.resampler import AudioResampler  # noqa: PLC0415

        self._resampler = AudioResampler(format="flt", layout="mono", rate=RATE_HZ)

    def _resample(self, frame: AudioFrame | None) -> None:
        from av.audio.resampler import AudioResampler  # noqa: PLC0415

        assert isinstance(self._resampler, AudioResampler)
        for piece in self._resampler.resample(frame):
            room = self._max_bytes - len(self._samples)
            # A plane is padded; "flt" has one, of four bytes a sample.
            self._samples += memoryview(piece.planes[0])[: min(4 * piece.samples, room)]

    def _flush(self) -> None:
        if self._resampler is not None:
            self._resample(None)
