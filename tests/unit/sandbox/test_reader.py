"""Real files through real children: the same to the byte as without a sandbox."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from filmgate.dedupe.engine import FINGERPRINT as FINGERPRINT_NEED
from filmgate.dedupe.fingerprint.codec import dumps, loads
from filmgate.engines.embedding.onnx import open_engine
from filmgate.errors import MediaRefused
from filmgate.media.limits import Limits
from filmgate.media.shared_names import SHARED_NAMES
from filmgate.pipeline.artifacts import FINGERPRINT
from filmgate.sandbox.inprocess import InProcessReader
from filmgate.sandbox.model import MIB, Budget, Request
from filmgate.sandbox.process import Zygote
from filmgate.sandbox.reader import SandboxedReader
from filmgate.sandbox.wire import unpacked
from tests import media_factory as make
from tests.unit.engines.embedding import tiny
from tests.unit.pipeline.flow import Flow, picture

CHECKOUT = Path(__file__).resolve().parents[3]
LIMITS = Limits()


def jpeg(folder: Path) -> Path:
    path = folder / "blobs.jpg"
    path.write_bytes(picture(3, side=640))
    return path


FILES: dict[str, Callable[[Path], Path]] = {
    "jpeg": jpeg,
    "turned": make.exif_turned,
    "gif": lambda folder: make.animation(folder, "gif"),
    "webp": lambda folder: make.animation(folder, "webp"),
    "apng": lambda folder: make.animation(folder, "png"),
    "lab": lambda folder: make.image_in_mode(folder, "lab"),
    "avif": lambda folder: make.image_in_mode(folder, "avif"),
    "video": lambda folder: make.video(folder / "film.mp4", seconds=8),
    "ten bit": make.ten_bit,
    "rotated": make.rotated,
    "sound": lambda folder: make.audio_alone(folder, "mp3"),
    "cut": make.cut_in_half_index_first,
}
REFUSED: dict[str, Callable[[Path], Path]] = {
    "empty": make.empty_file,
    "text": make.text_called_mp4,
    "playlist": make.hls_called_mp4,
    "huge": make.huge_png,
    "no streams": make.no_streams,
    "no pictures": make.no_pictures,
    "cut": make.cut_in_half_index_last,
    "claims": make.claims_samples,
}


@pytest.fixture(scope="module")
def reader() -> Iterator[SandboxedReader]:
    reader = SandboxedReader(2048 * MIB)
    yield reader
    reader.close()


@pytest.mark.parametrize("name", FILES)
def test_a_child_reads_a_file_as_this_process_does(
    reader: SandboxedReader, tmp_path: Path, name: str
) -> None:
    path, here = FILES[name](tmp_path), InProcessReader()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    info = here.probe(path, LIMITS)
    assert reader.probe(path, LIMITS) == info
    everything = (FINGERPRINT_NEED, *SHARED_NAMES)
    wanted = here.read(path, digest, info, LIMITS, pictures=True, artifacts=everything)
    found = reader.read(path, digest, info, LIMITS, pictures=True, artifacts=everything)
    assert found.fingerprint is not None and wanted.fingerprint is not None
    assert dumps(found.fingerprint) == dumps(wanted.fingerprint)
    assert found.shared == wanted.shared
    assert set(found.shared) == set(SHARED_NAMES)
    assert found.tiles == wanted.tiles
    assert [one.time_s for one in found.pictures] == [one.time_s for one in wanted.pictures]
    for one, other in zip(found.pictures, wanted.pictures, strict=True):
        assert np.array_equal(one.rgb, other.rgb)
    assert reader.read(path, digest, info, LIMITS, pictures=False).pictures == ()


def test_a_child_makes_shared_artifacts_without_a_fingerprint(
    reader: SandboxedReader, tmp_path: Path
) -> None:
    path = FILES["video"](tmp_path)
    info = InProcessReader().probe(path, LIMITS)
    asked = ("sound16k", "frames")
    found = reader.read(path, "0" * 64, info, LIMITS, pictures=True, artifacts=asked)
    here = InProcessReader().read(path, "0" * 64, info, LIMITS, pictures=True, artifacts=asked)
    assert (found.fingerprint, found.tiles, found.pictures) == (None, None, ())
    assert list(found.shared) == ["sound16k", "frames"]
    assert found.shared == here.shared


@pytest.mark.parametrize("name", REFUSED)
def test_a_child_refuses_a_file_as_this_process_does(
    reader: SandboxedReader, tmp_path: Path, name: str
) -> None:
    path = REFUSED[name](tmp_path)
    with pytest.raises(MediaRefused) as wanted:
        InProcessReader().probe(path, LIMITS)
    with pytest.raises(MediaRefused) as found:
        reader.probe(path, LIMITS)
    assert (found.value.code, found.value.reason) == (wanted.value.code, wanted.value.reason)


def test_the_pipeline_gives_the_same_through_a_sandbox_with_a_model_too(
    reader: SandboxedReader, tmp_path: Path
) -> None:
    bodies = [picture(1), make.video(tmp_path / "film.mp4", seconds=8).read_bytes()]
    model = open_engine(tiny.install(tmp_path / "model"))
    stored: list[dict[str, bytes]] = []
    for chosen in (reader, None):
        flow = Flow(tmp_path / str(len(stored)), embedder=model, reader=chosen)
        for body in bodies:
            asset, _ = flow.upload("a", body)
            flow.derive(flow.state(asset))
        keys = flow.objects.keys("artifacts")
        stored.append({key: flow.objects.get("artifacts", key) for key in keys})
    assert stored[0] == stored[1]
    assert len(stored[0]) == 8
    prints = [body for key, body in stored[0].items() if key.endswith(FINGERPRINT)]
    tracks = [loads(body).embeddings for body in prints]
    assert [track is not None and len(track.times_s) > 0 for track in tracks] == [True, True]


def test_a_child_imports_nothing_more(tmp_path: Path) -> None:
    """What each child would import is imported once, before it is forked."""
    zygote = Zygote("tests.sandbox_jobs_importing")
    budget = Budget(memory_bytes=1024 * MIB, cpu_s=60, wall_s=60, answer_bytes=MIB)
    try:
        for name, write in FILES.items():
            path = write(tmp_path)
            ended = zygote.run(Request(job="read", path=str(path), arguments="", budget=budget))
            assert unpacked(ended.answer).parts == (b"",), name
    finally:
        zygote.close()


def test_the_parent_of_a_sandbox_imports_no_decoder() -> None:
    code = """
import sys
from filmgate.sandbox.reader import SandboxedReader
reader = SandboxedReader(2**30)
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )
    loaded = set(done.stdout.split())
    assert loaded.isdisjoint({"av", "PIL", "numpy", "filmgate.media.probe"})


def test_no_secret_of_the_environment_reaches_a_child(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-tell")
    zygote = Zygote("tests.sandbox_jobs")
    zygote.start()
    try:
        environment = Path(f"/proc/{zygote.pid}/environ")
        if os.access(environment, os.R_OK):
            assert b"do-not-tell" not in environment.read_bytes()
        zygote.capabilities()
    finally:
        zygote.close()
