"""Finding the model of a deployment: a path, an object, or none, and never a failure."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from filmgate.engines.embedding.load import load
from filmgate.errors import TransientError
from tests.memory import MemoryObjects
from tests.unit.engines.embedding import tiny

KEY = "models/tiny/manifest.json"


class Bucket:
    """Objects by key, as `load` fetches them; `fetched` are the keys in order."""

    def __init__(self, source: Path | None = None) -> None:
        self.objects, self.fetched = MemoryObjects(), list[str]()
        for path in source.iterdir() if source else ():
            self.put(path.name, path.read_bytes())

    def put(self, name: str, body: bytes) -> None:
        self.objects.put("artifacts", f"models/tiny/{name}", body, "application/octet-stream")

    def __call__(self, key: str, target: Path) -> None:
        self.fetched.append(key)
        self.objects.download("artifacts", key, target)


def test_nothing_configured_is_no_engine() -> None:
    assert load("").engine is None
    assert load("").reason == "no model is configured"


def test_a_path(tmp_path: Path) -> None:
    loaded = load(str(tiny.install(tmp_path)))
    assert loaded.engine is not None
    assert loaded.reason is None


def test_an_object_and_what_lies_beside_it(tmp_path: Path) -> None:
    tiny.install(tmp_path / "source")
    bucket, folder = Bucket(tmp_path / "source"), tmp_path / "here"
    first = load(KEY, bucket, folder)
    assert first.engine is not None
    assert bucket.fetched == [KEY, "models/tiny/model.onnx"]
    bucket.fetched.clear()
    again = load(KEY, bucket, folder)
    assert again.engine is not None
    assert again.engine.name == first.engine.name
    assert bucket.fetched == [KEY], "weights that are here are not fetched again"


def test_what_is_here_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are hundreds of megabytes, and every cold start reads them."""
    source = tmp_path / "source"
    rows = np.eye(tiny.DIMENSIONS, dtype=np.float32)
    tiny.install(source, background=tiny.background(source, rows))
    bucket, folder = Bucket(source), tmp_path / "here"
    assert load(KEY, bucket, folder).engine is not None
    names, real = list[str](), Path.read_bytes

    def read(path: Path) -> bytes:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    bucket.fetched.clear()
    assert load(KEY, bucket, folder).engine is not None
    assert bucket.fetched == [KEY]
    assert sorted(names) == ["background.npy", "manifest.json", "model.onnx"]


def test_a_new_model_under_the_same_key_is_taken(tmp_path: Path) -> None:
    tiny.install(tmp_path / "source")
    folder = tmp_path / "here"
    first = load(KEY, Bucket(tmp_path / "source"), folder).engine
    tiny.install(tmp_path / "source", tiny.model(seed=4), version="2")
    second = load(KEY, Bucket(tmp_path / "source"), folder).engine
    assert first is not None
    assert second is not None
    assert second.name.startswith("tiny/2+")


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("manifest.json", "there is no object models/tiny/manifest.json"),
        ("model.onnx", "there is no object models/tiny/model.onnx"),
    ],
)
def test_missing_objects_are_the_reason(tmp_path: Path, missing: str, words: str) -> None:
    tiny.install(tmp_path / "source")
    (tmp_path / "source" / missing).unlink()
    loaded = load(KEY, Bucket(tmp_path / "source"), tmp_path / "here")
    assert loaded.engine is None
    assert loaded.reason == words


def test_weights_that_were_changed_in_storage_are_the_reason(tmp_path: Path) -> None:
    tiny.install(tmp_path / "source")
    bucket = Bucket(tmp_path / "source")
    bucket.put("model.onnx", tiny.model(seed=8))
    loaded = load(KEY, bucket, tmp_path / "here")
    assert loaded.engine is None
    assert "SHA-256" in str(loaded.reason)


def test_no_storage_and_no_runtime_are_reasons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no storage here" in str(load(KEY).reason)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    loaded = load(str(tiny.install(tmp_path)))
    assert (loaded.engine, loaded.reason) == (None, "onnxruntime is not installed")


def test_storage_that_does_not_answer_is_tried_again_and_no_reason(tmp_path: Path) -> None:
    def down(key: str, target: Path) -> None:
        target.write_bytes(b"half")
        raise TransientError("S3 did not answer")

    with pytest.raises(TransientError):
        load(KEY, down, tmp_path / "here")
    assert not [path for path in (tmp_path / "here").rglob("*") if path.is_file()]
