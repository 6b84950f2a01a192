"""Every query of a half against every reference of it, by ours and by the peers.

Ours goes the whole way: each query is searched for in the index, only its candidates are
compared, and a pair that the index loses scores 0 and counts as not found.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from filmgate.dedupe import index, matching
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.fingerprint.retrieval import index_entry, index_query
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.matching.compare import compare
from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.model import Comparison, Verdict
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate.dedupe.tuning.truth import is_call
from filmgate.media.model import MediaKind
from filmgate.pipeline.dedupe import MAX_CANDIDATES
from tests.benchmarks.bare import code
from tests.benchmarks.common import note
from tests.benchmarks.matching_copies import PROCESSES, File, frame_hashes, keep_newest, print_of
from tests.benchmarks.matching_negatives import negative_class
from tests.benchmarks.matching_peers import pdq_hashes, pdq_score, phash_score
from tests.benchmarks.matching_sources import FOLDER, Split
from tests.memory import MemoryDeltaStore, MemorySegmentStore

_TENANT = "bench"
_SETTINGS = MatchSettings()
_QUERIES_A_TASK = 25
_TIE = 1e-6
"""Weight of the score beside the probability: below the steps of any map."""
_KEPT = FOLDER / "comparisons"
_STORED = TypeAdapter(dict[str, Comparison])


@dataclass(frozen=True, slots=True)
class Pair:
    """A query and a reference.

    Attributes:
        negative: class of negative; "" for a true copy.
        comparison, verdict: None where retrieval did not bring them together.
        query_is_a: the query is side a of the comparison.
        phash, pdq: scores of the peers; None for sound.
    """

    query: File
    reference: File
    negative: str
    comparison: Comparison | None
    verdict: Verdict | None
    query_is_a: bool
    phash: float | None
    pdq: float | None

    @property
    def score(self) -> float:
        """Ours; 0 where retrieval lost the pair."""
        return self.verdict.score if self.verdict else 0.0

    @property
    def rank(self) -> float:
        """What orders pairs: the probability, and among equal ones the score.

        Scores order whole copies and parts each among themselves, for a part stays below `near`
        however sure it is. The score alone counts where there is no probability.
        """
        if self.verdict is None or self.verdict.probability is None:
            return self.score
        return self.verdict.probability + _TIE * self.score

    @property
    def called(self) -> bool:
        """Whether ours says that one holds the other's recording."""
        return self.verdict is not None and is_call(
            self.verdict.match_class, self.verdict.transform.partial
        )


@dataclass(frozen=True)
class _Task:
    queries: tuple[File, ...]
    references: tuple[File, ...]
    code: str


def pairs(
    files: Sequence[File], split: Split, asked: Callable[[File], bool] = lambda _: True
) -> list[Pair]:
    """The pairs of a half, in two processes.

    Args:
        asked: which of the files are queries; the references are the same whichever are.
    """
    mine = [file for file in files if file.split is split]
    usable = [file for file in mine if not file.refused]
    references = tuple(file for file in usable if file.reference)
    queries = tuple(file for file in usable if asked(file))
    tasks = [
        _Task(queries[start : start + _QUERIES_A_TASK], references, engine())
        for start in range(0, len(queries), _QUERIES_A_TASK)
    ]
    note(f"{split}: {len(queries)} queries among {len(references)} references.")
    keep_newest(_KEPT, engine())
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        found = [pair for some in pool.map(_compared, tasks) for pair in some]
    refused = (file for file in mine if file.refused and asked(file))
    return found + [pair for file in refused for pair in _lost(file, usable)]


def _lost(refused: File, usable: Sequence[File]) -> Iterator[Pair]:
    """A copy that cannot be used is not found."""
    for source in usable:
        if refused.variant and source.name == refused.source:
            yield Pair(refused, source, "", None, None, False, None, None)


class _Library:
    """The references of a half, in an index and in memory."""

    def __init__(self, references: tuple[File, ...]) -> None:
        self._cache = tempfile.TemporaryDirectory(prefix="filmgate-bench-")
        self.index = SegmentIndex(
            MemoryDeltaStore(), MemorySegmentStore(), cache_dir=Path(self._cache.name)
        )
        self.prints: dict[str, Fingerprint] = {}
        for file in references:
            made = print_of(file)
            self.prints[file.name] = made
            self.index.add(_TENANT, index_entry(asset_id(file), made))
        self.phash = {file.name: frame_hashes(file) for file in references}
        self.pdq = {name: pdq_hashes(made) for name, made in self.prints.items()}


@cache
def _library(references: tuple[str, ...]) -> _Library:
    return _Library(_by_name(references))


_KNOWN: dict[str, File] = {}


def _by_name(names: tuple[str, ...]) -> tuple[File, ...]:
    return tuple(_KNOWN[name] for name in names)


def asset_id(file: File) -> str:
    """Random in order, so that a query is as often side a as side b."""
    return hashlib.sha256(file.name.encode()).hexdigest()[:16]


def _compared(task: _Task) -> list[Pair]:
    """Raises RuntimeError when the code changed since the run began."""
    if engine() != task.code:
        raise RuntimeError("the code of the matching changed during the run; run again")
    _KNOWN.update((file.name, file) for file in task.references)
    library = _library(tuple(file.name for file in task.references))
    return [pair for query in task.queries for pair in _against(query, library, task.references)]


def _against(query: File, library: _Library, references: Sequence[File]) -> Iterator[Pair]:
    own = print_of(query)
    found = _comparisons(query, own, library, references)
    hashes, words = frame_hashes(query), pdq_hashes(own)
    for reference in references:
        label = negative_class(query, reference)
        if label is None:
            continue
        comparison = found.get(reference.name)
        seen = MediaKind.AUDIO not in {query.kind, reference.kind}
        yield Pair(
            query,
            reference,
            label,
            comparison,
            decide(comparison, _SETTINGS) if comparison else None,
            asset_id(query) < asset_id(reference),
            phash_score(hashes, library.phash[reference.name]) if seen else None,
            pdq_score(words, library.pdq[reference.name]) if seen else None,
        )


def _comparisons(
    query: File, own: Fingerprint, library: _Library, references: Sequence[File]
) -> dict[str, Comparison]:
    """Comparisons with the query's candidates, by name; kept, so that a run can be carried on."""
    told = [(file.name, file.digest) for file in (query, *references)]
    key = hashlib.sha256(json.dumps(told).encode()).hexdigest()
    stored = _KEPT / engine() / f"{key}.json"
    if stored.is_file():
        return _STORED.validate_json(stored.read_bytes())
    made = dict(_compare_candidates(query, own, library, references))
    stored.parent.mkdir(parents=True, exist_ok=True)
    part = stored.with_suffix(f".part-{os.getpid()}")
    part.write_bytes(_STORED.dump_json(made))
    part.replace(stored)
    return made


def _compare_candidates(
    query: File, own: Fingerprint, library: _Library, references: Sequence[File]
) -> Iterator[tuple[str, Comparison]]:
    own_id = asset_id(query)
    asked = index_query(own_id, own)
    candidates = library.index.search(_TENANT, asked, limit=MAX_CANDIDATES)
    found = {candidate.asset_id for candidate in candidates}
    for reference in references:
        other_id = asset_id(reference)
        if other_id in found and negative_class(query, reference) is not None:
            sides = (own, library.prints[reference.name])
            yield reference.name, compare(*(sides if own_id < other_id else sides[::-1]))


@cache
def engine() -> str:
    """Digest of the code that makes fingerprints, searches and compares."""
    digest = hashlib.sha256(code().encode())
    for package in (matching, index):
        for path in sorted(Path(package.__file__ or "").parent.glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
