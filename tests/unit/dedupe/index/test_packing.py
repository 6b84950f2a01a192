"""Packed arrays are in the safetensors format, aligned, and damaged ones are refused."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from filmgate.dedupe.index.packing import PackingError, pack, unpack

ARRAYS: dict[str, NDArray[Any]] = {
    "small": np.arange(5, dtype=np.uint8),
    "half": np.ones((3, 3), np.float16),
    "long": np.arange(6, dtype=np.uint64).reshape(2, 3),
    "empty": np.zeros((0, 4), np.int32),
    "real": np.linspace(0, 1, 7, dtype=np.float32),
}


def test_arrays_come_back_as_views() -> None:
    block = np.frombuffer(pack(ARRAYS, 3), dtype=np.uint8)
    arrays, schema = unpack(block)
    assert schema == 3
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert np.array_equal(arrays[name], array)
        assert arrays[name].flags.aligned
        assert not arrays[name].size or np.shares_memory(arrays[name], block)


def test_the_layout_is_that_of_safetensors() -> None:
    block = pack(ARRAYS, 1)
    (length,) = struct.unpack("<Q", block[:8])
    assert (8 + length) % 64 == 0
    header = json.loads(block[8 : 8 + length])
    assert header.pop("__metadata__") == {"schema": "1"}
    assert header["long"] == {"dtype": "U64", "shape": [2, 3], "data_offsets": [0, 48]}
    offset = 0
    for first, last in sorted(place["data_offsets"] for place in header.values()):
        assert first == offset
        offset = last
    assert 8 + length + offset == len(block)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_cut_and_flipped_bytes_are_refused_or_read(data: st.DataObject) -> None:
    whole = bytearray(pack(ARRAYS, 1))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    block = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        arrays, _ = unpack(block)
    except PackingError:
        return
    assert all(array.nbytes <= len(block) for array in arrays.values())


def test_other_bytes_are_refused() -> None:
    for block in (b"", b"x" * 7, b"FGARRAY1" + bytes(60), bytes(64)):
        with pytest.raises(PackingError):
            unpack(block)
