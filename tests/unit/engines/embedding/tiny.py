"""A small ONNX model with its manifest, made on the spot: means of 4 x 4 tiles, mixed.

Not a good model, but a real one: it goes through the runtime like any other.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests import onnx_models

SIDE, TILES, DIMENSIONS = 32, 4, 24


def model(dimensions: int = DIMENSIONS, seed: int = 1, batch: int | str = "n") -> bytes:
    """float32 (n, 3, 32, 32) named `picture` to float32 (n, d) named `embedding`."""
    inputs = 3 * TILES * TILES
    mix = np.random.default_rng(seed).normal(size=(inputs, dimensions)).astype(np.float32)
    tile = SIDE // TILES
    graph = helper.make_graph(
        [
            helper.make_node(
                "AveragePool", ["picture"], ["tiles"], kernel_shape=[tile, tile], strides=[tile] * 2
            ),
            helper.make_node("Flatten", ["tiles"], ["flat"]),
            helper.make_node("MatMul", ["flat", "mix"], ["embedding"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [batch, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, dimensions])],
        [numpy_helper.from_array(mix, "mix")],
    )
    return onnx_models.serialised(graph)


def by_hand(picture: NDArray[np.uint8], seed: int = 1) -> NDArray[np.float32]:
    """What the model gives for a picture of its own size, without the runtime: float32 (d,)."""
    mix = np.random.default_rng(seed).normal(size=(3 * TILES**2, DIMENSIONS)).astype(np.float32)
    tile = SIDE // TILES
    values = (picture.astype(np.float32) / 255 - 0.5) / 0.25
    tiles = values.reshape(TILES, tile, TILES, tile, 3).mean(axis=(1, 3))
    made = tiles.transpose(2, 0, 1).ravel() @ mix
    return (made / np.linalg.norm(made)).astype(np.float32)


def install(folder: Path, made: bytes | None = None, **changes: Any) -> Path:
    """A model and its manifest in a folder; the manifest's path. Changes replace its fields."""
    given = {
        "name": "tiny",
        "version": "1",
        "licence": "MIT",
        "input": onnx_models.square_input(SIDE, (0.5,) * 3, (0.25,) * 3),
        "output": {"name": "embedding", "dimensions": DIMENSIONS, "normalise": True},
        "scale": {"candidate": 0.6, "similar": 0.8},
    }
    return onnx_models.install(folder, model() if made is None else made, given | changes)


def background(folder: Path, rows: NDArray[Any]) -> dict[str, str]:
    """The manifest's part for a background of these vectors, put beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "background.npy", rows)
    body = (folder / "background.npy").read_bytes()
    return {"file": "background.npy", "sha256": hashlib.sha256(body).hexdigest()}
