"""Arrays in one block of bytes that can be read in place, so that a file of them can be mapped.

Layout: 8 bytes of magic, the header's length (uint32, little endian), the header (JSON: name to
[dtype, shape, offset]), then the arrays, each at a multiple of 64 bytes from the start.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filmgate.errors import FilmgateError

_MAGIC = b"FGARRAY1"
_HEAD = struct.Struct("<8sI")
_ALIGN = 64

Arrays = dict[str, NDArray[Any]]


class PackingError(FilmgateError):
    """The bytes are no packed arrays, or are cut off."""


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """One block of bytes. Arrays of numbers or fixed-length bytes only."""
    parts = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    # The header holds offsets, and its length moves them: offsets count from the body's start.
    offset = 0
    layout: dict[str, tuple[str, tuple[int, ...], int]] = {}
    for name, array in parts.items():
        layout[name] = (array.dtype.str, array.shape, offset)
        offset = _aligned(offset + array.nbytes)
    header = json.dumps(layout, separators=(",", ":")).encode()
    head = _HEAD.pack(_MAGIC, len(header)) + header
    # Joined from views, so that the block is the one copy.
    pieces: list[bytes | memoryview] = [head, _padding(len(head))]
    for array in parts.values():
        pieces += [array.reshape(-1).view(np.uint8).data, _padding(array.nbytes)]
    return b"".join(pieces)


def unpack(block: bytes | NDArray[np.uint8]) -> Arrays:
    """The arrays, as read-only views into the block. Raises PackingError."""
    data = np.frombuffer(block, dtype=np.uint8)
    try:
        magic, length = _HEAD.unpack(data[: _HEAD.size].tobytes())
        if magic != _MAGIC:
            raise PackingError("these bytes are no packed arrays")
        layout = json.loads(data[_HEAD.size : _HEAD.size + length].tobytes())
        start = _aligned(_HEAD.size + length)
        return {name: _view(data, start, *place) for name, place in layout.items()}
    except (struct.error, ValueError, TypeError) as error:
        raise PackingError("these packed arrays are damaged") from error


def _view(
    data: NDArray[np.uint8], start: int, dtype: str, shape: list[int], offset: int
) -> NDArray[Any]:
    kind = np.dtype(dtype)
    size = kind.itemsize * int(np.prod(shape, dtype=np.int64))
    return data[start + offset : start + offset + size].view(kind).reshape(shape)


def _padding(size: int) -> bytes:
    return bytes(_aligned(size) - size)


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGN) * _ALIGN
