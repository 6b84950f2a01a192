"""Every query of a half against every reference of it, by ours and by the peers.

Ours goes the whole way: each query is searched for in the index, only its candidates are
compared, and a pair that the index loses scores 0 and counts as not found.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from filmgate import matching
from filmgate.fingerprint.model import Fingerprint
from filmgate.fingerprint.retrieval import index_entry, index_query
from filmgate.index.segments import SegmentIndex
from filmgate.matching.compare import compare
from filmgate.matching.decide import decide
from filmgate.matching.model import Comparison, Verdict
from filmgate.matching.settings import MatchSettings
from filmgate.media.model import MediaKind
from filmgate.pipeline.match import MAX_CANDIDATES
from filmgate.samples.truth import is_call
from tests.benchmarks.common import note
from tests.benchmarks.matching_copies import PROCESSES, File, frame_hashes, print_of
from tests.benchmarks.matching_negatives import negative_class
from tests.benchmarks.matching_peers import pdq_hashes, pdq_score, phash_score
from tests.benchmarks.matching_sources import Split
from tests.memory import MemoryFreshStore, MemorySegmentStore

_TENANT = "bench"
_SETTINGS = MatchSettings()
_QUERIES_A_TASK = 25


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
    def called(self) -> bool:
        """Whether ours says that one holds the other's recording."""
        return self.verdict is not None and is_call(
            self.verdict.match_class, self.verdict.transform.partial
        )


@dataclass(frozen=True)
class _Task:
    queries: tuple[File, ...]
    references: tuple[File, ...]


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
        _Task(queries[start : start + _QUERIES_A_TASK], references)
        for start in range(0, len(queries), _QUERIES_A_TASK)
    ]
    note(f"{split}: {len(queries)} queries among {len(references)} references.")
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
            MemoryFreshStore(), MemorySegmentStore(), cache_dir=Path(self._cache.name)
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
    _KNOWN.update((file.name, file) for file in task.references)
    library = _library(tuple(file.name for file in task.references))
    return [pair for query in task.queries for pair in _against(query, library, task.references)]


def _against(query: File, library: _Library, references: Sequence[File]) -> Iterator[Pair]:
    own = print_of(query)
    own_id = asset_id(query)
    found = {
        candidate.asset_id
        for candidate in library.index.search(
            _TENANT, index_query(own_id, own), limit=MAX_CANDIDATES
        )
    }
    hashes, words = frame_hashes(query), pdq_hashes(own)
    for reference in references:
        label = negative_class(query, reference)
        if label is None:
            continue
        comparison = verdict = None
        other_id = asset_id(reference)
        if other_id in found:
            sides = (own, library.prints[reference.name])
            comparison = compare(*(sides if own_id < other_id else sides[::-1]))
            verdict = decide(comparison, _SETTINGS)
        seen = MediaKind.AUDIO not in {query.kind, reference.kind}
        yield Pair(
            query,
            reference,
            label,
            comparison,
            verdict,
            own_id < other_id,
            phash_score(hashes, library.phash[reference.name]) if seen else None,
            pdq_score(words, library.pdq[reference.name]) if seen else None,
        )


def engine() -> str:
    """Digest of the code that compares and decides, for the record."""
    digest = hashlib.sha256()
    for path in sorted(Path(matching.__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
