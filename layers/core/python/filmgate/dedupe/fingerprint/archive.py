"""Reading a fingerprint's archive without believing it.

Bytes of a fingerprint come from a process that decoded somebody's file. What passes here is no
larger than a fingerprint can be and consistent in itself, so that whoever works on it later runs
into nothing odd: no array of another type or shape, no index that points beyond its array.
"""

from __future__ import annotations

import io
import math
import zipfile
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

Array = np.ndarray[Any, Any]

_MOST_BYTES = 256 * 1024**2
"""Of all arrays together; six hours of video with sound come to a tenth."""
_MOST_DIRECTORY_BYTES = 16 * 1024
_MOST_HEADER_BYTES = 1024
_END_BYTES, _LOCATOR_BYTES = 22, 20

_ARRAYS: dict[str, tuple[type[np.generic], tuple[int | str, ...]]] = {
    "head": (np.uint8, ("head",)),
    "frames_times_s": (np.float32, ("frames",)),
    "frames_coefficients": (np.int8, ("frames", 16, 16)),
    "frames_chroma": (np.int8, ("frames", 4)),
    "frames_quality": (np.float32, ("frames",)),
    "frames_stirring": (np.float32, (4,)),
    "frames_bars": (np.float32, (4,)),
    "frames_crops": (np.uint8, ("crops", 32)),
    "frames_crop_frames": (np.int32, ("crops",)),
    "keypoints_places": (np.float32, ("keypoints", 3)),
    "keypoints_patches": (np.int8, ("keypoints", 8, 8)),
    "audio_times_ms": (np.int32, ("peaks",)),
    "audio_frequencies_hz": (np.uint16, ("peaks",)),
    "audio_levels_db": (np.uint8, ("peaks",)),
    "embeddings_times_s": (np.float32, ("vectors",)),
    "embeddings_vectors": (np.float16, ("vectors", "dimensions")),
    "embeddings_bias": (np.float32, ("vectors",)),
}
"""Type and shape of each array; where lengths have one name, they are one length."""

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Note = Annotated[str, Field(max_length=1000)]
_Pdq = tuple[
    _Number,
    Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")],
    Annotated[int, Field(ge=0, le=100)],
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Audio(_Strict):
    silent: bool


class _Keypoints(_Strict):
    aspect: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Scale(_Strict):
    candidate: _Number
    similar: _Number


class _Embeddings(_Strict):
    engine: _Name
    scale: _Scale


class _Head(BaseModel):
    """The parts that are not arrays; `info` is checked by its own model."""

    engine: _Name
    sha256: Annotated[str, Field(max_length=64)]
    pdq: Annotated[list[_Pdq], Field(max_length=100_000)]
    notes: Annotated[list[_Note], Field(max_length=32)]
    audio: _Audio | None
    keypoints: _Keypoints | None
    embeddings: _Embeddings | None = None


def read(data: bytes) -> dict[str, Array]:
    """The arrays by name, each of the type and shape of its name.

    Raises:
        ValueError: it is not a fingerprint's archive.
        zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError: it
            is not an archive.
    """
    _check_directory(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > _MOST_BYTES:
            raise ValueError("the arrays are larger than those of any file")
        arrays: dict[str, Array] = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name not in _ARRAYS:
                # Of a later version, or of nobody.
                continue
            if name in arrays:
                raise ValueError("an array is there twice")
            with archive.open(member) as file:
                # With a length, no more than that is inflated, whatever the bytes would come to.
                body = file.read(member.file_size + 1)
            arrays[name] = _array(body, _ARRAYS[name][0])
    lengths: dict[str, int] = {}
    for name, array in arrays.items():
        _check_shape(name, array.shape, lengths)
    return arrays


def check_head(body: bytes) -> None:
    """Raises ValueError: something in it is missing, of another type, or out of bounds."""
    _Head.model_validate_json(body, strict=True)


def check_arrays(arrays: dict[str, Array]) -> None:
    """Raises ValueError: a number is not finite or out of range, or points at nothing."""
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name} has numbers that are none")
    pointers = arrays.get("frames_crop_frames")
    if pointers is not None and len(pointers):
        frames = len(arrays["frames_times_s"])
        if int(pointers.min()) < 0 or int(pointers.max()) >= frames:
            raise ValueError("crops are of frames that there are none of")
    quality = arrays.get("frames_quality")
    if quality is not None and ((quality < 0) | (quality > 1)).any():
        raise ValueError("the quality of a frame is out of range")


def _check_directory(data: bytes) -> None:
    """Refuse an archive whose list of members alone would fill the memory, before it is read."""
    end = data[-_END_BYTES:]
    locator = data[-_END_BYTES - _LOCATOR_BYTES : -_END_BYTES]
    if not end.startswith(b"PK\x05\x06") or locator.startswith(b"PK\x06\x07"):
        raise ValueError("not the archive of a fingerprint")
    if int.from_bytes(end[12:16], "little") > _MOST_DIRECTORY_BYTES:
        raise ValueError("there are more arrays than any fingerprint has")


def _array(body: bytes, kind: type[np.generic]) -> Array:
    """An array whose header says what follows, and nothing else."""
    file = io.BytesIO(body)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("the header of an array is of another version")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(
        file, max_header_size=_MOST_HEADER_BYTES
    )
    if dtype != np.dtype(kind):
        raise ValueError(f"an array is of {dtype}, not {np.dtype(kind)}")
    rest = body[file.tell() :]
    if math.prod(shape) * dtype.itemsize != len(rest) or min(shape, default=0) < 0:
        raise ValueError("an array is not as long as its header says")
    return np.frombuffer(bytearray(rest), dtype).reshape(shape, order="F" if fortran else "C")


def _check_shape(name: str, shape: tuple[int, ...], lengths: dict[str, int]) -> None:
    wanted = _ARRAYS[name][1]
    fits = len(shape) == len(wanted) and all(
        length == (rule if isinstance(rule, int) else lengths.setdefault(rule, length))
        for length, rule in zip(shape, wanted, strict=True)
    )
    if not fits:
        raise ValueError(f"{name} has the shape {shape}")
