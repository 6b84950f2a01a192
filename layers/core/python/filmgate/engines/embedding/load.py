"""The engine of this deployment, where it has one."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filmgate.engines.embedding.manifest import FileOf, read_checked
from filmgate.engines.embedding.port import EmbeddingEngine, EmbeddingError
from filmgate.errors import NotFound

Fetch = Callable[[str, Path], object]
"""Writes the object of a key to a file. Raises NotFound."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An engine, or why there is none."""

    engine: EmbeddingEngine | None
    reason: str | None = None


def load(model: str, fetch: Fetch | None = None, folder: Path | None = None) -> Loaded:
    """Open the model that a setting names; the reason if it cannot be used.

    Args:
        model: the manifest: a path that begins with `/` or `.`, or the key of an object, with its
            files beside it; empty for none.
        fetch: gets objects; None without storage.
        folder: where fetched files are kept, the machine's own for temporary files by default.

    Raises:
        TransientError: storage did not answer.
    """
    if not model:
        return Loaded(None, "no model is configured")
    # Most deployments have none, and then no function has to load the dependencies.
    from filmgate.engines.embedding.onnx import open_engine  # noqa: PLC0415

    try:
        if model.startswith(("/", ".")):
            return Loaded(open_engine(Path(model)))
        files = _Fetched(model, fetch, folder or _default_folder())
        return Loaded(open_engine(files.manifest(), files.read))
    except EmbeddingError as error:
        return Loaded(None, str(error))


def _default_folder() -> Path:
    return Path(tempfile.gettempdir()) / "filmgate-models"


class _Fetched:
    """A manifest among objects, and its files: each is fetched unless it is already here."""

    def __init__(self, key: str, fetch: Fetch | None, folder: Path) -> None:
        """Raises EmbeddingError: there is no storage."""
        if fetch is None:
            raise EmbeddingError(f"{key} is an object's key, and there is no storage here")
        self._key, self._fetch = key, fetch
        self._folder = folder / hashlib.sha256(key.encode()).hexdigest()[:16]

    def manifest(self) -> Path:
        """Fetched every time: it names the files."""
        self._folder.mkdir(parents=True, exist_ok=True)
        _get(self._fetch, self._key, self._folder / "manifest.json")
        return self._folder / "manifest.json"

    def read(self, folder: Path, wanted: FileOf) -> bytes:
        """`filmgate.engines.embedding.manifest.Read`; a local file is read and hashed once."""
        try:
            return read_checked(folder, wanted)
        except EmbeddingError:
            beside, _, _ = self._key.rpartition("/")
            key = f"{beside}/{wanted.file}" if beside else wanted.file
            _get(self._fetch, key, folder / wanted.file)
            return read_checked(folder, wanted)


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
