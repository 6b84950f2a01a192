"""The manifest of a model: a file that describes the model and how to use it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from filmgate.engines.embedding.port import EmbeddingError
from filmgate.model import ClosedModel

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]
Cosine = Annotated[float, Field(ge=-1, lt=1)]
Positive = Annotated[float, Field(gt=0)]


class FileOf(ClosedModel):
    """A file in the folder of the manifest, and the digest of its content."""

    file: FileName
    sha256: Sha256


class Input(ClosedModel):
    """The input of the model: float32 (n, 3, height, width).

    Attributes:
        name: of the input; None if the model has only one.
        channels: their order.
        fit: `stretch` the whole picture, or `crop` its largest central part with the aspect ratio
            of the input.
        mean, std: of each channel in that order, for values in 0..1. The mean is subtracted and
            the difference divided by std.
    """

    name: str | None = None
    width: Annotated[int, Field(ge=1, le=1024)]
    height: Annotated[int, Field(ge=1, le=1024)]
    channels: Literal["rgb", "bgr"] = "rgb"
    fit: Literal["stretch", "crop"]
    resample: Literal["bilinear", "bicubic"] = "bilinear"
    mean: tuple[float, float, float]
    std: tuple[Positive, Positive, Positive]


class Output(ClosedModel):
    """The output of the model: float32 (n, dimensions); `normalise` scales it to unit length."""

    name: str
    dimensions: Annotated[int, Field(ge=2, le=4096)]
    normalise: bool


class Background(FileOf):
    """Vectors of pictures unrelated to any library: a .npy of (k, dimensions).

    Attributes:
        first, last: range of the nearest neighbors that are used, from 0, both included.
        weight: factor of their mean similarity, which is subtracted.
    """

    first: Annotated[int, Field(ge=0)] = 0
    last: Annotated[int, Field(ge=0)] = 2
    weight: Annotated[float, Field(ge=0, le=2)] = 1.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first > self.last:
            raise ValueError("first is after last")
        return self


class Bounds(ClosedModel):
    """See `filmgate.engines.embedding.track.Scale`. There is no default: measure the values."""

    candidate: Cosine
    similar: Cosine

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.candidate >= self.similar:
            raise ValueError("candidate is not below similar")
        return self


class Manifest(ClosedModel):
    """A model: its identity, files, input, output, and the scale of its similarities."""

    name: Word
    version: Word
    licence: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    source: str = ""
    weights: FileOf
    input: Input
    output: Output
    background: Background | None = None
    scale: Bounds

    @property
    def engine(self) -> str:
        """The name, the version, and a digest of everything that vectors and scores depend on."""
        described = self.model_dump_json(exclude={"licence", "source"})
        return f"{self.name}/{self.version}+{hashlib.sha256(described.encode()).hexdigest()[:8]}"


Read = Callable[[Path, FileOf], bytes]
"""Returns the content of a file in a folder, checked against the manifest. Raises
EmbeddingError."""


def read_manifest(path: Path) -> Manifest:
    """Read and validate a manifest. Raises EmbeddingError."""
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise EmbeddingError(f"{path.name} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(str(part) for part in wrong["loc"])
        raise EmbeddingError(f"{path.name} is not a manifest: {place} {wrong['msg']}") from error


def read_checked(folder: Path, wanted: FileOf) -> bytes:
    """Return the content of a file. Raises EmbeddingError if its digest is wrong."""
    try:
        body = (folder / wanted.file).read_bytes()
    except OSError as error:
        raise EmbeddingError(f"{wanted.file} cannot be read: {error.strerror}") from error
    digest = hashlib.sha256(body).hexdigest()
    if digest != wanted.sha256:
        raise EmbeddingError(
            f"{wanted.file} has the SHA-256 {digest[:16]}…, but the manifest says"
            f" {wanted.sha256[:16]}…"
        )
    return body
