"""An embedding engine on onnxruntime, on the processor.

onnxruntime is imported when a model is opened, so that everything else works without it.
"""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filmgate.arrays import F32
from filmgate.engines.embedding import normalise
from filmgate.engines.embedding.manifest import (
    Background,
    Manifest,
    Read,
    read_checked,
    read_manifest,
)
from filmgate.engines.embedding.pictures import prepared
from filmgate.engines.embedding.port import EmbeddingError
from filmgate.engines.embedding.track import Scale

_BATCH = 8
"""Pictures of a batch, unless the model fixes another number."""
_THREADS = 4
"""Threads at most."""
_UNIT_ERROR = 0.01
"""By how much the length of a unit vector may differ from 1."""
_NO_FOLDER = os.devnull


class OnnxEngine:
    """`filmgate.engines.embedding.port.EmbeddingEngine` of a manifest's model."""

    def __init__(self, manifest: Manifest, weights: bytes, background: F32 | None) -> None:
        """Raises EmbeddingError: no onnxruntime, or not the model that the manifest describes."""
        self._manifest = manifest
        self._background = background
        self._session = _session(weights)
        self._input, self._batch = _input(self._session, manifest)
        names = [output.name for output in self._session.get_outputs()]
        if manifest.output.name not in names:
            raise EmbeddingError(f"the model has no output {manifest.output.name}, but {names}")
        # One picture of noise: faults show now, and not with the first file.
        noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        self.embed([noise])

    @property
    def name(self) -> str:
        """See `Manifest.engine`."""
        return self._manifest.engine

    @property
    def dimensions(self) -> int:
        """Of the vectors."""
        return self._manifest.output.dimensions

    @property
    def scale(self) -> Scale:
        """As the manifest says."""
        return Scale(self._manifest.scale.candidate, self._manifest.scale.similar)

    def embed(self, frames: Sequence[NDArray[np.uint8]]) -> F32:
        """Unit vectors, float32 (n, d). Raises EmbeddingError."""
        batches = [np.zeros((0, self.dimensions), dtype=np.float32)]
        for start in range(0, len(frames), self._batch):
            some = prepared(frames[start : start + self._batch], self._manifest.input)
            batches.append(self._run(some))
        return np.concatenate(batches)

    def bias(self, vectors: F32) -> F32:
        """See `filmgate.engines.embedding.normalise.bias`; zeros without a background."""
        rule = self._manifest.background
        if rule is None or self._background is None:
            return np.zeros(len(vectors), dtype=np.float32)
        return normalise.bias(vectors, self._background, rule.first, rule.last, rule.weight)

    def _run(self, pictures: F32) -> F32:
        try:
            (vectors,) = self._session.run([self._manifest.output.name], {self._input: pictures})
        except Exception as error:
            raise EmbeddingError(f"the model failed: {_first_line(error)}") from error
        wanted = (len(pictures), self.dimensions)
        if not isinstance(vectors, np.ndarray) or vectors.shape != wanted:
            shape = getattr(vectors, "shape", type(vectors).__name__)
            raise EmbeddingError(f"the model gives {shape}, and the manifest says {wanted}")
        return _units(vectors.astype(np.float32, copy=False), self._manifest.output.normalise)


def open_engine(manifest: Path, read: Read = read_checked) -> OnnxEngine:
    """The engine of a manifest, with the files beside it.

    Args:
        read: gives the content of a file in the manifest's folder; each is read once.

    Raises:
        EmbeddingError: a file is missing or not the one described, onnxruntime is not there, or
            the model is not what the manifest says.
    """
    described = read_manifest(manifest)
    folder, background = manifest.parent, None
    if described.background is not None:
        body = read(folder, described.background)
        background = _background(body, described.background, described.output.dimensions)
    return OnnxEngine(described, read(folder, described.weights), background)


def _background(body: bytes, rule: Background, dimensions: int) -> F32:
    try:
        rows = np.load(io.BytesIO(body), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise EmbeddingError(f"{rule.file} is not an array: {error}") from error
    if rows.ndim != 2 or rows.shape[1] != dimensions or len(rows) <= rule.last:
        raise EmbeddingError(
            f"{rule.file} holds {rows.shape}, and ({rule.last + 1} or more, {dimensions}) is needed"
        )
    return _units(rows.astype(np.float32), scaled=True)


def _session(weights: bytes) -> Any:
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise EmbeddingError("onnxruntime is not installed") from error
    options = runtime.SessionOptions()
    # With a number given, it does not bind threads to processors, which Lambda forbids.
    options.intra_op_num_threads = min(_THREADS, os.cpu_count() or 1)
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The digest would not cover weights beside the file: there is no folder to find them in.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", _NO_FOLDER
    )
    try:
        return runtime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise EmbeddingError(f"onnxruntime cannot use it: {_first_line(error)}") from error


def _input(session: Any, manifest: Manifest) -> tuple[str, int]:
    """The input's name, and how many pictures it takes at a time."""
    rule = manifest.input
    inputs = {given.name: given for given in session.get_inputs()}
    if len(inputs) != 1 or rule.name not in (None, *inputs):
        raise EmbeddingError(f"the model has the inputs {list(inputs)}; one is needed")
    (given,) = inputs.values()
    shape, wanted = list(given.shape), (3, rule.height, rule.width)
    fits = len(shape) == 4 and all(
        not isinstance(there, int) or there == size
        for there, size in zip(shape[1:], wanted, strict=True)
    )
    if given.type != "tensor(float)" or not fits:
        raise EmbeddingError(
            f"the model takes {given.type} {shape}, and the manifest says float {wanted}"
        )
    return given.name, shape[0] if isinstance(shape[0], int) else _BATCH


def _units(vectors: F32, scaled: bool) -> F32:
    """Scaled to unit length, or checked to have it."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths <= 0).any():
        raise EmbeddingError("the model gives vectors without a direction")
    if not scaled and (np.abs(lengths - 1) > _UNIT_ERROR).any():
        raise EmbeddingError("the model's vectors are not of unit length: set output.normalise")
    return (vectors / lengths).astype(np.float32, copy=False)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
