"""A bounded set of pictures as JPEG files, with their times, in one artifact."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from pydantic import Field

from filmgate.media.packed import (
    DamagedArtifactError,
    PackedIndex,
    Part,
    check_parts,
    pack,
    part,
    parts_of,
    read_index,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
JPEG_QUALITY = 85
"""Small print at 640 pixels stays as readable as before; a picture takes about 50 kB."""


class PicturePlace(Part):
    """One picture: its time in seconds from the first one, and its size in pixels."""

    time_s: float = Field(ge=0)
    width: int = Field(ge=1)
    height: int = Field(ge=1)


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


def decode_jpeg(jpeg: bytes, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a JPEG file of a set as uint8 RGB.

    Args:
        size: its width and height. A file of another size is not decoded: what it would cost is
            not known.

    Raises:
        DamagedArtifactError: it is not such a file.
    """
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    try:
        with Image.open(BytesIO(jpeg), formats=("JPEG",)) as image:
            if image.size != size:
                raise DamagedArtifactError("a picture does not have the size that the index states")
            return np.asarray(image.convert("RGB"), dtype=np.uint8)
    except (OSError, SyntaxError, ValueError) as error:
        raise DamagedArtifactError("a picture of the artifact cannot be decoded") from error


def read_pictures(body: bytes, kind: str) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield (time in seconds, uint8 RGB) of each picture of an artifact, decoding one at a time.

    Raises:
        DamagedArtifactError: the artifact is not of this kind, or not whole.
    """
    index, begin = read_index(body, PictureIndex, kind)
    for place in index.pictures:
        yield place.time_s, decode_jpeg(part(body, begin, place), (place.width, place.height))


def check_pictures(body: bytes, kind: str, *, side: int, max_pictures: int, max_times: int) -> None:
    """Raise DamagedArtifactError unless this is such an artifact within these bounds.

    Args:
        side: the longer side of a picture in pixels.
    """
    index, begin = read_index(body, PictureIndex, kind)
    check_parts(body, begin, index.pictures)
    if len(index.pictures) > max_pictures or len(index.times_s) > max_times:
        raise DamagedArtifactError(f"there are more {kind} than there may be")
    for place in index.pictures:
        start = begin + place.start
        if max(place.width, place.height) > side:
            raise DamagedArtifactError(f"a picture of {kind} is too large")
        if not (
            body.startswith(_JPEG_START, start)
            and body.endswith(_JPEG_END, start, start + place.size)
        ):
            raise DamagedArtifactError(f"a picture of {kind} is not a JPEG file")
