"""The figures of the index's benchmark, for scripts.

Its films have no crops and no sound, neither stored nor in a query, so every name says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from tests.benchmarks.common import Figure, slug
from tests.benchmarks.index_sheets import Row

LEFT_OUT = "frames_without_crops_or_sound"
_OURS = "segments"


def figures(found: Sequence[Row], bands: Mapping[str, float]) -> Iterator[Figure]:
    """Of every index at every size; of the bands, the buckets a film writes and reads."""
    head = f"index.{LEFT_OUT}"
    ours = {row.hashes: row for row in found if row.engine == _OURS}
    for row in found:
        at = f"{head}.{slug(row.engine)}.{size(row.hashes)}"
        for bits, share in row.recall.items():
            yield Figure(f"{at}.recall_at_{bits}_bits", share, "share")
        for frames, taken in row.latencies.items():
            yield Figure(f"{at}.best_search_of_{frames}_frames", min(taken) * 1000, "ms")
            if row.engine != _OURS:
                beside = min(ours[row.hashes].latencies[frames]) / min(taken)
                yield Figure(f"{at}.our_best_time_to_it.{frames}_frames", beside, "times")
        if row.engine == _OURS:
            yield Figure(f"{at}.size_a_hash", row.bytes / row.hashes, "bytes")
            yield Figure(f"{at}.rewrites", row.more["written"] / row.bytes, "times")
    yield from _growth(f"{head}.{_OURS}.growth", list(ours.values()))
    yield Figure(f"{head}.bands.writes_a_film", bands["writes"], "count")
    yield Figure(f"{head}.bands.reads_a_search", bands["reads"], "count")


def size(hashes: int) -> str:
    """About how many, as `1e6_hashes`: a corpus ends with a whole film."""
    return f"1e{round(math.log10(hashes))}_hashes"


def _growth(name: str, rows: list[Row]) -> Iterator[Figure]:
    """The exponent of search time over hashes, from the smallest to the largest library."""
    rows.sort(key=lambda row: row.hashes)
    if len(rows) < 2:
        return
    first, last = rows[0], rows[-1]
    for frames, taken in last.latencies.items():
        grown = min(taken) / min(first.latencies[frames])
        exponent = math.log(grown) / math.log(last.hashes / first.hashes)
        yield Figure(f"{name}.{frames}_frames", exponent, "exponent")
