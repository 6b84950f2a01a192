"""How many of the sample library's copies each index brings up, and what bands cost on real files.

This is what the choice of bits rests on: copying flips high frequencies first, so bands over the
lowest find more copies than bands over all, at the same number of reads.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.fingerprint.retrieval import index_entry, index_query
from filmgate.dedupe.index.bands import BandIndex
from filmgate.dedupe.index.port import CandidateIndex
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.index.settings import BandSettings
from filmgate.errors import MediaRefused
from filmgate_samples import library
from tests.benchmarks.bare import kept, ordered
from tests.benchmarks.common import BENCH, Figure, Sheet, note, slug
from tests.memory import MemoryBucketStore, MemoryDeltaStore, MemorySegmentStore

_TENANT = "samples"
_EVERYTHING = BandSettings(
    unthinned_frames=10**6,
    crops=10**6,
    query_frames=240,
    query_rotated_frames=240,
    query_crops=10**6,
)
_RULES: dict[str, BandSettings] = {
    "bands": BandSettings(),
    "bands, 28 bits": BandSettings(band_bits=28),
    "bands over all 255 bits": BandSettings(lowest_frequencies=255),
    "bands, nothing thinned": _EVERYTHING,
    "bands, nothing thinned, over all 255 bits": _EVERYTHING.model_copy(
        update={"lowest_frequencies": 255}
    ),
}


def sheet() -> tuple[Sheet, list[Figure]]:
    """One row an index, and the figures for scripts."""
    folder = BENCH / "library"
    truth = library.make(folder, progress=lambda *_: None)
    prints: dict[str, Fingerprint] = {}
    for file in truth.files:
        try:
            prints[file.path] = kept(folder / file.path)
        except MediaRefused as refusal:
            note(f"{file.path}: {refusal.reason}")
    copies = {
        ordered(copy.source, copy.copy_path)
        for copy in truth.copies
        if copy.source in prints and copy.copy_path in prints
    }
    copies |= {ordered(a, b) for group in truth.groups for a in group for b in group if a < b}
    rows: list[tuple[str, int, int, float, float | None, float | None]] = []
    with tempfile.TemporaryDirectory(prefix="filmgate-bench-") as cache:
        segments = SegmentIndex(MemoryDeltaStore(), MemorySegmentStore(), cache_dir=Path(cache))
        rows.append(("segments", *_found(segments, prints, copies), None, None))
    for name, rule in _RULES.items():
        store = MemoryBucketStore()
        found = _found(BandIndex(store, rule), prints, copies)
        rows.append((name, *found, store.writes / len(prints), store.reads / len(prints)))
    seconds = statistics.mean(
        made.info.duration_s for made in prints.values() if made.info.duration_s
    )
    figures = []
    for name, either, _, others, _, _ in rows:
        head = f"index.samples.{slug(str(name))}"
        figures.append(Figure(f"{head}.recall", either / len(copies), "share"))
        figures.append(Figure(f"{head}.others_a_search", others, "count"))
    table = Sheet(
        "Copies of the sample library that come up, of "
        f"{len(copies)} pairs among {len(prints)} files",
        ("index", "either way", "both ways", "others a search", "writes a file", "reads a file"),
        tuple(rows),
        (
            "Every file searches for every other. A pair counts either way when the one finds the "
            "other or is found by it: the scan needs the later of the two only.",
            f"Films and sounds last {seconds:.0f} s on average; costs grow with length.",
        ),
    )
    return table, figures


def _found(
    index: CandidateIndex, prints: dict[str, Fingerprint], copies: set[tuple[str, str]]
) -> tuple[int, int, float]:
    """Pairs found from either side and from both, and candidates a search that are no copies."""
    for path, made in prints.items():
        index.add(_TENANT, index_entry(path, made))
    found = {
        (path, candidate.asset_id)
        for path, made in prints.items()
        for candidate in index.search(_TENANT, index_query(path, made), limit=500)
    }
    sides = [(pair in found) + (pair[::-1] in found) for pair in copies]
    others = sum(ordered(*pair) not in copies for pair in found) / len(prints)
    return sum(side > 0 for side in sides), sides.count(2), others
