"""Load the embedding model of this deployment, if it has one."""

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
"""Downloads the object with a key to a file. Raises NotFound."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An engine, or the reason why there is none."""

    engine: EmbeddingEngine | None
    reason: str | None = None


def load(model: str, fetch: Fetch | None = None, folder: Path | None = None) -> Loaded:
    """Open the model that a setting names, or return why it cannot be used.

    Args:
        model: the manifest: a path that begins with `/` or `.`, or the key of an object. The other
            files of the model are in the same folder. Empty for none.
        fetch: downloads objects; None without storage.
        folder: for downloaded files; a temporary folder by default.

    Raises:
        TransientError: storage did not answer.
    """
    if not model:
        return Loaded(None, "no model is configured")
    # Most deployments have no model, so their functions do not load the dependencies.
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
    """A manifest and its files in storage. Each file is downloaded unless it is already local."""

    def __init__(self, key: str, fetch: Fetch | None, folder: Path) -> None:
        """Raises EmbeddingError if there is no storage."""
        if fetch is None:
            raise EmbeddingError(f"{key} is the key of an object, but there is no storage here")
        self._key, self._fetch = key, fetch
        self._folder = folder / hashlib.sha256(key.encode()).hexdigest()[:16]

    def manifest(self) -> Path:
        """Download the manifest, every time, because it names the files."""
        self._folder.mkdir(parents=True, exist_ok=True)
        _get(self._fetch, self._key, self._folder / "manifest.json")
        return self._folder / "manifest.json"

    def read(self, folder: Path, wanted: FileOf) -> bytes:
        """Implements `filmgate.engines.embedding.manifest.Read`."""
        try:
            return read_checked(folder, wanted)
        except EmbeddingError:
            beside, _, _ = self._key.rpartition("/")
            key = f"{beside}/{wanted.file}" if beside else wanted.file
            _get(self._fetch, key, folder / wanted.file)
            return read_checked(folder, wanted)


def _get(fetch: Fetch, key: str, target: Path) -> None:
    """Download a file atomically, because other processes may read the same file."""
    part = target.with_name(f"{target.name}.{uuid.uuid4().hex}")
    try:
        fetch(key, part)
        part.replace(target)
    except NotFound as error:
        raise EmbeddingError(f"there is no object {key}") from error
    finally:
        part.unlink(missing_ok=True)
