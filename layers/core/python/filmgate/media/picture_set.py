"""A bounded set of pictures as JPEG files, with their times, in one artifact."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from filmgate.media.packed import PackedIndex, Part, pack, part, parts_of, read_index

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

JPEG_QUALITY = 85
"""Small print at 640 pixels stays as readable as before; a picture takes about 50 kB."""


class PicturePlace(Part):
    """One picture: its time in seconds from the first one, and its size in pixels."""

    time_s: float
    width: int
    height: int


class PictureIndex(PackedIndex):
    """The index of a set of pictures.

    Attributes:
        width, height: of the file's pictures upright and at full size; None where not stated.
        times_s: of all pictures that are announced, also those that are not in the set.
        pictures: in order of time.
    """

    width: int | None = None
    height: int | None = None
    times_s: tuple[float, ...] = ()
    pictures: tuple[PicturePlace, ...] = ()


class PictureSet:
    """Collects pictures up to a number and a size.

    When there would be more, every second one is dropped, so that they stay evenly spread over any
    length; `thinned` says how often that happened.
    """

    def __init__(self, max_pictures: int, max_bytes: int) -> None:
        self._max_pictures, self._max_bytes = max_pictures, max_bytes
        self._pictures: list[tuple[float, int, int, bytes]] = []
        self._bytes = 0
        self.thinned = 0

    def add(self, time_s: float, rgb: NDArray[np.uint8]) -> None:
        """Take the next picture: uint8 RGB, in order of time."""
        jpeg = encode_jpeg(rgb)
        height, width = rgb.shape[:2]
        self._pictures.append((time_s, width, height, jpeg))
        self._bytes += len(jpeg)
        while len(self._pictures) > max(1, self._max_pictures) or (
            self._bytes > self._max_bytes and len(self._pictures) > 1
        ):
            self._pictures = self._pictures[::2]
            self._bytes = sum(len(jpeg) for *_, jpeg in self._pictures)
            self.thinned += 1

    def packed(
        self,
        kind: str,
        size: tuple[int | None, int | None],
        times_s: tuple[float, ...] = (),
    ) -> bytes:
        """Return the artifact.

        Args:
            size: width and height of the file's pictures.
            times_s: see `PictureIndex`.
        """
        bodies = [jpeg for *_, jpeg in self._pictures]
        pictures = tuple(
            PicturePlace(
                start=place.start,
                size=place.size,
                time_s=round(time_s, 6),
                width=width,
                height=height,
            )
            for (time_s, width, height, _), place in zip(
                self._pictures, parts_of(bodies), strict=True
            )
        )
        index = PictureIndex(
            kind=kind, width=size[0], height=size[1], times_s=times_s, pictures=pictures
        )
        return pack(index, bodies)


def encode_jpeg(rgb: NDArray[np.uint8]) -> bytes:
    """Return a picture as a JPEG file."""
    from PIL import Image  # noqa: PLC0415

    out = BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def decode_jpeg(jpeg: bytes) -> NDArray[np.uint8]:
    """Return a JPEG file of a set as uint8 RGB."""
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    with Image.open(BytesIO(jpeg), formats=("JPEG",)) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8)


def read_pictures(body: bytes, kind: str) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield (time in seconds, uint8 RGB) of each picture of an artifact, decoding one at a time.

    Raises:
        DamagedArtifactError: the artifact is not of this kind, or not whole.
    """
    index, begin = read_index(body, PictureIndex, kind)
    for place in index.pictures:
        yield place.time_s, decode_jpeg(part(body, begin, place))
