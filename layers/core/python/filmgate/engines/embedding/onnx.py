"""An embedding engine that runs a model with onnxruntime, on the CPU.

onnxruntime is imported when a model is opened; everything else works without it.
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
"""Pictures in a batch, unless the model has a fixed batch size."""
_THREADS = 4
"""Maximum number of threads."""
_UNIT_ERROR = 0.01
"""Tolerance of the length of a unit vector, which should be 1."""
_NO_FOLDER = os.devnull


class OnnxEngine:
    """Implements `filmgate.engines.embedding.port.EmbeddingEngine` for the model of a manifest."""

    def __init__(self, manifest: Manifest, weights: bytes, background: F32 | None) -> None:
        """Raises EmbeddingError without onnxruntime, or if the manifest does not fit the model."""
        self._manifest = manifest
        self._background = background
        self._session = _session(weights)
        self._input, self._batch = _input(self._session, manifest)
        names = [output.name for output in self._session.get_outputs()]
        if manifest.output.name not in names:
            raise EmbeddingError(f"the model has no output {manifest.output.name}, but {names}")
        # Embed one picture of noise, so that errors occur now and not with the first file.
        noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        self.embed([noise])

    @property
    def name(self) -> str:
        """See `Manifest.engine`."""
        return self._manifest.engine

    @property
    def dimensions(self) -> int:
        """Of the vectors: d."""
        return self._manifest.output.dimensions

    @property
    def scale(self) -> Scale:
        """From the manifest."""
        return Scale(self._manifest.scale.candidate, self._manifest.scale.similar)

    def embed(self, frames: Sequence[NDArray[np.uint8]]) -> F32:
        """Return unit vectors, float32 (n, d). Raises EmbeddingError."""
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
            raise EmbeddingError(f"the model returns {shape}, but the manifest says {wanted}")
        return _units(vectors.astype(np.float32, copy=False), self._manifest.output.normalise)


def open_engine(manifest: Path, read: Read = read_checked) -> OnnxEngine:
    """Open the model of a manifest.

    Args:
        read: returns the content of a file in the folder of the manifest; called once for each.

    Raises:
        EmbeddingError: a file is missing or has another digest, onnxruntime is not installed, or
            the model does not fit the manifest.
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
            f"{rule.file} has the shape {rows.shape} instead of"
            f" ({rule.last + 1} or more, {dimensions})"
        )
    return _units(rows.astype(np.float32), scaled=True)


def _session(weights: bytes) -> Any:
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise EmbeddingError("onnxruntime is not installed") from error
    options = runtime.SessionOptions()
    # With an explicit number, threads are not bound to processors, which Lambda forbids.
    options.intra_op_num_threads = min(_THREADS, os.cpu_count() or 1)
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The digest does not cover external weights, so no folder with external weights exists.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", _NO_FOLDER
    )
    try:
        return runtime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise EmbeddingError(f"onnxruntime cannot use it: {_first_line(error)}") from error


def _input(session: Any, manifest: Manifest) -> tuple[str, int]:
    """Return the name of the input, and its batch size."""
    rule = manifest.input
    inputs = {given.name: given for given in session.get_inputs()}
    if len(inputs) != 1 or rule.name not in (None, *inputs):
        raise EmbeddingError(f"the model has the inputs {list(inputs)}; exactly one is supported")
    (given,) = inputs.values()
    shape, wanted = list(given.shape), (3, rule.height, rule.width)
    fits = len(shape) == 4 and all(
        not isinstance(length, int) or length == size
        for length, size in zip(shape[1:], wanted, strict=True)
    )
    if given.type != "tensor(float)" or not fits:
        raise EmbeddingError(
            f"the model takes {given.type} {shape}, but the manifest says float {wanted}"
        )
    return given.name, shape[0] if isinstance(shape[0], int) else _BATCH


def _units(vectors: F32, scaled: bool) -> F32:
    """Scale vectors to unit length, or check that they have it."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths <= 0).any():
        raise EmbeddingError("the model returns vectors without a direction")
    if not scaled and (np.abs(lengths - 1) > _UNIT_ERROR).any():
        raise EmbeddingError("the model's vectors are not of unit length: set output.normalise")
    return (vectors / lengths).astype(np.float32, copy=False)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
