"""Fingerprinting against decoding, and hashing against imagehash and PDQ.

1. Each file is fingerprinted, and decoded to the same pictures and sound with nothing done to
   them, in turn. The ratio is that of one round; the median over the rounds is shown.
2. One decoded picture is hashed by Filmgate, imagehash.phash and PDQ's reference, in turn.

The files: a minute of 720p made once under .build/bench, videos of the sample library, and those
in ../shared/data/videos where present.
"""

from __future__ import annotations

import cProfile
import pstats
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint import dct, engine
from filmgate.dedupe.fingerprint.color import halve
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.fingerprint.pdq import pdq_of
from filmgate.dedupe.fingerprint.sampling import sample_rate
from filmgate.media.decode import decode
from filmgate.media.limits import Limits
from filmgate.media.model import Decoded, Frame, MediaInfo
from filmgate.media.probe import probe
from filmgate_samples import plan, rendering
from filmgate_samples.clip import read_clip
from filmgate_samples.library import make_files
from tests.benchmarks.common import (
    BENCH,
    SHARED,
    Cell,
    Figure,
    Result,
    Sheet,
    interleaved,
    machine,
    note,
    parser,
    publish,
    ratio,
    slug,
)

SAMPLES = (
    "videos/coast at dusk.mp4",
    "videos/night avenue.mp4",
    "videos/bouncing balls.mp4",
    "videos/avenue.webm",
)
REAL = (
    "phone/chair-orig-22-sd-bar.mp4",
    "phone/doorknob-hd-no-bar.mp4",
    "street/car-detection.mp4",
    "gestures/book.mkv",
    "gif/classroom.gif",
    "film/nasa_13013.mp4",
    "film/friday.mp4",
    "film/big_buck_bunny_0_30.webm",
    "film/tears-of-steel-battle-clip-medium.webm",
)
MINUTE = plan.VideoSource(
    "minute 720p.mp4",
    "several scenes",
    (("coast", 12), ("night_city", 12), ("canyon", 12), ("spheres", 12), ("weather", 12)),
    (("music", 0.6), ("water", 0.5)),
    width=1280,
    height=720,
)
AIM_DECODE = 1.3
AIM_IMAGEHASH = 10.0
_DIGEST = "0" * 64
_PARTS_SHOWN = 10
_HASH_ROUNDS = 15
_LIMITS = Limits()

Work = Callable[[], object]


@dataclass(frozen=True)
class FileCost:
    """Medians over the rounds of one file; ratios are of fingerprinting to decoding."""

    file: str
    duration_s: float
    frames: int
    decode_s: float
    fingerprint_s: float
    wall_ratio: float
    cpu_ratio: float


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--rounds", type=int, default=5, help="rounds a file (default 5)")
    words.add_argument("--quick", action="store_true", help="two files only")
    chosen = words.parse_args()
    begun = time.perf_counter()
    files = _files(chosen.quick)
    costs = [file_cost(name, path, chosen.rounds) for name, path in files]
    parts = tuple(_parts(name, path) for name, path in files[:2])
    hashes, speeds, details = _hashing(files[0][1], max(chosen.rounds, _HASH_ROUNDS))
    left_out = "_without_real_files" if not SHARED.is_dir() else ""
    left_out = "_of_two_files" if chosen.quick else left_out
    publish(
        Result(
            "fingerprint",
            (_cost_sheet(costs), *parts, hashes),
            (*_cost_figures(costs, left_out), *speeds),
            {"files": [cost.__dict__ for cost in costs], **details},
            time.perf_counter() - begun,
            machine(),
        )
    )


def _files(quick: bool) -> list[tuple[str, Path]]:
    files = [("minute of 720p", _minute())]
    library = BENCH / "library"
    sources = [copy.source for copy in plan.copies(1) if copy.path in SAMPLES]
    samples = [path for path in SAMPLES if _known(path)][: 1 if quick else None]
    make_files(library, [*dict.fromkeys([*sources, *samples])], seed=1)
    files += [(path, library / path) for path in samples]
    if not quick:
        real = SHARED / "videos"
        files += [(name, real / name) for name in REAL if (real / name).is_file()]
    return files


def _known(path: str) -> bool:
    made = {source.path for source in plan.SOURCES} | {copy.path for copy in plan.copies(1)}
    return path in made


def _minute() -> Path:
    target = BENCH / f"{plan.GENERATOR.replace('/', '-')} {MINUTE.path}"
    if not target.is_file():
        note("Rendering a minute of 720p, once")
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".part-{target.name}")
        rendering.render_video(part, MINUTE, 1)
        part.replace(target)
    return target


def file_cost(name: str, path: Path, rounds: int) -> FileCost:
    """Fingerprint and decode one file in turn."""
    info = probe(path, _LIMITS)
    frames = _decoded(path, info)
    taken = interleaved(
        {
            "fingerprint": lambda: engine.fingerprint(path, _DIGEST, info, _LIMITS),
            "decode": lambda: _decoded(path, info),
        },
        rounds,
    )
    whole, bare = taken["fingerprint"], taken["decode"]
    cost = FileCost(
        file=name,
        duration_s=round(info.duration_s, 1),
        frames=frames,
        decode_s=statistics.median(t.wall_s for t in bare),
        fingerprint_s=statistics.median(t.wall_s for t in whole),
        wall_ratio=ratio([t.wall_s for t in whole], [t.wall_s for t in bare]),
        cpu_ratio=ratio([t.cpu_s for t in whole], [t.cpu_s for t in bare]),
    )
    note(f"{name}: {cost.wall_ratio:.2f} of decoding by the clock, {cost.cpu_ratio:.2f} of its CPU")
    return cost


def _decoded(path: Path, info: MediaInfo) -> int:
    """Decode what a fingerprint needs, drop it, and return how many pictures that was."""
    decoded = decode(path, info, _LIMITS, sample_rate_hz=sample_rate(info))
    return sum(1 for _ in decoded.frames)


def _cost_sheet(costs: list[FileCost]) -> Sheet:
    rows: list[tuple[Cell, ...]] = [
        (c.file, c.duration_s, c.frames, c.decode_s, c.fingerprint_s, c.wall_ratio, c.cpu_ratio)
        for c in costs
    ]
    middle = statistics.median(c.wall_ratio for c in costs)
    rows.append(
        ("median", None, None, None, None, middle, statistics.median(c.cpu_ratio for c in costs))
    )
    return Sheet(
        "Fingerprinting against decoding the same pictures and sound",
        ("file", "length s", "pictures", "decode s", "fingerprint s", "ratio", "ratio of CPU"),
        tuple(rows),
        (f"Aim: a ratio of at most {AIM_DECODE}. Decoding uses two threads, the rest one.",),
    )


def _cost_figures(costs: list[FileCost], left_out: str) -> Iterator[Figure]:
    for clock, ratios in (
        ("wall", [cost.wall_ratio for cost in costs]),
        ("cpu", [cost.cpu_ratio for cost in costs]),
    ):
        head = f"fingerprint.{clock}_time_to_decoding{left_out}"
        yield Figure(f"{head}.median", statistics.median(ratios), "times")
        yield Figure(f"{head}.most", max(ratios), "times")


def _parts(name: str, path: Path) -> Sheet:
    """Where the time above decoding goes, for one file, by the function that spends it.

    The profiler costs a little itself, so shares are of the profiled total.
    """
    info = probe(path, _LIMITS)
    decoded = decode(path, info, _LIMITS, sample_rate_hz=sample_rate(info))
    frames = list(decoded.frames)
    profile = cProfile.Profile()
    with profile:
        reduced(path, info, frames, decoded.audio)
    spent = by_function(pstats.Stats(profile), str(Path(engine.__file__).parent))
    total = sum(spent.values())
    ranked = sorted(spent.items(), key=lambda item: -item[1])[:_PARTS_SHOWN]
    return Sheet(
        f"Where the time beside decoding goes: {name}, {len(frames)} pictures",
        ("function", "ms", "%"),
        tuple((function, 1000 * s, 100 * s / total) for function, s in ranked),
    )


def reduced(
    path: Path, info: MediaInfo, frames: list[Frame], audio: NDArray[np.float32] | None
) -> Fingerprint:
    """Fingerprint what was decoded before: all that the engine does but decoding."""
    before = Decoded(frames=iter(frames), audio=audio)
    with patch.object(engine, "decode", lambda *_, **__: before):
        return engine.fingerprint(path, _DIGEST, info, _LIMITS)


def by_function(stats: pstats.Stats, folder: str) -> dict[str, float]:
    """Seconds spent by each function below a folder, with what it calls outside of that."""
    spent: dict[str, float] = {}
    # pstats keeps its table out of its types: (file, line, name) -> (_, _, own, all, callers).
    table = stats.stats  # type: ignore[attr-defined]
    for (file, _, name), (_, _, own, _, callers) in table.items():
        if file.startswith(folder):
            key = f"{Path(file).stem}.{name}"
            spent[key] = spent.get(key, 0.0) + own
            continue
        for (caller_file, _, caller), (_, _, _, cumulative) in callers.items():
            if caller_file.startswith(folder):
                key = f"{Path(caller_file).stem}.{caller}"
                spent[key] = spent.get(key, 0.0) + cumulative
    return spent


def _hashing(path: Path, rounds: int) -> tuple[Sheet, list[Figure], dict[str, object]]:
    """One picture at a time through each hash, all from the same decoded pictures."""
    info = probe(path, _LIMITS)
    decoded = decode(path, info, _LIMITS, sample_rate_hz=1.0)
    frames = [frame.rgb for frame in decoded.frames]
    full = list(read_clip(path, max_side=1280, max_seconds=4).frames)[:: 100 // 10][:10]
    batches = {
        name: (work, count)
        for name, work, count in _contenders(path, info, frames, [np.asarray(f) for f in full])
    }
    taken = interleaved({name: work for name, (work, _) in batches.items()}, rounds)
    per_picture = {
        name: [t.cpu_s / batches[name][1] * 1000 for t in runs] for name, runs in taken.items()
    }
    basis = per_picture["imagehash.phash, 64 bits"]
    rows = tuple(
        (name, statistics.median(spent), ratio(basis, spent)) for name, spent in per_picture.items()
    )
    height, width = frames[0].shape[:2]
    sheet = Sheet(
        "Hashing one picture",
        ("hash", "CPU ms a picture", "times as fast as imagehash.phash"),
        rows,
        (
            f"Input: the {width}x{height} picture that decoding gives, unless stated otherwise.",
            "Hash alone: from luma at 128 pixels to 256 bits; as in the engine, a clip at once.",
            "All of a picture: halving, luma, chroma, bars, coefficients, quality, and its share "
            "of 12 reference crops and PDQ, once a second each.",
            f"Aim: the hash alone at least {AIM_IMAGEHASH:.0f} times as fast as imagehash.phash.",
        ),
    )
    figures = [
        Figure(f"fingerprint.speed_to_phash.{slug(name)}", speed, "times")
        for name, _, speed in rows
    ]
    return (
        sheet,
        figures,
        {
            "hash_ms": {row[0]: row[1] for row in rows},
            "hash_speed": {r[0]: r[2] for r in rows},
        },
    )


def _contenders(
    path: Path, info: MediaInfo, frames: list[NDArray[np.uint8]], full: list[NDArray[np.uint8]]
) -> list[tuple[str, Work, int]]:
    """Name, work over a batch of pictures, and how many these are."""
    import imagehash
    from PIL import Image

    pictures = [Image.fromarray(rgb) for rgb in frames]
    lumas = [_luma(rgb) for rgb in frames]
    stacked = np.stack(lumas)

    def bits(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return dct.bits(dct.quantize(dct.whiten(dct.project(luma))))

    # Pictures come four a second, and some of the work is done once a second.
    four = [Frame(at / 4, rgb) for at, rgb in enumerate(np.repeat(frames, 4, axis=0))]
    found: list[tuple[str, Work, int]] = [
        ("Filmgate, hash alone", lambda: bits(stacked), len(frames)),
        (
            "Filmgate, hash alone, one by one",
            lambda: [bits(one[None]) for one in lumas],
            len(frames),
        ),
        (
            "Filmgate, from picture to hash",
            lambda: bits(np.stack([_luma(rgb) for rgb in frames])),
            len(frames),
        ),
        ("Filmgate, all of a picture", lambda: reduced(path, info, four, None), len(four)),
        (
            "imagehash.phash, 64 bits",
            lambda: [imagehash.phash(picture) for picture in pictures],
            len(frames),
        ),
        (
            "imagehash.phash, 256 bits",
            lambda: [imagehash.phash(picture, hash_size=16) for picture in pictures],
            len(frames),
        ),
        (
            "imagehash.phash, 64 bits, of 720p",
            lambda: [imagehash.phash(Image.fromarray(rgb)) for rgb in full],
            len(full),
        ),
        ("PDQ of Filmgate", lambda: [pdq_of(rgb) for rgb in frames], len(frames)),
    ]
    if find_spec("pdqhash"):
        import pdqhash

        found += [
            ("PDQ, reference", lambda: [pdqhash.compute(rgb) for rgb in frames], len(frames)),
            ("PDQ, reference, of 720p", lambda: [pdqhash.compute(rgb) for rgb in full], len(full)),
        ]
    return found


def _luma(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return np.rint(halve(rgb, 128) @ weights).astype(np.uint8)


if __name__ == "__main__":
    main()
