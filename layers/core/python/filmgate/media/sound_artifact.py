"""The artifact ``sound16k``: mono sound at 16 kHz, as Opus in Ogg."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from filmgate.media.audio import MAX_LEAD_S, MonoResampler
from filmgate.media.consumers import Consumer, Depth, Picture
from filmgate.media.packed import (
    DamagedArtifactError,
    PackedIndex,
    Part,
    check_parts,
    pack,
    part,
    read_index,
)
from filmgate.media.shared_names import SOUND

if TYPE_CHECKING:
    import numpy as np
    from av.audio.fifo import AudioFifo
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from numpy.typing import NDArray

    from filmgate.media.limits import Limits

RATE_HZ: Final = 16_000
"""Samples a second, for which recognisers of speech and sounds are trained."""
BIT_RATE = 32_000
"""Bits a second. Opus is transparent to speech at 24,000 and to music of this band at 32,000; FLAC
takes four times as much, which for six hours is more than a child process may hand back."""
_EFFORT = "5"
"""Of libopus's ten steps; the highest takes more than twice the time and saves a twentieth."""
_FRAME = RATE_HZ // 50
"""Samples that Opus encodes at once: 20 ms."""
_MAX_OGG_BYTES = SOUND.max_bytes - 64 * 1024
_OGG_START = b"OggS"
_BLOCK_S = 30.0


class SoundIndex(PackedIndex):
    """The index of the sound.

    Attributes:
        rate_hz: samples a second.
        samples: how many there are; 0 where the file has no sound.
        start_s: when the first one is heard, in seconds from the first picture; negative where the
            sound begins before it, 0 where there is no picture.
        ogg: an Ogg file with one Opus stream; empty without samples.
    """

    rate_hz: Literal[16_000] = RATE_HZ
    samples: int = Field(default=0, ge=0)
    start_s: float = 0.0
    ogg: Part = Part(start=0, size=0)


class SoundConsumer(Consumer):
    """Encodes the sound as it comes, so that six hours of it are 90 MB in memory and no more."""

    depth = Depth.FIRST
    wants_sound = True

    def __init__(self, limits: Limits) -> None:
        self._left = int(limits.max_duration_s * RATE_HZ)
        self._resampler = MonoResampler(RATE_HZ, "s16")
        self._out = BytesIO()
        self._container: OutputContainer | None = None
        self._stream: AudioStream | None = None
        self._fifo: AudioFifo | None = None
        self._samples = 0
        self._first_picture_s: float | None = None

    def see(self, picture: Picture) -> None:
        """Note when the first picture is shown."""
        if self._first_picture_s is None:
            self._first_picture_s = picture.container_s - picture.time_s

    def hear(self, sound: AudioFrame, time_base: Fraction | None) -> None:
        """Encode decoded sound; see `Consumer.hear`."""
        for piece in self._resampler.convert(sound, time_base):
            self._add(piece)

    def finish(self) -> bytes:
        """Return the artifact."""
        for piece in self._resampler.flush():
            self._add(piece)
        if self._container is None:
            return pack(SoundIndex(kind=SOUND.name), [])
        self._encode(last=True)
        self._container.close()
        ogg = self._out.getvalue()
        index = SoundIndex(
            kind=SOUND.name,
            samples=self._samples,
            start_s=round(self._resampler.lead_s(self._first_picture_s), 6),
            ogg=Part(start=0, size=len(ogg)),
        )
        return pack(index, [ogg])

    def _add(self, piece: AudioFrame) -> None:
        if piece.samples > self._left or self._out.tell() > _MAX_OGG_BYTES:
            self._left = 0
            return
        if self._container is None:
            self._open()
        assert self._fifo is not None
        self._left -= piece.samples
        self._samples += piece.samples
        # Gaps in the sound are not filled, here as in the sound of a fingerprint.
        piece.pts = None
        self._fifo.write(piece)
        self._encode()

    def _open(self) -> None:
        import av  # noqa: PLC0415
        from av.audio.fifo import AudioFifo  # noqa: PLC0415
        from av.audio.stream import AudioStream  # noqa: PLC0415

        # Bit-exact: the serial number of the stream is not drawn by chance.
        self._container = av.open(
            self._out, "w", format="ogg", container_options={"fflags": "+bitexact"}
        )
        stream = self._container.add_stream(
            "libopus",
            rate=RATE_HZ,
            layout="mono",
            format="s16",
            options={"compression_level": _EFFORT, "application": "audio", "flags": "+bitexact"},
        )
        assert isinstance(stream, AudioStream)
        stream.bit_rate = BIT_RATE
        self._stream, self._fifo = stream, AudioFifo()

    def _encode(self, *, last: bool = False) -> None:
        assert self._container is not None and self._stream is not None and self._fifo is not None
        while (frame := self._fifo.read(_FRAME)) is not None:
            self._container.mux(self._stream.encode(frame))
        if last:
            if (rest := self._fifo.read(0, partial=True)) is not None:
                self._container.mux(self._stream.encode(rest))
            self._container.mux(self._stream.encode(None))


def read_sound_index(body: bytes) -> SoundIndex:
    """Return the index of the artifact, whole or its beginning; see `filmgate.media.packed`.

    Raises:
        DamagedArtifactError: this is not such an artifact.
    """
    return read_index(body, SoundIndex, SOUND.name)[0]


def sound_blocks(body: bytes, block_s: float = _BLOCK_S) -> Iterator[NDArray[np.float32]]:
    """Yield the sound in blocks of so many seconds: float32 mono in [-1, 1] at `RATE_HZ`.

    For long sound, of which six hours are 1.4 GB at once.

    Raises:
        DamagedArtifactError: this is not such an artifact, or it is not whole.
    """
    import av  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    index, begin = read_index(body, SoundIndex, SOUND.name)
    if not index.samples:
        return
    wanted, left = max(1, round(block_s * RATE_HZ)), index.samples
    kept: list[NDArray[np.float32]] = []
    count = 0
    try:
        for samples in _decoded(part(body, begin, index.ogg)):
            kept.append(samples[:left])
            left -= len(kept[-1])
            count += len(kept[-1])
            while count >= wanted:
                joined = np.concatenate(kept)
                yield joined[:wanted]
                kept, count = [joined[wanted:]], count - wanted
    except av.FFmpegError as error:
        raise DamagedArtifactError("the sound of the artifact cannot be decoded") from error
    if count:
        yield np.concatenate(kept)


def read_sound(body: bytes) -> NDArray[np.float32]:
    """Return all the sound: float32 mono in [-1, 1] at `RATE_HZ`; empty where there is none.

    Raises:
        DamagedArtifactError: this is not such an artifact, or it is not whole.
    """
    import numpy as np  # noqa: PLC0415

    return np.concatenate([np.zeros(0, np.float32), *sound_blocks(body)])


def _decoded(ogg: bytes) -> Iterator[NDArray[np.float32]]:
    import av  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    resampler = MonoResampler(RATE_HZ, "flt")
    with av.open(BytesIO(ogg), "r", format="ogg") as container:
        for frame in container.decode(audio=0):
            for piece in resampler.convert(frame, frame.time_base):
                yield piece.to_ndarray().reshape(-1).clip(-1.0, 1.0).astype(np.float32, copy=False)
        for piece in resampler.flush():
            yield piece.to_ndarray().reshape(-1).clip(-1.0, 1.0).astype(np.float32, copy=False)


def check(body: bytes) -> None:
    """Raise DamagedArtifactError unless the bytes have the shape of the artifact."""
    index, begin = read_index(body, SoundIndex, SOUND.name)
    check_parts(body, begin, [index.ogg])
    if bool(index.samples) != bool(index.ogg.size) or abs(index.start_s) > MAX_LEAD_S:
        raise DamagedArtifactError("the index of the sound is out of bounds")
    if index.ogg.size and not body.startswith(_OGG_START, begin):
        raise DamagedArtifactError("the sound is not an Ogg file")
