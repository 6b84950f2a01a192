"""Arrays in one block of bytes in the safetensors format, read in place.

Layout: the header's length (uint64, little endian), the header (JSON: name to dtype, shape and
offsets, and under ``__metadata__`` the schema number), then the arrays without gaps, those with the
largest elements first, so that each is aligned.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filmgate.arrays import U8
from filmgate.errors import FilmgateError

_LENGTH = struct.Struct("<Q")
_ALIGN = 64
"""The arrays begin at a multiple of so many bytes."""
_METADATA = "__metadata__"
_SCHEMA = "schema"
_NAMES = {
    "u1": "U8",
    "i4": "I32",
    "u4": "U32",
    "i8": "I64",
    "u8": "U64",
    "f2": "F16",
    "f4": "F32",
}
"""Names of the element types in the format."""
_TYPES = {name: np.dtype(f"<{kind}") for kind, name in _NAMES.items()}

Arrays = dict[str, NDArray[Any]]


class PackingError(FilmgateError):
    """The bytes are not packed arrays, are damaged, or have a schema that cannot be read."""


def pack(arrays: Mapping[str, NDArray[Any]], schema: int) -> bytes:
    """One block of bytes, the only copy of the arrays.

    Args:
        arrays: of the element types in `_NAMES`.
        schema: the number of the set of arrays, which `unpack` gives back.
    """
    ordered = sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))
    header: dict[str, Any] = {_METADATA: {_SCHEMA: str(schema)}}
    offset = 0
    pieces: list[bytes | memoryview] = []
    for name, array in ordered:
        header[name] = {
            "dtype": _NAMES[array.dtype.str[1:]],
            "shape": array.shape,
            "data_offsets": (offset, offset + array.nbytes),
        }
        offset += array.nbytes
        pieces.append(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(_LENGTH.size + len(text)) % _ALIGN)
    return b"".join([_LENGTH.pack(len(text)), text, *pieces])


def unpack(block: bytes | U8) -> tuple[Arrays, int]:
    """The arrays, as read-only views into the block, and their schema number.

    Raises:
        PackingError: the bytes are not packed arrays, or are damaged.
    """
    data = np.frombuffer(block, dtype=np.uint8)
    try:
        (length,) = _LENGTH.unpack(data[: _LENGTH.size].tobytes())
        start = _LENGTH.size + length
        if start > len(data):
            raise PackingError("these packed arrays are damaged: they end in the header")
        header = json.loads(data[_LENGTH.size : start].tobytes())
        schema = int(header.pop(_METADATA)[_SCHEMA])
        return {name: _view(data[start:], **place) for name, place in header.items()}, schema
    except (struct.error, AttributeError, LookupError, ValueError, TypeError) as error:
        raise PackingError("these packed arrays are damaged") from error


def _view(data: U8, dtype: str, shape: list[int], data_offsets: tuple[int, int]) -> NDArray[Any]:
    first, last = data_offsets
    if not 0 <= first <= last <= len(data):
        raise ValueError("an array lies outside the block")
    return data[first:last].view(_TYPES[dtype]).reshape(shape)
