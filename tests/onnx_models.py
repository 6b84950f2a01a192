"""ONNX models with their manifests, as a deployment has them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from onnx import GraphProto, helper

OPSET, IR = 17, 10
"""Old enough for every onnxruntime that the project allows."""


def serialised(graph: GraphProto) -> bytes:
    """A model of one graph, as the bytes of a file."""
    opset = helper.make_opsetid("", OPSET)
    made: bytes = helper.make_model(graph, opset_imports=[opset], ir_version=IR).SerializeToString()
    return made


def install(folder: Path, body: bytes, manifest: Mapping[str, Any]) -> Path:
    """Write a model and its manifest, with the weights filled in; the manifest's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(body)
    weights = {"file": "model.onnx", "sha256": hashlib.sha256(body).hexdigest()}
    path = folder / "manifest.json"
    path.write_text(json.dumps({"weights": weights} | dict(manifest)))
    return path


def square_input(side: int, mean: tuple[float, ...], std: tuple[float, ...]) -> dict[str, Any]:
    """The manifest's input for pictures stretched to a square."""
    return {"width": side, "height": side, "fit": "stretch", "mean": mean, "std": std}
