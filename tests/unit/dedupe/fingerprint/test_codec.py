"""Fingerprints as bytes: there, back, and what damage does."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filmgate.dedupe.fingerprint.codec import DamagedFingerprintError, dumps, loads
from filmgate.dedupe.fingerprint.model import AudioTrack, Fingerprint, FrameTrack
from filmgate.engines.embedding.track import EmbeddingTrack, Scale
from filmgate.media.model import MediaInfo, MediaKind


def made(seed: int = 1, frames: int | None = 3, peaks: int | None = 5) -> Fingerprint:
    """A fingerprint of random content; None leaves a part out."""
    rng = np.random.default_rng(seed)
    track = None
    if frames is not None:
        track = FrameTrack(
            times_s=np.sort(rng.uniform(0, 9, frames)).astype(np.float32),
            coefficients=rng.integers(-127, 128, (frames, 16, 16)).astype(np.int8),
            chroma=rng.integers(-127, 128, (frames, 4)).astype(np.int8),
            quality=rng.uniform(0, 1, frames).astype(np.float32),
            motion_region=rng.uniform(0, 1, 4).astype(np.float32),
            bars=rng.uniform(0, 1, 4).astype(np.float32),
            crops=rng.integers(0, 256, (2 * frames, 32)).astype(np.uint8),
            crop_frames=np.repeat(np.arange(frames), 2).astype(np.int32),
        )
    audio = None
    if peaks is not None:
        audio = AudioTrack(
            np.arange(peaks, dtype=np.int32),
            rng.integers(0, 4001, peaks).astype(np.uint16),
            rng.integers(0, 56, peaks).astype(np.uint8),
            silent=peaks == 0,
        )
    info = MediaInfo(
        kind=MediaKind.VIDEO, format="mp4", content_type="video/mp4", duration_s=9.5, camera="Ä 1"
    )
    pdq = ((0.0, "ab" * 32, 90),)
    return Fingerprint("engine/1", "0" * 64, info, track, audio, pdq, ("It ends early.",))


FORMAT_4 = Path(__file__).parent / "data" / "format-4.npz"
"""Written by the first version with a format number in its errors; never written again."""


def with_embeddings(fingerprint: Fingerprint, seed: int, count: int) -> Fingerprint:
    rng = np.random.default_rng(seed)
    track = EmbeddingTrack(
        engine="tiny/1+0a1b",
        times_s=np.arange(count, dtype=np.float32),
        vectors=rng.normal(size=(count, 8)).astype(np.float16),
        bias=rng.uniform(0, 1, count).astype(np.float32),
        scale=Scale(0.4, 0.6),
    )
    return dataclasses.replace(fingerprint, embeddings=track)


def same(one: Any, other: Any) -> bool:
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return type(one) is type(other) and all(
            same(getattr(one, name), getattr(other, name)) for name in names
        )
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return bool(one == other)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.none() | st.integers(0, 40),
    st.none() | st.integers(0, 200),
)
def test_what_is_stored_comes_back(seed: int, frames: int | None, peaks: int | None) -> None:
    fingerprint = made(seed, frames, peaks)
    assert same(loads(dumps(fingerprint)), fingerprint)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 16))
def test_embeddings_come_back(seed: int, count: int) -> None:
    fingerprint = with_embeddings(made(seed), seed, count)
    assert same(loads(dumps(fingerprint)), fingerprint)


def test_without_embeddings_nothing_is_stored_of_them() -> None:
    """So what was stored before there were any is the same bytes."""
    with np.load(io.BytesIO(dumps(made()))) as stored:
        assert "embeddings" not in json.loads(stored["head"].tobytes())
        assert not [name for name in stored.files if name.startswith("embeddings")]


def test_the_same_fingerprint_gives_the_same_bytes() -> None:
    assert dumps(made()) == dumps(made())
    assert dumps(made(1)) != dumps(made(2))


def test_bytes_are_compact() -> None:
    assert len(dumps(made(frames=60))) < 60 * 400


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(DamagedFingerprintError):
        loads(data)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_truncated_bytes_are_refused(data: st.DataObject) -> None:
    whole = dumps(made())
    with pytest.raises(DamagedFingerprintError):
        loads(whole[: data.draw(st.integers(0, len(whole) - 1))])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_flipped_bytes_are_refused_or_harmless(data: st.DataObject) -> None:
    whole = bytearray(dumps(made()))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = loads(bytes(whole))
    except DamagedFingerprintError:
        return
    assert same(found, made())


def archive(**arrays: np.ndarray[Any, Any]) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=True, **arrays)
    return out.getvalue()


def npy(array: np.ndarray[Any, Any]) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def head(**changes: object) -> np.ndarray[Any, Any]:
    with np.load(io.BytesIO(dumps(made()))) as stored:
        values = json.loads(stored["head"].tobytes()) | changes
    return np.frombuffer(json.dumps(values).encode(), dtype=np.uint8)


@pytest.mark.parametrize(
    "data",
    [
        npy(np.arange(4)),
        archive(),
        archive(head=np.frombuffer(b"[1]", dtype=np.uint8)),
        archive(head=np.frombuffer(b"7", dtype=np.uint8)),
        archive(head=np.frombuffer(b"\xff", dtype=np.uint8)),
        archive(head=head(format=99)),
        archive(head=head(info={"kind": "smell"})),
        archive(head=head(pdq=[1])),
        archive(head=head(notes=None)),
        archive(head=head(audio={"hop": 1})),
        archive(head=head(), frames_times_s=np.zeros(1)),
        b"\x80\x04K\x01.",
    ],
    ids=[
        "one array",
        "nothing",
        "a list",
        "a number",
        "no JSON",
        "another format",
        "odd facts",
        "odd hashes",
        "no notes",
        "odd sound",
        "missing arrays",
        "a pickle",
    ],
)
def test_well_formed_files_that_are_no_fingerprints_are_refused(data: bytes) -> None:
    with pytest.raises(DamagedFingerprintError):
        loads(data)


def test_a_newer_format_is_refused_with_what_to_do() -> None:
    with pytest.raises(DamagedFingerprintError, match=r"format 99.* up to 4: deploy the version"):
        loads(archive(head=head(format=99)))


def test_an_older_format_is_refused_with_what_to_do() -> None:
    with pytest.raises(DamagedFingerprintError, match=r"format 3.*process the file again"):
        loads(archive(head=head(format=3)))


def test_the_kept_file_of_format_4_is_read() -> None:
    assert same(loads(FORMAT_4.read_bytes()), with_embeddings(made(), 1, 3))


def test_arrays_that_a_later_version_adds_are_left_out() -> None:
    with np.load(io.BytesIO(dumps(made()))) as stored:
        arrays = {name: stored[name] for name in stored.files}
    assert same(loads(archive(**arrays, frames_later=np.arange(3))), made())
