"""From files to a verdict with a real model, and the same way where there is none."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from filmgate.dedupe.fingerprint import engine as printing
from filmgate.dedupe.fingerprint.codec import loads
from filmgate.dedupe.fingerprint.embeddings import with_embeddings
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.matching.model import MatchClass
from filmgate.dedupe.records import verdict_of
from filmgate.engines.embedding.onnx import OnnxEngine, open_engine
from filmgate.engines.embedding.port import EmbeddingError
from filmgate.engines.embedding.sampling import MOST_PICTURES
from filmgate.engines.embedding.track import Scale
from filmgate.engines.status import reported
from filmgate.library.matches import Match
from filmgate.media.limits import Limits
from filmgate.media.probe import probe
from filmgate.pipeline.derive import DeriveDeps
from filmgate.sandbox.inprocess import InProcessReader
from tests.clips import film, scene
from tests.memory import MemoryLibrary, MemoryObjects
from tests.unit.engines.embedding import tiny
from tests.unit.pipeline.flow import TENANT, Flow, picture

MODEL = "models/tiny/manifest.json"


def mosaic(seed: int, grain_seed: int) -> bytes:
    """A PNG of 4 x 4 tiles under coarse grain that leaves each tile its mean. Pictures of one
    seed are one picture to the tiny model, which knows means only, and to nothing else here."""
    rng, grains = np.random.default_rng(seed), np.random.default_rng(grain_seed)
    tiles = rng.uniform(103, 153, (4, 1, 4, 1, 3))
    grain = grains.uniform(-80, 80, (4, 4, 4, 4, 1))
    grain -= grain.mean(axis=(1, 3), keepdims=True)
    cells = (tiles + grain).reshape(16, 16, 3)
    pixels = np.kron(cells, np.ones((8, 8, 1))).clip(0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def engine(tmp_path: Path) -> OnnxEngine:
    return open_engine(tiny.install(tmp_path / "model"))


def other_engine(folder: Path) -> OnnxEngine:
    return open_engine(tiny.install(folder / "other", tiny.model(seed=2), version="2"))


def matches(flow: Flow, *bodies: bytes) -> list[Match]:
    """The matches of the last of some uploads, each run before the next arrives."""
    for number, body in enumerate(bodies):
        asset, _ = flow.upload(f"{number}.png", body)
        assert flow.run(asset).status == "done"
    return flow.library.matches_of(TENANT, asset.asset_id, limit=9, cursor=None).items


def kept(flow: Flow) -> list[Fingerprint]:
    keys = [key for key in flow.objects.keys("artifacts") if key.endswith("fingerprint.npz")]
    return [loads(flow.objects.get("artifacts", key)) for key in keys]


def test_what_only_the_model_sees_is_brought_up_and_shown(
    tmp_path: Path, engine: OnnxEngine
) -> None:
    pair = (mosaic(1, 11), mosaic(1, 12))
    assert matches(Flow(tmp_path / "without"), *pair) == []
    (match,) = matches(Flow(tmp_path / "with", embedder=engine), *pair)
    verdict = verdict_of(match)
    assert verdict.match_class is MatchClass.SIMILAR
    assert verdict.embedding is not None
    assert verdict.embedding > 0.9
    assert verdict.weights == {"embedding": 1.0}
    assert verdict.engine.endswith(f" {engine.name}")
    assert verdict.score < 0.85


def test_what_the_model_tells_apart_stays_apart(tmp_path: Path, engine: OnnxEngine) -> None:
    assert matches(Flow(tmp_path, embedder=engine), mosaic(1, 11), mosaic(2, 12)) == []


def test_a_copy_is_the_copy_it_was(tmp_path: Path, engine: OnnxEngine) -> None:
    copies = (picture(1), picture(1, side=160, quality=60))
    (plain,) = matches(Flow(tmp_path / "without"), *copies)
    (seen,) = matches(Flow(tmp_path / "with", embedder=engine), *copies)
    same = {"embedding", "engine"}
    assert verdict_of(seen).model_dump(exclude=same) == verdict_of(plain).model_dump(exclude=same)
    assert verdict_of(plain).embedding is None
    assert verdict_of(seen).embedding is not None


def test_assets_of_two_engines_are_compared_without(tmp_path: Path, engine: OnnxEngine) -> None:
    flow = Flow(tmp_path, embedder=engine)
    first, _ = flow.upload("a.png", mosaic(1, 11))
    flow.run(first)
    copy, _ = flow.upload("b.jpg", picture(1))
    flow.run(copy)
    flow.embedder = other_engine(tmp_path)
    assert matches(flow, mosaic(1, 12)) == [], "vectors of another engine bring nothing up"
    (match,) = matches(flow, picture(1, side=160))
    assert verdict_of(match).match_class is MatchClass.EXACT
    assert verdict_of(match).embedding is None
    assert "tiny" not in verdict_of(match).engine


def test_a_run_with_another_engine_makes_embeddings_anew(
    tmp_path: Path, engine: OnnxEngine
) -> None:
    body = mosaic(1, 11)
    flow = Flow(tmp_path, embedder=None)
    for embedder, stored in (
        (None, None),
        (engine, engine.name),
        (None, engine.name),
        (other_engine(tmp_path), "tiny/2"),
    ):
        flow.embedder = embedder
        asset, _ = flow.upload(f"{stored}-{embedder is None}.png", body)
        flow.run(asset)
        (made,) = kept(flow)
        name = made.embeddings.engine if made.embeddings else None
        assert (name or "").startswith(stored or "")
        assert (name is None) == (stored is None)


def test_flat_pictures_have_no_embeddings(tmp_path: Path, engine: OnnxEngine) -> None:
    """All are one picture to any model."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), (90, 90, 90)).save(out, "PNG")
    flow = Flow(tmp_path, embedder=engine)
    matches(flow, out.getvalue())
    (made,) = kept(flow)
    assert made.embeddings is None


class Broken:
    """An engine whose model fails with every picture."""

    name, dimensions, scale = "broken/1", 4, Scale(0.5, 0.7)

    def embed(self, frames: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        raise EmbeddingError("the model failed: out of memory")

    def bias(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        raise AssertionError("there is nothing to ask for")


def test_a_model_that_fails_keeps_no_file_from_being_matched(tmp_path: Path) -> None:
    flow = Flow(tmp_path, embedder=Broken())
    (match,) = matches(flow, picture(1), picture(1, side=160))
    assert verdict_of(match).match_class is MatchClass.EXACT
    assert verdict_of(match).embedding is None
    (record,) = flow.library.analyzed(TENANT, [match.a])
    assert record.notes == ("No embeddings were made: the model failed: out of memory.",)


def test_films_have_few_vectors_apart_in_time(tmp_path: Path, engine: OnnxEngine) -> None:
    def embedded(name: str, seconds: float) -> Fingerprint:
        path = film(tmp_path / name, scene("coast", seconds))
        limits = Limits()
        info = probe(path, limits)
        reading = InProcessReader().read(path, "0" * 64, info, limits, pictures=True)
        assert reading.fingerprint is not None
        return with_embeddings(reading.fingerprint, engine, reading.pictures)

    short, long = embedded("short.mp4", 7).embeddings, embedded("long.mp4", 90).embeddings
    assert short is not None
    assert long is not None
    assert np.diff(short.times_s).min() >= 1.9
    assert 3 <= len(short.vectors) <= 4
    assert MOST_PICTURES // 2 < len(long.vectors) <= MOST_PICTURES
    assert long.times_s[-1] > 80
    assert long.vectors.dtype == np.float16
    assert np.linalg.norm(long.vectors.astype(np.float32), axis=1) == pytest.approx(1, abs=1e-3)


def bucket(folder: Path) -> MemoryObjects:
    objects = MemoryObjects()
    for path in folder.iterdir():
        objects.put("artifacts", f"models/tiny/{path.name}", path.read_bytes(), "")
    return objects


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def started(objects: MemoryObjects, model: str, monkeypatch: pytest.MonkeyPatch) -> DeriveDeps:
    """What a worker of the function `derive` has once it has started."""
    handler = import_module("functions.derive.handler")
    for name in ("FILMGATE_RAW_BUCKET", "FILMGATE_ARTIFACTS_BUCKET", "FILMGATE_ASSETS_TABLE"):
        monkeypatch.setenv(name, "unused")
    monkeypatch.setenv("FILMGATE_EMBEDDING_MODEL", model)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "3008")
    monkeypatch.setattr(handler, "S3Objects", lambda *_: objects)
    monkeypatch.setattr(handler, "DynamoAssetRuns", lambda _: MemoryLibrary())
    handler._deps.cache_clear()
    deps: DeriveDeps = handler._deps()
    handler._deps.cache_clear()
    return deps


@pytest.mark.usefixtures("temporary")
def test_a_worker_puts_on_record_what_it_has(
    tmp_path: Path, engine: OnnxEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = bucket(tmp_path / "model")
    embedder = started(objects, MODEL, monkeypatch).embedder
    assert embedder is not None
    assert embedder.name == engine.name
    parts = reported(objects, ("embedding", "fingerprint")).engines
    states = {state.capability: state for state in parts}
    assert states["embedding"].engine == engine.name
    assert states["embedding"].reason is None
    assert states["fingerprint"].engine == printing.ENGINE


@pytest.mark.usefixtures("temporary")
@pytest.mark.parametrize(
    ("model", "reason"),
    [("", "no model is configured"), ("models/no/m.json", "there is no object models/no/m.json")],
)
def test_a_worker_without_a_model_says_why(
    model: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = MemoryObjects()
    assert started(objects, model, monkeypatch).embedder is None
    (state,) = reported(objects, ("embedding",)).engines
    assert (state.engine, state.reason) == (None, reason)
