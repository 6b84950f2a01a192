"""One-minute 720p videos: processor time on one core, videos an hour, and what one costs.

Each file is fingerprinted in a process of its own that is pinned to one core. Seconds are of
processor time, the best of the rounds: whatever else the machine does only ever adds to it, and
the median beside it tells how much it did. They are of the core this ran on; a Lambda function of
1,769 MB has one that may be faster or slower.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import av

from filmgate.dedupe.fingerprint import engine
from filmgate.dedupe.fingerprint.constellation import constellation
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.fingerprint.retrieval import index_entry, index_query
from filmgate.dedupe.fingerprint.sampling import max_sampling_gap_s, sample_rate
from filmgate.dedupe.index.segment import delta_item
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.matching.compare import compare
from filmgate.media.decode import decode
from filmgate.media.limits import Limits
from filmgate.media.model import MediaInfo, MediaKind
from filmgate.media.probe import probe
from tests.benchmarks import index_prices as prices
from tests.benchmarks import throughput_cost as cost
from tests.benchmarks.common import (
    Cell,
    Figure,
    Result,
    Sheet,
    machine,
    note,
    parser,
    publish,
    ratio,
    slug,
)
from tests.benchmarks.fingerprint import reduced
from tests.benchmarks.index_corpus import Corpus
from tests.benchmarks.throughput_clips import clips
from tests.benchmarks.throughput_pairs import densely, verdicts
from tests.memory import MemoryDeltaStore, MemorySegmentStore

REFERENCE_AN_HOUR = 280
AIM_AN_HOUR = 2800
LIBRARY = 500_000
"""Hashes in the library that a video is searched in: the frames of about 8,000 minutes of film.

Their crops and sound are left out, and the figures of a search say so in their names.
"""
_CANDIDATES = 5
_LIMITS = Limits()
_TENANT = "bench"


@dataclass(frozen=True)
class Spent:
    """Processor seconds of one file, each the best of the rounds.

    Attributes:
        pictures_s: decoding and scaling the pictures that are looked at.
        sound_s: decoding the sound, and what is kept of it.
        reduce_s: from pictures to the fingerprint.
        floor_s: decoding what others depend on, unfiltered, and nothing else.
        all_s, all_median_s: a fingerprint as a whole, measured by itself.
        saved: how many times as long it takes with eight pictures a second and nothing left out,
            the median over the rounds of the ratio within one.
        peak_bytes: of the process, with Python and its packages.
    """

    kind: str
    file_bytes: int
    frames: int
    probe_s: float
    pictures_s: float
    sound_s: float
    reduce_s: float
    floor_s: float
    all_s: float
    all_median_s: float
    saved: float
    peak_bytes: int

    @property
    def an_hour(self) -> float:
        """Videos that one core gets through in an hour."""
        return 3600 / self.all_s


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--rounds", type=int, default=5, help="rounds a file (default 5)")
    words.add_argument("--library", type=int, default=LIBRARY, help="hashes searched in")
    words.add_argument(
        "--pairs", action="store_true", help="what looking less does to verdicts, nothing else"
    )
    chosen = words.parse_args()
    begun = time.perf_counter()
    if chosen.pairs:
        sheet, figures, details = verdicts()
        seconds = time.perf_counter() - begun
        publish(Result("throughput-pairs", (sheet,), figures, details, seconds, machine()))
        return
    files = clips()
    found = [_apart(name, path, chosen.rounds) for name, path in files.items()]
    work = _work(found, files, chosen.library)
    publish(
        Result(
            "throughput",
            (_speed(found), _costs(work, chosen.library)),
            (*_speed_figures(found), *_cost_figures(work, chosen.library)),
            {
                "files": [asdict(one) | {"an_hour": one.an_hour} for one in found],
                "work": asdict(work),
                "bill": [asdict(line) for line in cost.bill(work)],
                "prices": prices.DATE,
            },
            time.perf_counter() - begun,
            machine(),
        )
    )


def _apart(name: str, path: Path, rounds: int) -> Spent:
    # A fresh process each, so that its peak of memory is that of this file.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        spent = pool.submit(measure, name, path, rounds).result()
    note(f"{name}: {spent.all_s:.2f} s, {spent.an_hour:,.0f} an hour")
    return spent


def measure(name: str, path: Path, rounds: int) -> Spent:
    """Fingerprint one file, and its parts one by one, in turn; on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    info = probe(path, _LIMITS)
    sound_alone = info.model_copy(update={"kind": MediaKind.AUDIO})
    taken: dict[str, list[float]] = {}

    def timed(part: str, begun: float) -> None:
        taken.setdefault(part, []).append(time.process_time() - begun)

    fingerprinted(path, info)  # imports
    peak = _peak()
    for _ in range(rounds):
        begun = time.process_time()
        probe(path, _LIMITS)
        timed("probe", begun)
        begun = time.process_time()
        made = fingerprinted(path, info)
        timed("all", begun)
        begun = time.process_time()
        densely(path)
        timed("dense", begun)
        begun = time.process_time()
        depended_on(path)
        timed("floor", begun)
        begun = time.process_time()
        heard = decode(path, sound_alone, _LIMITS, sample_rate_hz=1.0)
        list(heard.frames)
        timed("sound", begun)
        begun = time.process_time()
        rate, gap_s = sample_rate(info), max_sampling_gap_s(info)
        seen = decode(path, info, _LIMITS, sample_rate_hz=rate, max_sampling_gap_s=gap_s)
        frames = list(seen.frames)
        timed("decode", begun)
        begun = time.process_time()
        reduced(path, info, frames, None)
        timed("reduce", begun)
        begun = time.process_time()
        if seen.audio is not None:
            constellation(seen.audio)
        timed("constellation", begun)
    best = {part: min(spent) for part, spent in taken.items()}
    return Spent(
        kind=name,
        file_bytes=path.stat().st_size,
        frames=0 if made.frames is None else len(made.frames.times_s),
        probe_s=best["probe"],
        pictures_s=best["decode"] - best["sound"],
        sound_s=best["sound"] + best["constellation"],
        reduce_s=best["reduce"],
        floor_s=best["floor"],
        all_s=best["all"],
        all_median_s=statistics.median(taken["all"]),
        saved=ratio(taken["dense"], taken["all"]),
        peak_bytes=peak,
    )


def fingerprinted(path: Path, info: MediaInfo) -> Fingerprint:
    """One file, whole."""
    return engine.fingerprint(path, "0" * 64, info, _LIMITS)


def depended_on(path: Path) -> int:
    """Decode the pictures that others depend on, without the filter of blocks; how many.

    What any decoder has to do before it can show the last picture of a group.
    """
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        context.thread_count = 1
        context.options = {"skip_loop_filter": "all"}
        context.skip_frame = "NONREF"
        return sum(1 for _ in container.decode(stream))


def _peak() -> int:
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024


_COLUMNS: dict[str, Callable[[Spent], Cell]] = {
    "written as": lambda one: one.kind,
    "Mbit/s": lambda one: one.file_bytes * 8 / 60 / 1e6,
    "pictures": lambda one: one.frames,
    "floor s": lambda one: one.floor_s,
    "decode s": lambda one: one.pictures_s,
    "reduce s": lambda one: one.reduce_s,
    "sound s": lambda one: one.sound_s,
    "all s": lambda one: one.all_s,
    "median s": lambda one: one.all_median_s,
    "times as long in full": lambda one: one.saved,
    "an hour": lambda one: one.an_hour,
    "of the reference": lambda one: one.an_hour / REFERENCE_AN_HOUR,
    "peak MB": lambda one: one.peak_bytes / 1e6,
}


def _speed(found: list[Spent]) -> Sheet:
    middle = statistics.median(one.all_s for one in found)
    medians: dict[str, Cell] = {
        "written as": "median",
        "floor s": statistics.median(one.floor_s for one in found),
        "all s": middle,
        "times as long in full": statistics.median(one.saved for one in found),
        "an hour": 3600 / middle,
        "of the reference": 3600 / middle / REFERENCE_AN_HOUR,
    }
    rows = [tuple(read(one) for read in _COLUMNS.values()) for one in found]
    return Sheet(
        "A minute of 720p on one core",
        tuple(_COLUMNS),
        (*rows, tuple(medians.get(name) for name in _COLUMNS)),
        (
            f"Reference: {REFERENCE_AN_HOUR} an hour a worker. Aim: {AIM_AN_HOUR:,} a core, "
            f"{3600 / AIM_AN_HOUR:.2f} s each.",
            "Processor seconds, the best of the rounds; the median tells what else ran.",
            "Floor: decoding what others depend on, and nothing else; under it are files of which "
            "something before a keyframe goes unseen.",
            "In full: eight pictures a second, nothing left out, as short videos are looked at.",
            "This machine's core; a Lambda's may differ.",
        ),
    )


def _speed_figures(found: list[Spent]) -> Iterator[Figure]:
    middle = statistics.median(one.all_s for one in found)
    yield Figure("throughput.median", middle, "cpu_s")
    yield Figure("throughput.median_an_hour", 3600 / middle, "1/h")
    yield Figure("throughput.speed_to_full", statistics.median(o.saved for o in found), "times")
    yield Figure("throughput.most_memory", max(one.peak_bytes for one in found) / 1e6, "MB")
    for one in found:
        yield Figure(f"throughput.{slug(one.kind)}.all", one.all_s, "cpu_s")
        yield Figure(f"throughput.{slug(one.kind)}.time_to_floor", one.all_s / one.floor_s, "times")


def _cost_figures(work: cost.Work, library: int) -> Iterator[Figure]:
    """The library's films have no crops and no sound, which a search would also go through."""
    head = f"throughput.library_of_{library}_frames_without_crops_or_sound"
    total = sum(line.dollars for line in cost.bill(work))
    yield Figure(f"{head}.search", work.search_s, "cpu_s")
    yield Figure(f"{head}.cost_of_a_thousand", _dollars(total), "usd")


def _work(found: list[Spent], files: dict[str, Path], library: int) -> cost.Work:
    """The file of median cost, and its search among so many hashes.

    The pictures of the other kinds are its copies, so it is compared with those.
    """
    typical = sorted(found, key=lambda one: one.all_s)[len(found) // 2]
    path = files[typical.kind]
    info = probe(path, _LIMITS)
    own = fingerprinted(path, info)
    begun = time.process_time()
    hashlib.sha256(path.read_bytes())
    digest_s = time.process_time() - begun
    others = [fingerprinted(p, probe(p, _LIMITS)) for n, p in files.items() if n != typical.kind]
    begun = time.process_time()
    entry, query = index_entry("own", own), index_query("own", own)
    for other in islice((one for _ in range(_CANDIDATES) for one in others), _CANDIDATES):
        compare(own, other)
    match_s = time.process_time() - begun
    with tempfile.TemporaryDirectory(prefix="filmgate-bench-") as folder:
        index = SegmentIndex(MemoryDeltaStore(), MemorySegmentStore(), cache_dir=Path(folder))
        note(f"Filling an index with {library:,} hashes")
        held = 0
        for number, one in enumerate(Corpus().entries(0, library)):
            if held >= library:
                break
            index.add(_TENANT, one)
            held += len(one.frames)
            if number % 500 == 499:
                index.compact(_TENANT)
        while index.compact(_TENANT):
            pass
        index.search(_TENANT, query, limit=200)
        begun = time.process_time()
        index.search(_TENANT, query, limit=200)
        search_s = time.process_time() - begun
    return cost.Work(
        file_bytes=typical.file_bytes,
        ingest_s=typical.probe_s + digest_s,
        fingerprint_s=typical.all_s + digest_s,
        match_s=match_s,
        search_s=search_s,
        candidates=_CANDIDATES,
        matches=_CANDIDATES,
        entry_bytes=len(delta_item(entry, 1).body),
    )


def _costs(work: cost.Work, library: int) -> Sheet:
    lines = cost.bill(work)
    total = sum(line.dollars for line in lines)
    rows: list[tuple[Cell, ...]] = [
        (line.what, line.how, _dollars(line.dollars), 100 * line.dollars / total) for line in lines
    ]
    rows.append(("all", None, _dollars(total), 100.0))
    return Sheet(
        "What a minute costs, from upload to verdict",
        ("for", "what", "dollars a thousand", "%"),
        tuple(rows),
        (
            f"Dollars for a thousand videos; the reference takes {1000 * cost.REFERENCE:g}, the "
            f"aim is under {1000 * cost.AIM:g}.",
            f"List prices of {prices.DATE}, us-east-1, x86-64, memory as in serverless.yml.",
            f"The file of median processor time; searched among {library:,} hashes "
            f"of frames, which have no crops and no sound beside them, compared with "
            f"{work.candidates} candidates, each of them a match. {work.search_s:.2f} s of dedupe "
            f"is the search.",
            f"Measured: processor seconds. Assumed: billed time is processor time plus S3 at "
            f"{cost.S3_BYTES_PER_S / 1e6:g} MB/s and {cost.LIGHT_S * 1000:g} ms a call; cold "
            f"starts are not counted.",
            f"Keeping the file costs another {1000 * _month(work):.2f} dollars a thousand a month.",
        ),
    )


def _month(work: cost.Work) -> float:
    return cost.month_dollars(work.file_bytes, 0)


def _dollars(value: float) -> float:
    return 1000 * value


if __name__ == "__main__":
    main()
