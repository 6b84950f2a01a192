"""The tables of the index's benchmark, and what follows from the measured constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Protocol

import numpy as np

from filmgate.dedupe.index.settings import BandSettings, IndexSettings
from tests.benchmarks import index_prices as prices
from tests.benchmarks.common import Cell, Sheet
from tests.benchmarks.index_prices import BandLaw, ScanLaw

_MB = 1e6
_ORIENTATIONS = 8
_DENSE = 240 * _ORIENTATIONS
_LARGE = (1e7, 1e8, 1e9)
_HASH_BYTES = 32
_ID_BYTES = 26


class Row(Protocol):
    """One index at one size, as `tests.benchmarks.index` measures it."""

    engine: str
    hashes: int
    build_s: float
    bytes: int
    resident: int | None
    latencies: dict[int, list[float]]
    recall: dict[int, float]
    more: dict[str, float]


def sheets(found: Sequence[Row], bands: dict[str, float]) -> tuple[list[Sheet], dict[str, object]]:
    """All tables, and the figures behind those that are derived."""
    scan = _scan_law([row for row in found if row.engine == "segments"])
    film = BandLaw(
        bands["writes"],
        bands["reads"],
        bands["add_cpu_s"] + bands["search_cpu_s"],
        int(bands["workers"]),
    )
    load = _load_law([row for row in found if row.engine == "bands"])
    tables = [
        _building(found),
        _latency(found),
        _recall(found),
        _crossing(scan, film, bands),
        _sums(scan, film, bands, load),
    ]
    figures: dict[str, object] = {
        "scan": asdict(scan),
        "bands": {**asdict(film), **bands},
        "entries_a_bucket_per_hash": load,
        "prices": {
            name.lower(): value
            for name, value in vars(prices).items()
            if name.isupper() and not name.startswith("_")
        },
    }
    return tables, figures


def _building(found: Sequence[Row]) -> Sheet:
    rows: list[tuple[Cell, ...]] = []
    for row in found:
        if row.engine == "bands":
            continue
        written = row.more.get("written")
        rows.append(
            (
                f"{row.hashes:,}",
                row.engine,
                row.build_s,
                row.more.get("compaction_s"),
                row.bytes / _MB,
                row.resident / _MB if row.resident is not None else None,
                row.more.get("segments"),
                written / row.bytes if written else None,
            )
        )
    return Sheet(
        "Building",
        ("hashes", "index", "s", "of it compaction s", "MB", "resident MB", "segments", "rewrites"),
        tuple(rows),
        (
            "Segments: adding film by film and every compaction on the way, stores in memory. "
            "Rewrites: bytes written to S3 per byte in the end.",
            "Resident: how far a first search, or building, makes the process grow.",
        ),
    )


def _latency(found: Sequence[Row]) -> Sheet:
    rows: list[tuple[Cell, ...]] = []
    for row in found:
        if not row.latencies:
            continue
        cells: list[Cell] = [f"{row.hashes:,}", row.engine]
        for frames, taken in sorted(row.latencies.items()):
            middle, late = np.percentile(taken, [50, 95]) * 1000
            pair = middle * 1e6 / (row.hashes * frames * _ORIENTATIONS)
            cells += [float(min(taken) * 1000), float(middle), float(late), float(pair)]
        rows.append(tuple(cells))
    counts = sorted(next(row.latencies for row in found if row.latencies))
    columns = [
        name
        for frames in counts
        for name in (f"{frames} x 8 best ms", "p50", "p95", "p50 ns a pair")
    ]
    return Sheet(
        "Searching, one thread",
        ("hashes", "index", *columns),
        tuple(rows),
        (
            "A query is so many frames in 8 orientations, of films that are not in the index. The "
            "indexes take turns, and the best round is the one least disturbed.",
        ),
    )


def _recall(found: Sequence[Row]) -> Sheet:
    distances = sorted(found[0].recall)
    rows: list[tuple[Cell, ...]] = [
        (f"{row.hashes:,}", row.engine, *(row.recall[bits] for bits in distances)) for row in found
    ]
    return Sheet(
        "Recall of one planted frame, by distance in bits",
        ("hashes", "index", *(str(bits) for bits in distances)),
        tuple(rows),
        (
            "Of 40 frames a cell, other ones at each size: two cells of bands that differ by less "
            "than 0.2 do not differ. Full buckets are not counted here.",
            "One frame found brings its film up; frames of one edit tend to be missed together.",
        ),
    )


def _scan_law(rows: list[Row]) -> ScanLaw:
    """Least squares, relative errors weighing alike, over all sizes and queries."""
    points = [
        (row.hashes * frames * _ORIENTATIONS, float(np.median(taken)))
        for row in rows
        for frames, taken in row.latencies.items()
    ]
    pairs, seconds = np.array(points).T
    design = np.stack([1 / seconds, pairs / seconds], axis=1)
    fixed, pair = np.linalg.lstsq(design, np.ones(len(points)), rcond=None)[0]
    return ScanLaw(max(float(fixed), 0.0), float(pair))


def _load_law(rows: list[Row]) -> float:
    """Entries that a library adds to a looked-up bucket with each of its hashes."""
    largest = max(rows, key=lambda row: row.hashes)
    return max(largest.more["entries_a_bucket"] - 1, 0) / largest.hashes


def _crossing(scan: ScanLaw, film: BandLaw, bands: dict[str, float]) -> Sheet:
    rows: list[tuple[Cell, ...]] = []
    for frames in (30, 240):
        queries = frames * _ORIENTATIONS
        cost, sooner = prices.crossover(scan, film, queries)
        rows.append(
            (
                f"{frames} x 8",
                scan.pair_s * 1e9,
                f"{cost:.1e}",
                f"{sooner:.1e}",
                f"{scan.most(queries):.1e}",
            )
        )
    return Sheet(
        "Where bands take over, in hashes of one tenant",
        ("query", "ns a pair (fit)", "bands cost less", "bands answer sooner", "scan times out"),
        tuple(rows),
        (
            f"A film of {bands['frames']:.0f} frames in bands: {film.writes:,.0f} writes and "
            f"{film.reads:,.0f} reads, counted; {film.cpu_s * 1000:.0f} ms of processor, measured; "
            f"{film.seconds():.2f} s at {prices.REQUEST_S * 1000:.0f} ms a request, assumed; "
            f"${film.dollars():.5f}.",
            f"Prices of {prices.DATE}: Lambda ${prices.LAMBDA_GB_S} a GB-s at "
            f"{prices.MATCH_GB:.2f} GB, DynamoDB ${prices.DYNAMODB_WRITE * 1e6} a million writes "
            f"and ${prices.DYNAMODB_READ * 1e6} a million reads.",
            "Both sides without crops and sound, which add to both: a minute of film has some "
            "1,500 crops, all of them in segments and one in 25 in bands.",
            f"One search gives up after {prices.MATCH_TIMEOUT_S:.0f} s, and a function keeps "
            f"{IndexSettings().cache_bytes / 2**30:.0f} GiB of segments: "
            f"{IndexSettings().cache_bytes / _HASH_BYTES:.1e} hashes.",
        ),
    )


def _sums(scan: ScanLaw, film: BandLaw, bands: dict[str, float], load: float) -> Sheet:
    rule = BandSettings()
    rows: list[tuple[Cell, ...]] = []
    kept = (bands["writes"] - 1) / rule.bands
    for hashes in _LARGE:
        seconds = scan.seconds(hashes, _DENSE)
        entries = hashes * kept / bands["frames"] * rule.bands
        held = min(load * hashes, rule.bucket_capacity)
        # At most one item an entry; those that share a bucket share its overhead.
        stored = entries * (_HASH_BYTES + _ID_BYTES) + entries / (1 + held) * prices.ITEM_OVERHEAD
        rows.append(
            (
                f"{hashes:.0e}",
                hashes * _HASH_BYTES / 1e9,
                seconds,
                scan.dollars(hashes, _DENSE),
                hashes * _HASH_BYTES / 1e9 * prices.S3_GB_MONTH,
                film.seconds(),
                film.dollars(),
                1 + held,
                stored / 1e9 * prices.DYNAMODB_GB_MONTH,
                entries * prices.DYNAMODB_WRITE,
            )
        )
    return Sheet(
        "Sums from the measured constants, 240 x 8",
        (
            "hashes",
            "segments GB",
            "scan s (one core)",
            "$ a search",
            "$ a month",
            "bands s",
            "$ a film",
            "entries a bucket",
            "$ a month ",
            "$ to fill",
        ),
        tuple(rows),
        (
            "Scan seconds divide among shards, its dollars do not. Bands: adding and searching. "
            "All but the sizes is extrapolated; recall was not measured beyond the tables above, "
            "and falls as buckets fill.",
            f"Entries a bucket grow by {load:.1e} a hash (even bits: {2.0**-rule.band_bits:.1e}) "
            f"up to {rule.bucket_capacity}; then newcomers are left out of that bucket.",
        ),
    )
