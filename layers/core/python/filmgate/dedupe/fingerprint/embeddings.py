"""Vectors of a trained model, put into a fingerprint after the file was decoded.

The process that decodes has no model: it hands on a few pictures, and these become vectors where
the model is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.engines.embedding.port import EmbeddingEngine, EmbeddingError
from filmgate.engines.embedding.sampling import Sampler, embedded
from filmgate.media.model import Frame


def pictures_of(made: Fingerprint, sampler: Sampler) -> tuple[Frame, ...]:
    """The pictures to embed, of those that the sampler saw of this file."""
    if made.frames is None:
        return ()
    return tuple(sampler.chosen(made.frames.times_s[made.frames.worth_matching()]))


def with_embeddings(
    made: Fingerprint, engine: EmbeddingEngine, pictures: Sequence[Frame]
) -> Fingerprint:
    """The fingerprint with vectors, or with a note on why the model made none: a model that fails
    keeps no file from being matched."""
    try:
        return replace(made, embeddings=embedded(engine, pictures))
    except EmbeddingError as error:
        return replace(made, notes=(*made.notes, f"No embeddings were made: {error}."))
