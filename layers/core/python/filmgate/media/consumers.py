"""What takes pictures and sound from a decoding pass, so that one pass serves several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from av.audio.frame import AudioFrame
    from numpy.typing import NDArray

    Rgb = NDArray[np.uint8]


class Depth(IntEnum):
    """How many of a video's pictures a consumer needs decoded; each includes those before it.

    FIRST is the first picture alone, from which the times of the sound are counted. KEYFRAMES are
    those that `Consumer.keyframe` asks for. SAMPLED are the pictures of the sampling grid with
    all that are decoded on the way to them.
    """

    FIRST = 0
    KEYFRAMES = 1
    SAMPLED = 2


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded picture. It is valid only during the call that hands it over.

    Attributes:
        time_s: seconds from the first picture.
        container_s: seconds on the clock of the container.
        sampled: whether the sampling grid picked it.
        rgb: the picture at a longer side of at most so many pixels, as in `Frame.rgb`; None where
            it cannot be converted. Consumers share the array and do not write to it.
        coarse: the same at a few pixels, at the lowest cost and without averaging.
    """

    time_s: float
    container_s: float
    sampled: bool
    rgb: Callable[[int], Rgb | None]
    coarse: Callable[[int], Rgb | None]


class Consumer:
    """Takes what a pass decodes and gives bytes at its end; by itself it takes nothing.

    Pictures and sound come in the order of the file, and not in step. What a consumer keeps has a
    bound of its own: nothing else limits how much it is given but `filmgate.media.limits.Limits`.

    Attributes:
        depth: the pictures that it needs.
        wants_sound: whether it needs the sound decoded.
    """

    depth: Depth = Depth.FIRST
    wants_sound: bool = False

    def keyframe(self, container_s: float) -> bool:  # noqa: ARG002 - for those that override it
        """Hear of a keyframe before it is decoded; whether its picture is wanted.

        Each picture that an image or an animation gives counts as one.
        """
        return False

    def see(self, picture: Picture) -> None:
        """Take a decoded picture: any, also one that nobody asked for."""

    def hear(self, sound: AudioFrame, time_base: Fraction | None) -> None:
        """Take decoded sound; the time base is that of the stream.

        Raises:
            av.FFmpegError, ValueError: the sound cannot be used; it is left out.
        """

    def finish(self) -> bytes:
        """Return the artifact. Called once, after the last picture and sound."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Serving:
    """Whom a pass serves.

    Attributes:
        frames: whether a caller takes the sampled frames and their sound, beside the consumers.
    """

    consumers: Sequence[Consumer] = ()
    frames: bool = True

    @property
    def depth(self) -> Depth:
        """The pictures that have to be decoded."""
        if self.frames:
            return Depth.SAMPLED
        return max((consumer.depth for consumer in self.consumers), default=Depth.FIRST)

    @property
    def sound(self) -> bool:
        """Whether the sound has to be decoded."""
        return self.frames or any(consumer.wants_sound for consumer in self.consumers)


def show_still(
    consumers: Sequence[Consumer], time_s: float, rgb: Callable[[int], Rgb | None]
) -> None:
    """Hand a picture of an image or an animation to consumers."""
    picture = Picture(time_s=time_s, container_s=time_s, sampled=True, rgb=rgb, coarse=rgb)
    for consumer in consumers:
        consumer.keyframe(time_s)
        consumer.see(picture)
