"""The file format of artifacts that hold binary parts: an index first, then the parts.

A file is 8 bytes of magic, the length of the index as 4 bytes (little-endian), the index as JSON,
and the parts one after another. The index states where each part starts and how long it is, counted
from the end of the index, so that one ranged read gives the index and further ones single parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from filmgate.errors import FilmgateError

MAGIC = b"FGPACK1\n"
HEAD_BYTES = 12
"""Bytes before the index."""
_MAX_INDEX_BYTES = 16 * 1024**2
"""Far more than the largest index, of a hundred thousand times."""

Index = TypeVar("Index", bound="PackedIndex")


class DamagedArtifactError(FilmgateError):
    """The bytes are not an artifact of this kind."""


class Part(BaseModel):
    """Where a part is: ``start`` bytes after the index, ``size`` bytes long."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    start: int = Field(ge=0)
    size: int = Field(ge=0)


class PackedIndex(BaseModel):
    """What every index states.

    Attributes:
        kind: the artifact's name.
        schema_version: of the index.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: str
    schema_version: int = 1


def parts_of(bodies: Sequence[bytes]) -> tuple[Part, ...]:
    """Return where each of the parts will be."""
    parts, start = [], 0
    for body in bodies:
        parts.append(Part(start=start, size=len(body)))
        start += len(body)
    return tuple(parts)


def pack(index: PackedIndex, bodies: Sequence[bytes]) -> bytes:
    """Return the file of an index and its parts, which are where `parts_of` says."""
    text = index.model_dump_json().encode()
    return b"".join([MAGIC, len(text).to_bytes(4, "little"), text, *bodies])


def index_bytes(head: bytes) -> int:
    """Return how many bytes of the file hold everything before the parts.

    Args:
        head: the first `HEAD_BYTES` bytes of the file, or more.

    Raises:
        DamagedArtifactError: it is not such a file.
    """
    length = int.from_bytes(head[len(MAGIC) : HEAD_BYTES], "little")
    if len(head) < HEAD_BYTES or not head.startswith(MAGIC) or length > _MAX_INDEX_BYTES:
        raise DamagedArtifactError("these bytes are not an artifact with an index")
    return HEAD_BYTES + length


def read_index(body: bytes, model: type[Index], kind: str) -> tuple[Index, int]:
    """Return the index of a file, and where its parts begin.

    Args:
        body: the file, or its first `index_bytes` bytes.

    Raises:
        DamagedArtifactError: it is not a file of this kind, or not whole.
    """
    begin = index_bytes(body)
    if len(body) < begin:
        raise DamagedArtifactError(f"the index of {kind} ends early")
    try:
        index = model.model_validate_json(body[HEAD_BYTES:begin])
    except ValidationError as error:
        raise DamagedArtifactError(f"the index of {kind} cannot be read") from error
    if (index.kind, index.schema_version) != (kind, 1):
        raise DamagedArtifactError(f"this is not an artifact {kind} of schema 1")
    return index, begin


def part(body: bytes, begin: int, place: Part) -> bytes:
    """Return one part of a file. Raises DamagedArtifactError where it is not whole."""
    found = body[begin + place.start : begin + place.start + place.size]
    if len(found) < place.size:
        raise DamagedArtifactError("the artifact ends early")
    return found


def check_parts(body: bytes, begin: int, places: Sequence[Part]) -> None:
    """Raise DamagedArtifactError unless the parts follow one another up to the end of the file."""
    at = 0
    for place in places:
        if place.start != at:
            raise DamagedArtifactError("the parts of the artifact are not one after another")
        at += place.size
    if begin + at != len(body):
        raise DamagedArtifactError("the artifact is longer or shorter than its parts")
