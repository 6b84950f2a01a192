"""Candidate search at scale: the exact scan, faiss beside it, the keypoints, and the bands.

Every size is measured in a process of its own, on one thread. Hashes are made as
`index_corpus.py` says: correlated as those of films are, repeated frames dropped. Copies are
planted at known distances. DynamoDB's reads and writes are counted, not timed; what they and
the function cost is in `index_prices.py`.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.index.bands import BandIndex, band_bits, members
from filmgate.dedupe.index.port import IndexEntry, IndexQuery
from filmgate.dedupe.index.segment import delta_item
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.index.settings import BandSettings, IndexSettings
from tests.benchmarks import index_corpus as corpus
from tests.benchmarks import index_points, index_samples
from tests.benchmarks.common import Result, interleaved, machine, note, parser, publish
from tests.benchmarks.index_client import client_seconds
from tests.benchmarks.index_corpus import Corpus
from tests.benchmarks.index_faiss import FLAT, MULTI, Faiss, available
from tests.benchmarks.index_figures import figures
from tests.benchmarks.index_sheets import sheets
from tests.memory import MemoryBucketStore, MemoryDeltaStore, MemorySegmentStore

SIZES = (100_000, 1_000_000)
FULL = (*SIZES, 10_000_000)
DISTANCES = (8, 16, 31, 48, 60, 72)
TYPICAL, DENSE = 30, 240
PLANTED = 40
_TENANT = "bench"
_MULTI_HASH_MOST = 2_000_000
"""Above, its ten hash tables take more memory than a laptop has."""
_ROUNDS = {TYPICAL: 7, DENSE: 3}
_BAND_FILMS = 40

Hashes = NDArray[np.uint8]
Search = Callable[[IndexQuery], object]


@dataclass
class Measured:
    """One index at one size. Seconds, bytes; latencies by query frames (times 8 orientations)."""

    engine: str
    hashes: int
    build_s: float
    bytes: int
    resident: int | None
    latencies: dict[int, list[float]] = field(default_factory=dict)
    recall: dict[int, float] = field(default_factory=dict)
    more: dict[str, float] = field(default_factory=dict)


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--sizes", type=_counts, help="hashes, such as 1e5,1e6 (the default)")
    words.add_argument("--full", action="store_true", help="1e5, 1e6 and 1e7; about 25 minutes")
    words.add_argument("--no-samples", action="store_true", help="leave the sample library out")
    chosen = words.parse_args()
    sizes = chosen.sizes or (FULL if chosen.full else SIZES)
    begun = time.perf_counter()
    found: list[Measured] = []
    for size in sizes:
        note(f"{size:,} hashes")
        # A fresh process each, so that memory is that of this size alone.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            found += pool.submit(measure, size).result()
    note("bands")
    bands = band_costs()
    tables, details = sheets(found, bands)
    images = index_points.FULL if chosen.full else index_points.SIZES
    keypoints = [index_points.measure(count) for count in images]
    tables.append(index_points.sheet(keypoints))
    details["keypoints"] = [asdict(one) for one in keypoints]
    read = [*figures(found, bands), *index_points.figures(keypoints)]
    if not chosen.no_samples:
        note("the sample library")
        table, more = index_samples.sheet()
        tables.append(table)
        read += more
    details["measured"] = [asdict(one) for one in found]
    seconds = time.perf_counter() - begun
    publish(Result("index", tuple(tables), tuple(read), details, seconds, machine()))


def _counts(text: str) -> tuple[int, ...]:
    try:
        counts = tuple(int(float(part)) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError("numbers with commas between them") from None
    if min(counts) < 10_000:
        raise argparse.ArgumentTypeError("at least 10,000 hashes")
    return counts


def measure(size: int) -> list[Measured]:
    """All indexes at one size."""
    made = Corpus()
    entries = _up_to(made, size)
    total = sum(len(entry.frames) for entry in entries)
    queries = {n: _query(made, len(entries), n) for n in (TYPICAL, DENSE)}
    planted = _planted(made, len(entries))
    frames = np.concatenate([entry.frames for entry in entries])
    owners = np.repeat(np.arange(len(entries)), [len(entry.frames) for entry in entries])
    with tempfile.TemporaryDirectory(prefix="filmgate-bench-") as folder:
        rivals = [_segments(entries, total, planted, Path(folder))]
        for kind in (FLAT, MULTI) if available() else ():
            if kind is MULTI and total > _MULTI_HASH_MOST:
                note(f"{MULTI} is left out: {total:,} hashes take it too much memory")
                continue
            rivals.append(_faiss(kind, frames, owners, planted))
        for count, coefficients in queries.items():
            asked = corpus.query(coefficients)
            # In turns, so that what else the machine does slows all of them.
            taken = interleaved(
                {one.engine: partial(search, asked) for one, search in rivals}, _ROUNDS[count]
            )
            for one, _ in rivals:
                one.latencies[count] = [round_.wall_s for round_ in taken[one.engine]]
    return [*(one for one, _ in rivals), _bands(frames, owners, planted)]


def _up_to(made: Corpus, size: int) -> list[IndexEntry]:
    entries, total = [], 0
    for entry in made.entries(0, size):
        entries.append(entry)
        total += len(entry.frames)
        if total >= size:
            break
    return entries


def _query(made: Corpus, films: int, frames: int) -> corpus.Coefficients:
    """Frames of films outside of the index: the usual upload is no copy."""
    parts, have = [], 0
    for _, coefficients, _ in made.films(films + 1000, frames):
        parts.append(coefficients)
        have += len(coefficients)
        if have >= frames:
            break
    return np.concatenate(parts)[:frames]


def _planted(made: Corpus, films: int) -> dict[int, list[tuple[int, Hashes]]]:
    """By distance: films, and copies of some of their frames at just that distance."""
    rng = np.random.default_rng(2)
    chosen = rng.choice(films, PLANTED, replace=False)
    planted: dict[int, list[tuple[int, Hashes]]] = {bits: [] for bits in DISTANCES}
    for film in chosen.tolist():
        coefficients, _ = made.film(film)
        some = coefficients[rng.choice(len(coefficients), 1)]
        for bits in DISTANCES:
            planted[bits].append((film, corpus.copied(some, bits, rng)))
    return planted


def _segments(
    entries: list[IndexEntry],
    total: int,
    planted: dict[int, list[tuple[int, Hashes]]],
    folder: Path,
) -> tuple[Measured, Search]:
    """The whole index, stores in memory: adding, every compaction on the way, searching."""
    rule = IndexSettings()
    delta, stored = MemoryDeltaStore(), _CountedSegments()
    writer = SegmentIndex(delta, stored, rule, cache_dir=folder / "writer")
    adding, folding = 0.0, 0.0
    for some in _batches(entries, rule.max_compact_entries):
        begun = time.perf_counter()
        for entry in some:
            writer.add(_TENANT, entry)
        added = time.perf_counter()
        writer.compact(_TENANT)
        adding += added - begun
        folding += time.perf_counter() - added
    live = delta.manifest(_TENANT).segments
    stored.forget({info.id for info in live})
    del writer
    gc.collect()
    # Another worker, that has nothing yet.
    index, before = SegmentIndex(delta, stored, rule, cache_dir=folder / "reader"), resident()
    index.search(_TENANT, corpus.asked(entries[0].frames[None, :1]), limit=5)
    measured = Measured(
        "segments", total, adding + folding, sum(info.size_bytes for info in live), _grown(before)
    )
    measured.more = {
        "compaction_s": folding,
        "written": stored.written,
        "segments": len(live),
        "delta_item_bytes": statistics.mean(
            len(delta_item(entry, 1).body) for entry in entries[:100]
        ),
    }
    for bits, copies in planted.items():
        measured.recall[bits] = _share(
            corpus.name(film)
            in {c.asset_id for c in index.search(_TENANT, corpus.asked(h[None]), limit=500)}
            for film, h in copies
        )
    return measured, lambda asked: index.search(_TENANT, asked, limit=50)


def _faiss(
    kind: str,
    frames: Hashes,
    owners: NDArray[np.int64],
    planted: dict[int, list[tuple[int, Hashes]]],
) -> tuple[Measured, Search]:
    radius = IndexSettings().frame_radius
    gc.collect()
    before, begun = resident(), time.perf_counter()
    index = Faiss(kind, frames)
    build_s = time.perf_counter() - begun
    measured = Measured(kind, len(frames), build_s, frames.nbytes, _grown(before))
    for bits, copies in planted.items():
        measured.recall[bits] = _share(
            film in owners[index.within(hashes, radius)] for film, hashes in copies
        )
    return measured, lambda asked: index.within(asked.frames.reshape(-1, 32), radius)


def _bands(
    frames: Hashes, owners: NDArray[np.int64], planted: dict[int, list[tuple[int, Hashes]]]
) -> Measured:
    """Bands by arithmetic, without a store: what a million items hold, and what is then found."""
    rule = BandSettings()
    begun = time.perf_counter()
    bands = band_bits(rule.bands, rule.band_bits, rule.lowest_frequencies)
    met, full, items, entries_held, largest = 0.0, 0.0, 0, 0, 0
    for bits in bands:
        held = np.unique((_values(frames, bits) << 32) | owners) >> 32
        _, counts = np.unique(held, return_counts=True)
        items += len(counts)
        entries_held += int(np.minimum(counts, rule.bucket_capacity).sum())
        largest = max(largest, int(counts.max()))
        # Weighted by assets: the bucket that the next one like these would look into.
        met += float(np.square(counts.astype(np.float64)).sum() / counts.sum()) / rule.bands
        full += float(counts[counts > rule.bucket_capacity].sum() / counts.sum()) / rule.bands
    measured = Measured("bands", len(frames), time.perf_counter() - begun, 0, None)
    measured.more = {
        "entries_a_bucket": met,
        "share_in_full": full,
        "items": items,
        "entries": entries_held,
        "largest": largest,
    }
    for distance, copies in planted.items():
        measured.recall[distance] = _share(_meets(frames, owners, f, h, rule) for f, h in copies)
    return measured


def _values(hashes: Hashes, bits: NDArray[np.intp]) -> NDArray[np.int64]:
    values = np.zeros(len(hashes), dtype=np.int64)
    for bit in bits.tolist():
        values = (values << 1) | ((hashes[:, bit // 8] >> (7 - bit % 8)) & 1)
    return values


def _meets(
    frames: Hashes, owners: NDArray[np.int64], film: int, copy: Hashes, rule: BandSettings
) -> bool:
    """Whether a copy shares a bucket with a near frame of its film, full buckets aside."""
    own = frames[slice(*np.searchsorted(owners, [film, film + 1]))]
    own = own[np.bitwise_count(own ^ copy).sum(axis=1) <= rule.radius]
    return any(
        np.isin(_values(copy, bits), _values(own, bits)).any()
        for bits in band_bits(rule.bands, rule.band_bits, rule.lowest_frequencies)
    )


def band_costs() -> dict[str, float]:
    """Buckets a film writes and reads, and the processor time of both."""
    made, rule, store = Corpus(), BandSettings(), MemoryBucketStore()
    index = BandIndex(store, rule)
    entries = list(made.entries(0, _BAND_FILMS))
    begun = time.process_time()
    for entry in entries:
        index.add(_TENANT, entry)
    add_s = (time.process_time() - begun) / len(entries)
    query = corpus.query(_query(made, _BAND_FILMS, DENSE))
    first = store.reads
    begun = time.process_time()
    for _ in range(5):
        index.search(_TENANT, query, limit=50)
    search_s = (time.process_time() - begun) / 5
    writes = statistics.mean(len(members(entry, rule)) for entry in entries)
    reads = (store.reads - first) / 5
    add_client_s, search_client_s = client_seconds(round(writes), round(reads), rule.workers)
    return {
        "frames": statistics.mean(len(entry.frames) for entry in entries),
        "writes": writes,
        "reads": reads,
        "add_cpu_s": add_s + add_client_s,
        "search_cpu_s": search_s + search_client_s,
        "bands": rule.bands,
        "workers": rule.workers,
    }


def resident() -> int | None:
    """Bytes of this process in memory; None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _grown(before: int | None) -> int | None:
    after = resident()
    return None if before is None or after is None else after - before


def _share(found: Iterator[bool]) -> float:
    return statistics.mean(float(one) for one in found)


def _batches(entries: list[IndexEntry], size: int) -> Iterator[list[IndexEntry]]:
    left = iter(entries)
    while some := list(islice(left, size)):
        yield some


class _CountedSegments(MemorySegmentStore):
    """Counts the bytes that compaction writes."""

    written = 0

    def put(self, tenant: str, segment_id: str, body: bytes) -> None:
        self.written += len(body)
        super().put(tenant, segment_id, body)

    def forget(self, live: set[str]) -> None:
        """Merged segments would be deleted an hour later."""
        for tenant, name in list(self.bodies):
            if name not in live:
                self.remove(tenant, name)


if __name__ == "__main__":
    main()
