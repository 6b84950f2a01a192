"""Archives made to harm whoever reads them."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from typing import Any

import numpy as np
import pytest

from filmgate.dedupe.fingerprint.codec import DamagedFingerprintError, dumps, loads
from tests.unit.dedupe.fingerprint.test_codec import made, with_embeddings

MIB = 1024**2


def changed(members: dict[str, bytes | None] | None = None, **arrays: Any) -> bytes:
    """An honest fingerprint with other arrays, or other bytes in place of some; None removes."""
    with zipfile.ZipFile(io.BytesIO(dumps(with_embeddings(made(), 1, 3)))) as honest:
        bodies: dict[str, bytes | None] = {name: honest.read(name) for name in honest.namelist()}
    bodies |= {f"{name}.npy": npy(array) for name, array in arrays.items()} | (members or {})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in bodies.items():
            if body is not None:
                archive.writestr(name, body)
    return out.getvalue()


def npy(array: np.ndarray[Any, Any]) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def head(**changes: object) -> np.ndarray[Any, Any]:
    with np.load(io.BytesIO(dumps(made()))) as stored:
        values = json.loads(stored["head"].tobytes()) | changes
    return np.frombuffer(json.dumps(values).encode(), dtype=np.uint8)


def claiming(shape: tuple[int, ...], dtype: str = "|i1") -> bytes:
    """An array's header that promises more than follows."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        out, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return out.getvalue() + b"\0" * 64


def test_what_is_honest_passes() -> None:
    assert loads(changed()).embeddings is not None


def test_what_no_fingerprint_has_is_left_out() -> None:
    data = changed({"../../etc/passwd": b"x", "surplus.npy": b"not an array"})
    assert dumps(loads(data)) == dumps(loads(changed()))


@pytest.mark.parametrize(
    "data",
    [
        changed(frames_quality=np.array([0.5, np.nan, 0.5], np.float32)),
        changed(frames_quality=np.array([0.5, 2.0, 0.5], np.float32)),
        changed(frames_times_s=np.array([0, np.inf, 1], np.float32)),
        changed(frames_times_s=np.zeros(4, np.float32)),
        changed(frames_crop_frames=np.array([0, 0, 1, 1, 2, 3], np.int32)),
        changed(frames_crop_frames=np.array([0, 0, 1, 1, 2, -1], np.int32)),
        changed(frames_coefficients=np.zeros((3, 16, 15), np.int8)),
        changed(frames_coefficients=np.zeros((3, 16, 16), np.float64)),
        changed(frames_bars=np.zeros(5, np.float32)),
        changed(frames_chroma=np.array([[None] * 4] * 3, dtype=object)),
        changed(embeddings_vectors=np.zeros((2, 8), np.float16)),
        changed(audio_times_ms=np.zeros(5, ">i4")),
        changed({"frames_crops.npy": claiming((2**40, 32), "|u1")}),
        changed({"frames_crops.npy": claiming((-1, 32), "|u1")}),
        changed({"frames_crops.npy": b"\x93NUMPY\x03\x00"}),
        changed({"frames_quality.npy": None}),
        changed(head=head(pdq=[[0.0, "zz" * 32, 1]])),
        changed(head=head(pdq=[[0.0, "ab" * 32, "1"]])),
        changed(head=head(pdq=[[float("nan"), "ab" * 32, 1]])),
        changed(head=head(notes=["x" * 10_000])),
        changed(head=head(engine="x" * 10_000)),
        changed(head=head(audio={"silent": 7})),
        changed(head=np.frombuffer(b"[" * 100_000, np.uint8)),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(data: bytes) -> None:
    with pytest.raises(DamagedFingerprintError):
        loads(data)


def bomb(size: int, said: int | None = None) -> bytes:
    """A member of so many zeros, whose lists say that it is of another length."""
    body = npy(np.zeros(0, np.int8)) + bytes(size)
    data = changed({"frames_coefficients.npy": body})
    if said is None:
        return data
    return data.replace(len(body).to_bytes(4, "little"), said.to_bytes(4, "little"))


def crowd(count: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(count):
            archive.writestr(str(number), b"")
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [bomb(300 * MIB), bomb(300 * MIB, said=1000), crowd(50_000)],
    ids=["zeros", "zeros that say they are few", "a crowd"],
)
def test_a_bomb_takes_little_memory(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DamagedFingerprintError):
            loads(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * MIB + len(data)
