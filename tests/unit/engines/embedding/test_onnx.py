"""A real runtime on a small model: what it gives, and everything it is refused for."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from filmgate.engines.embedding.manifest import Input
from filmgate.engines.embedding.onnx import open_engine
from filmgate.engines.embedding.pictures import prepared
from filmgate.engines.embedding.port import EmbeddingError
from tests.unit.engines.embedding import tiny
from tests.unit.engines.embedding.tracks import units

RNG = np.random.default_rng(5)


def pictures(count: int, side: int = tiny.SIDE) -> list[NDArray[np.uint8]]:
    return list(RNG.integers(0, 256, (count, side, side, 3), dtype=np.uint8))


def told(manifest: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(manifest.read_text())
    return read


def test_the_runtime_gives_what_the_model_says(tmp_path: Path) -> None:
    engine = open_engine(tiny.install(tmp_path))
    frames = pictures(11)
    made = engine.embed(frames)
    assert made.dtype == np.float32
    assert made == pytest.approx(np.stack([tiny.by_hand(frame) for frame in frames]), abs=1e-4)
    assert np.linalg.norm(made, axis=1) == pytest.approx(1, abs=1e-5)
    assert engine.bias(made) == pytest.approx(np.zeros(11))


def test_pictures_of_any_size_and_none_at_all(tmp_path: Path) -> None:
    engine = open_engine(tiny.install(tmp_path))
    mixed = [RNG.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in ((1, 1), (7, 90))]
    assert engine.embed(mixed).shape == (2, engine.dimensions)
    assert engine.embed([]).shape == (0, engine.dimensions)


def test_a_model_for_one_picture_at_a_time_is_given_one(tmp_path: Path) -> None:
    frames = pictures(3)
    many = open_engine(tiny.install(tmp_path / "many")).embed(frames)
    one = open_engine(tiny.install(tmp_path / "one", tiny.model(batch=1))).embed(frames)
    assert one == pytest.approx(many, abs=1e-5)


def test_the_name_changes_with_all_that_vectors_hang_on(tmp_path: Path) -> None:
    first = tiny.install(tmp_path / "a")
    changes: dict[str, dict[str, Any]] = {
        "same": {},
        "licence": {"licence": "Apache-2.0"},
        "input": {"input": told(first)["input"] | {"mean": [0.4, 0.5, 0.5]}},
        "scale": {"scale": {"candidate": 0.5, "similar": 0.8}},
    }
    names = {
        key: open_engine(tiny.install(tmp_path / key, **change)).name
        for key, change in changes.items()
    }
    names["weights"] = open_engine(tiny.install(tmp_path / "w", tiny.model(seed=2))).name
    assert names["same"] == names["licence"]
    assert len(set(names.values())) == 4
    assert names["same"].startswith("tiny/1+")


def test_channels_and_fit(tmp_path: Path) -> None:
    picture = np.zeros((20, 40, 3), dtype=np.uint8)
    picture[:, 10:30] = (255, 0, 0)
    rule = {"width": 4, "height": 4, "mean": (0, 0, 0), "std": (1, 1, 1)}
    cropped = prepared([picture], Input(fit="crop", **rule))
    assert cropped.shape == (1, 3, 4, 4)
    # The outer columns reach a little over the cut, as when a whole picture is resized, then cut.
    assert cropped[0, 0].min() > 0.8
    assert cropped[0, 0, :, 1:3] == pytest.approx(np.ones((4, 2)))
    stretched = prepared([picture], Input(fit="stretch", **rule))
    assert stretched[0, 0, :, 0].max() < 0.2
    swapped = prepared([picture], Input(fit="crop", channels="bgr", **rule))
    assert swapped[0, 2] == pytest.approx(cropped[0, 0])
    assert swapped[0, 0].max() == 0


def test_a_background_gives_a_bias(tmp_path: Path) -> None:
    rows = units(RNG, 10, tiny.DIMENSIONS) * np.float32(3)
    manifest = tiny.install(tmp_path, background=tiny.background(tmp_path, rows))
    engine = open_engine(manifest)
    made = engine.embed(pictures(2))
    nearest = np.sort(made @ (rows / 3).T, axis=1)[:, -3:]
    assert engine.bias(made) == pytest.approx(nearest.mean(axis=1), abs=1e-5)


def without_weights(manifest: Path) -> None:
    (manifest.parent / "model.onnx").unlink()


def other_weights(manifest: Path) -> None:
    (manifest.parent / "model.onnx").write_bytes(tiny.model(seed=9))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without_weights, "model.onnx cannot be read: No such file"),
        (other_weights, "model.onnx has the SHA-256 .* but the manifest says"),
        (Path.unlink, "manifest.json cannot be read"),
    ],
)
def test_files_that_are_not_the_ones_described(tmp_path: Path, spoil: Any, words: str) -> None:
    manifest = tiny.install(tmp_path)
    spoil(manifest)
    with pytest.raises(EmbeddingError, match=words):
        open_engine(manifest)


def wide(**changes: Any) -> dict[str, Any]:
    return {"name": "embedding", "dimensions": tiny.DIMENSIONS, "normalise": True} | changes


def square(**changes: Any) -> dict[str, Any]:
    return {"width": 32, "height": 32, "fit": "stretch", "mean": [0] * 3, "std": [1] * 3} | changes


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"output": wide(dimensions=25)}, r"the model returns \(1, 24\), .* says \(1, 25\)"),
        ({"output": wide(name="vector")}, r"no output vector, but \['embedding'\]"),
        ({"output": wide(normalise=False)}, "not of unit length"),
        ({"input": square(width=64)}, r"takes tensor\(float\) .* says float \(3, 32, 64\)"),
        ({"input": square(name="image")}, r"has the inputs \['picture'\]"),
        ({"input": square(std=[1, 1, 0])}, "not a manifest: input.std.2 .*greater than 0"),
        ({"weights": {"file": "../model.onnx", "sha256": "0" * 64}}, "weights.file"),
        ({"scale": {"candidate": 0.8, "similar": 0.8}}, "candidate is not below similar"),
        ({"weigths": 1}, "weigths Extra inputs"),
    ],
)
def test_manifests_that_do_not_fit_the_model(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(EmbeddingError, match=words):
        open_engine(tiny.install(tmp_path, **changes))


@pytest.mark.parametrize(
    "rows",
    [np.ones((10, 5)), np.ones(24), np.ones((2, 24)), np.zeros((10, 24))],
    ids=["other dimensions", "one vector", "too few", "no direction"],
)
def test_backgrounds_that_do_not_fit(tmp_path: Path, rows: NDArray[Any]) -> None:
    manifest = tiny.install(tmp_path, background=tiny.background(tmp_path, rows))
    with pytest.raises(EmbeddingError):
        open_engine(manifest)


def test_bytes_that_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match="onnxruntime cannot use it"):
        open_engine(tiny.install(tmp_path, b"not a model"))


def test_weights_outside_the_file_are_not_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest would not cover them, and the runtime takes them from the working directory."""
    monkeypatch.chdir(tmp_path)
    loaded = onnx.load_from_string(tiny.model())
    onnx.save_model(
        loaded,
        str(tmp_path / "split.onnx"),
        save_as_external_data=True,
        location="mix.bin",
        size_threshold=0,
    )
    assert (tmp_path / "mix.bin").exists()
    with pytest.raises(EmbeddingError, match="onnxruntime cannot use it"):
        open_engine(tiny.install(tmp_path, (tmp_path / "split.onnx").read_bytes()))


def test_a_deployment_without_the_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = tiny.install(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EmbeddingError, match="onnxruntime is not installed"):
        open_engine(manifest)
