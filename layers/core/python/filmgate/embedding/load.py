"""The engine of this deployment, where it has one."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filmgate.embedding.manifest import FileOf
from filmgate.embedding.onnx import open_engine, read_checked, read_manifest
from filmgate.embedding.port import EmbeddingEngine, EmbeddingError
from filmgate.errors import NotFound

Fetch = Callable[[str, Path], object]
"""Writes the object of a key to a file. Raises NotFound."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An engine, or why there is none."""

    engine: EmbeddingEngine | None
    reason: str | None = None


def load(model: str, fetch: Fetch | None = None, folder: Path | None = None) -> Loaded:
    """Open the model that a setting names. A model that cannot be used is none, with the reason.

    Args:
        model: the manifest: a path that begins with `/` or `.`, or the key of an object, with its
            files beside it; empty for none.
        fetch: gets objects; None where there is no storage.
        folder: where fetched files are kept, the machine's own for temporary files by default.

    Raises:
        TransientError: storage did not answer.
    """
    if not model:
        return Loaded(None, "no model is configured")
    try:
        local = model.startswith(("/", "."))
        manifest = Path(model) if local else _fetched(model, fetch, folder or _default_folder())
        return Loaded(open_engine(manifest))
    except EmbeddingError as error:
        return Loaded(None, str(error))


def _default_folder() -> Path:
    return Path(tempfile.gettempdir()) / "filmgate-models"


def _fetched(key: str, fetch: Fetch | None, folder: Path) -> Path:
    """The manifest's copy on this machine, with its files; weights already here are kept."""
    if fetch is None:
        raise EmbeddingError(f"{key} is an object's key, and there is no storage here")
    beside, _, _ = key.rpartition("/")
    own = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
    own.mkdir(parents=True, exist_ok=True)
    _get(fetch, key, own / "manifest.json")
    manifest = read_manifest(own / "manifest.json")
    for wanted in (manifest.weights, *([manifest.background] if manifest.background else [])):
        if not _have(own, wanted):
            _get(fetch, f"{beside}/{wanted.file}" if beside else wanted.file, own / wanted.file)
    return own / "manifest.json"


def _have(folder: Path, wanted: FileOf) -> bool:
    try:
        read_checked(folder, wanted)
    except EmbeddingError:
        return False
    return True


def _get(fetch: Fetch, key: str, target: Path) -> None:
    """Whole or not at all: other processes may look for the same file."""
    part = target.with_name(f"{target.name}.{uuid.uuid4().hex}")
    try:
        fetch(key, part)
        part.replace(target)
    except NotFound as error:
        raise EmbeddingError(f"there is no object {key}") from error
    finally:
        part.unlink(missing_ok=True)
