"""The bare algorithm: fingerprint, index, search, compare and decide in one process.

The stores are those of `tests.memory`; all else is the code that is deployed.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from filmgate.dedupe.fingerprint.codec import dumps, loads
from filmgate.dedupe.fingerprint.embeddings import pictures_of, with_embeddings
from filmgate.dedupe.fingerprint.engine import fingerprint
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.fingerprint.retrieval import index_entry, index_query
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.matching.compare import compare
from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.model import Verdict
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate.engines.embedding.load import load
from filmgate.engines.embedding.port import EmbeddingEngine
from filmgate.engines.embedding.sampling import Sampler
from filmgate.errors import MediaRefused
from filmgate.media.limits import Limits
from filmgate.media.model import Frame, MediaInfo
from filmgate.media.probe import probe
from filmgate.pipeline.dedupe import MAX_CANDIDATES
from filmgate.settings import EmbeddingSettings
from tests.benchmarks.common import BENCH, CHECKOUT
from tests.memory import MemoryDeltaStore, MemorySegmentStore

_TENANT = "bench"
_DOMAIN = CHECKOUT / "layers/core/python/filmgate"
_LIMITS = Limits()
_SETTINGS = MatchSettings()


@dataclass
class Bare:
    """A library in memory; files are known by name.

    Attributes:
        verdicts: what each pair that was ever a candidate was judged to be, names in order.
        candidates: how many candidates each search brought up.
        refused: files that were not accepted, with the reason.
    """

    prints: dict[str, Fingerprint] = field(default_factory=dict)
    verdicts: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    candidates: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._cache = tempfile.TemporaryDirectory(prefix="filmgate-bench-")
        self._index = SegmentIndex(
            MemoryDeltaStore(), MemorySegmentStore(), cache_dir=Path(self._cache.name)
        )

    def take(self, name: str, path: Path, *, cached: bool = True) -> bool:
        """Fingerprint a file and put it into the index; whether it was accepted."""
        try:
            made = kept(path) if cached else fresh(path)
        except MediaRefused as refusal:
            self.refused[name] = refusal.reason
            return False
        self.prints[name] = made
        self._index.add(_TENANT, index_entry(name, made))
        return True

    def look(self, name: str) -> None:
        """Search with a file that was taken, and judge each candidate."""
        query = index_query(name, self.prints[name])
        found = self._index.search(_TENANT, query, limit=MAX_CANDIDATES)
        self.candidates[name] = len(found)
        for candidate in found:
            pair = ordered(name, candidate.asset_id)
            if pair not in self.verdicts:
                self.verdicts[pair] = self.judge(*pair)

    def against(self, name: str, path: Path) -> dict[str, Verdict]:
        """Verdicts on a file's candidates, by their names; the file itself is not indexed.

        Empty when it is refused.
        """
        try:
            self.prints[name] = kept(path)
        except MediaRefused as refusal:
            self.refused[name] = refusal.reason
            return {}
        self.look(name)
        return {
            (a if b == name else b): verdict
            for (a, b), verdict in self.verdicts.items()
            if name in (a, b)
        }

    def judge(self, a: str, b: str) -> Verdict:
        """The verdict on two files, whether or not the index brings them together."""
        a, b = ordered(a, b)
        return decide(compare(self.prints[a], self.prints[b]), _SETTINGS)

    def take_all(self, files: Iterable[tuple[str, Path]], *, cached: bool = True) -> None:
        """One after the other, each in the index before it searches: as uploads arrive.

        A pair is found only if its later file finds the earlier one.
        """
        for name, path in files:
            if self.take(name, path, cached=cached):
                self.look(name)


def ordered(a: str, b: str) -> tuple[str, str]:
    """A pair has one name."""
    return (a, b) if a < b else (b, a)


def fresh(path: Path) -> Fingerprint:
    """Raises MediaRefused."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return fingerprinted(path, digest, probe(path, _LIMITS))


def kept(path: Path) -> Fingerprint:
    """The same, from `.build/bench/fingerprints` when this code made it before.

    Raises MediaRefused.
    """
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    stored = BENCH / "fingerprints" / code() / digest
    if stored.is_file():
        return loads(stored.read_bytes())
    made = fresh(path)
    stored.parent.mkdir(parents=True, exist_ok=True)
    part = stored.with_suffix(".part")
    part.write_bytes(dumps(made))
    part.replace(stored)
    return made


@cache
def fingerprinted(
    path: Path,
    digest: str,
    info: MediaInfo,
    on_frame: Callable[[Frame], None] = lambda _: None,
) -> Fingerprint:
    """With the vectors of `embedder`, where there is one. Raises MediaRefused."""
    sampler = Sampler()

    def take(frame: Frame) -> None:
        on_frame(frame)
        sampler.see(frame)

    made = fingerprint(path, digest, info, _LIMITS, take)
    engine = embedder()
    return made if engine is None else with_embeddings(made, engine, pictures_of(made, sampler))


def embedder() -> EmbeddingEngine | None:
    """The model that FILMGATE_EMBEDDING_MODEL names, if it names one.

    Raises RuntimeError when it cannot be used: measuring without would go unseen.
    """
    model = EmbeddingSettings().embedding_model
    loaded = load(model)
    if model and loaded.engine is None:
        raise RuntimeError(f"{model}: {loaded.reason}")
    return loaded.engine


@cache
def code() -> str:
    """A digest of all code that makes a fingerprint, and of the embedding model's name."""
    engine = embedder()
    digest = hashlib.sha256(engine.name.encode() if engine else b"")
    for package in ("media", "fingerprint", "embedding"):
        for path in sorted((_DOMAIN / package).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
