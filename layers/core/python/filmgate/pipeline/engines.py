"""The engines of a worker that fingerprints."""

from __future__ import annotations

from functools import partial

from filmgate.dedupe.fingerprint import engine
from filmgate.dedupe.matching.model import ENGINE
from filmgate.engines.embedding.load import Loaded, load
from filmgate.library.engines import EngineState, report
from filmgate.library.ports import ObjectStore


def start(objects: ObjectStore, embedding_model: str) -> Loaded:
    """Open what this deployment is set to use, and put on record what there is and is not.

    Args:
        embedding_model: see `filmgate.engines.embedding.load.load`; keys are in the artifacts
            bucket.

    Raises:
        TransientError: storage did not answer.
    """
    loaded = load(embedding_model, partial(objects.download, "artifacts"))
    name = loaded.engine.name if loaded.engine else None
    report(
        objects,
        (
            EngineState(capability="fingerprint", engine=engine.ENGINE),
            EngineState(capability="matching", engine=ENGINE),
            EngineState(capability="embedding", engine=name, reason=loaded.reason),
        ),
    )
    return loaded
