"""The search by keypoints at scale: looked up by their surest bits, beside an exact scan.

Pictures are drawn, not read: README.md says how, and what planted copies keep.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint import keypoint_descriptors
from filmgate.dedupe.fingerprint.keypoints import detect_keypoints
from filmgate.dedupe.index.points import KeypointScan, Pairs, geometric_votes
from filmgate.dedupe.index.port import IndexEntry, IndexQuery, KeypointCodes, KeypointQuery
from filmgate.dedupe.index.segment import Segment
from filmgate.dedupe.index.settings import IndexSettings
from tests.benchmarks import index_corpus as corpus
from tests.benchmarks.common import Cell, Figure, Sheet, interleaved, note, ratio

SIZES = (1_000, 10_000, 100_000)
FULL = (*SIZES, 300_000)
KEPT = (3, 4, 5, 8, 12)
"""Keypoints of 120 that a planted copy has kept."""
POINTS = 120
_PLANTED = 40
_CROWD = 400
_ROUNDS = {1_000: 9, 10_000: 7, 100_000: 3}
_IN_A_SEGMENT = 100_000
_DRAWN = 40
_SIDE = 400
_LOOKS = 64
_LOW = 4.5
_MIXED = (12, 13)
_NOISE = 5.0
_BLOCK = 8192
_QUERY_BLOCK = 16

Patches = NDArray[np.int8]


@dataclass
class Measured:
    """One size of library. Seconds a query of one image and its mirror image.

    Attributes:
        found: by keypoints kept, the share of the copies that the exact scan finds.
        exact_found: by keypoints kept, the share of all copies that the exact scan finds.
    """

    images: int
    points: int
    exact_s: list[float]
    ours_s: list[float]
    candidates: tuple[int, int]
    exact_found: dict[int, float] = field(default_factory=dict)
    found: dict[int, float] = field(default_factory=dict)


def measure(images: int) -> Measured:
    """A library of so many images."""
    rule = IndexSettings()
    note(f"keypoints of {images:,} images")
    segments = [
        Segment.of([entry(n) for n in range(first, min(first + _IN_A_SEGMENT, images))])
        for first in range(0, images, _IN_A_SEGMENT)
    ]
    rows, positions = picture(images + 1)
    asked = query(rows, positions)
    taken = interleaved(
        {
            "exact": lambda: [exact_votes(segment, asked, rule) for segment in segments],
            "ours": lambda: [KeypointScan(asked, rule).votes(segment) for segment in segments],
        },
        _ROUNDS.get(images, 1),
    )
    counted = [
        sum(int((votes(segment) >= rule.min_keypoint_votes).sum()) for segment in segments)
        for votes in (partial(exact_votes, asked=asked, rule=rule), KeypointScan(asked, rule).votes)
    ]
    measured = Measured(
        images,
        sum(len(segment.keypoint_codes) for segment in segments),
        [one.wall_s for one in taken["exact"]],
        [one.wall_s for one in taken["ours"]],
        (counted[0], counted[1]),
    )
    for kept in KEPT:
        measured.exact_found[kept], measured.found[kept] = _recall(segments, images, kept, rule)
    return measured


def _recall(
    segments: Sequence[Segment], images: int, kept: int, rule: IndexSettings
) -> tuple[float, float]:
    """Of planted copies the share that the exact scan finds, and what of that ours finds."""
    rng = np.random.default_rng(kept)
    exact, ours = [], []
    for number in rng.choice(images, _PLANTED, replace=False).tolist():
        asked = query(*copied(number, kept, rng))
        # Alone in a segment: what others hold changes nothing about an exact scan.
        votes = exact_votes(Segment.of([entry(number)]), asked, rule)
        exact.append(float(votes[0] >= rule.min_keypoint_votes))
        segment, place = divmod(number, _IN_A_SEGMENT)
        votes = KeypointScan(asked, rule).votes(segments[segment])
        ours.append(float(votes[place] >= rule.min_keypoint_votes))
    # Ours counts no pair that is not within the radius, so it finds nothing that exact does not.
    return statistics.mean(exact), sum(ours) / max(sum(exact), 1)


def figures(found: Sequence[Measured]) -> Iterator[Figure]:
    """For scripts: speed beside the exact scan, and what is kept of what that finds."""
    for one in found:
        head = f"index.keypoints.{one.images}_images"
        yield Figure(f"{head}.speed_to_exact_scan", ratio(one.exact_s, one.ours_s), "times")
        for kept, share in one.found.items():
            yield Figure(f"{head}.recall_of_exact_scan.{kept}_kept", share, "share")
    if len(found) > 1:
        first, last = found[0], found[-1]
        grown = statistics.median(last.ours_s) / statistics.median(first.ours_s)
        more = last.images / first.images
        name = f"index.keypoints.growth.{first.images}_to_{last.images}_images"
        yield Figure(name, math.log(grown) / math.log(more), "exponent")


def sheet(found: Sequence[Measured]) -> Sheet:
    """The table of all sizes."""
    columns = (
        "images",
        "keypoints",
        "exact scan ms",
        "ours ms",
        "times as fast",
        "candidates, exact",
        "candidates, ours",
        *(f"{kept} kept" for kept in KEPT),
    )
    title = "Searching by keypoints, one thread"
    rows = tuple(_row(one) for one in found)
    return Sheet(title, columns, rows, _remarks(found[-1]))


def _row(one: Measured) -> tuple[Cell, ...]:
    return (
        f"{one.images:,}",
        f"{one.points:,}",
        statistics.median(one.exact_s) * 1000,
        statistics.median(one.ours_s) * 1000,
        ratio(one.exact_s, one.ours_s),
        *one.candidates,
        *one.found.values(),
    )


def _remarks(largest: Measured) -> tuple[str, ...]:
    shares = ", ".join(f"{largest.exact_found[kept]:.0%} of {kept}" for kept in KEPT)
    return (
        "A query is one image of 120 keypoints and its mirror image, not in the library; "
        "medians of the rounds, in turns.",
        f"Kept: of {_PLANTED} planted copies with so many of 120 keypoints, those that the exact "
        f"scan brings up ({shares} at {largest.images:,}), the share that ours brings up.",
        f"Keypoints of two images share a key {_crowding():.1f} times as often as by chance, "
        "those of real ones 4.0 times (331 portraits and the tuning sources).",
        "Keys have 16 bits in segments of more than 524,288 keypoints, and fewer in smaller "
        "ones, whose runs hold 8 to 16 on average and where more is found.",
    )


def exact_votes(segment: Segment, asked: IndexQuery, rule: IndexSettings) -> NDArray[np.int64]:
    """What `KeypointScan` counts, from all pairs within the radius."""
    votes = np.zeros(len(segment), dtype=np.int64)
    for sought in asked.points:
        pairs = exact_pairs(segment.keypoint_codes, sought.codes, rule.keypoint_radius)
        np.maximum(votes, geometric_votes(segment, sought, pairs, rule), out=votes)
    return votes


def exact_pairs(codes: NDArray[np.uint64], queries: NDArray[np.uint64], radius: int) -> Pairs:
    """All pairs within the radius: positions in `queries` and in `codes`, both (n,)."""
    found = [(np.zeros(0, np.intp), np.zeros(0, np.intp))]
    for start in range(0, len(codes), _BLOCK):
        block = codes[start : start + _BLOCK]
        for first in range(0, len(queries), _QUERY_BLOCK):
            apart = np.bitwise_count(queries[first : first + _QUERY_BLOCK, None] ^ block)
            close = np.flatnonzero(apart <= radius)
            if len(close):
                mine, theirs = np.divmod(close, len(block))
                found.append((mine + first, theirs + start))
    mine, theirs = (np.concatenate(part) for part in zip(*found, strict=True))
    return mine, theirs


def picture(number: int) -> tuple[Patches, NDArray[np.float16]]:
    """Patches and positions of one image's keypoints, always the same."""
    rng = np.random.default_rng((3, number))
    pool = _pool()
    one = pool[rng.integers(0, len(pool), POINTS)]
    look = _looks()[rng.integers(0, _LOOKS, POINTS)]
    mixed = np.clip((_MIXED[0] * one + _MIXED[1] * look) >> 4, -127, 127)
    scale = np.exp(rng.normal(-3.6, 0.6, POINTS))
    positions = np.column_stack([rng.uniform(0, 1.2, POINTS), rng.uniform(0, 0.8, POINTS), scale])
    return mixed.astype(np.int8), positions.astype(np.float16)


def copied(number: int, kept: int, rng: np.random.Generator) -> tuple[Patches, NDArray[np.float16]]:
    """Half as large in another picture: so many of its keypoints, disturbed, among others."""
    rows, positions = picture(number)
    host_rows, host_positions = picture(int(rng.integers(10**9, 2 * 10**9)))
    chosen = rng.choice(POINTS, kept, replace=False)
    shape = (kept, keypoint_descriptors.SIDE, keypoint_descriptors.SIDE)
    noise = rng.standard_normal(shape) * _NOISE * _reach() * rng.uniform(0.3, 1.7, (kept, 1, 1))
    disturbed = np.clip(np.rint(rows[chosen] + noise), -127, 127).astype(np.int8)
    moved = positions[chosen] * np.float16(0.5) + np.array([0.2, 0.3, 0], np.float16)
    return (
        np.concatenate([disturbed, host_rows[kept:]]),
        np.concatenate([moved, host_positions[kept:]]).astype(np.float16),
    )


def entry(number: int) -> IndexEntry:
    """An image as the index takes it in, with nothing but keypoints."""
    rows, positions = picture(number)
    nothing = np.zeros((0, 32), np.uint8)
    return IndexEntry(
        corpus.name(number),
        f"{number:064x}",
        nothing,
        nothing,
        np.zeros(0, np.uint32),
        np.zeros(0, np.int32),
        points=KeypointCodes(keypoint_descriptors.binary_codes(rows), positions),
    )


def query(rows: Patches, positions: NDArray[np.float16]) -> IndexQuery:
    """Of an image and its mirror image."""
    alternate = np.where(np.arange(keypoint_descriptors.SIDE) % 2, -1, 1).astype(np.int8)
    return IndexQuery(
        "query",
        "f" * 64,
        np.zeros((8, 0, 32), np.uint8),
        np.zeros((0, 32), np.uint8),
        np.zeros(0, np.uint32),
        np.zeros(0, np.int32),
        points=tuple(
            KeypointQuery(
                keypoint_descriptors.binary_codes(turned), at, keypoint_descriptors.margins(turned)
            )
            for turned, at in (
                (rows, positions),
                (rows * alternate, positions * np.array([-1, 1, 1], np.float16)),
            )
        ),
    )


@cache
def _pool() -> NDArray[np.int16]:
    """Patches around the keypoints of smooth random pictures: int16 (n, 8, 8)."""
    rng = np.random.default_rng(4)
    found = [detect_keypoints(_drawn(rng)).descriptors for _ in range(_DRAWN)]
    return np.concatenate(found).astype(np.int16)


@cache
def _looks() -> NDArray[np.int16]:
    """The low frequencies of some patches, which many keypoints share: corners and spots of one
    shape, with details of their own."""
    frequency = np.arange(keypoint_descriptors.SIDE)
    low = np.hypot(frequency[:, None], frequency) <= _LOW
    return (_pool()[:_LOOKS] * low).astype(np.int16)


def _drawn(rng: np.random.Generator) -> NDArray[np.float32]:
    """A random field whose amplitudes fall off as one over frequency, as those of pictures do."""
    across = np.fft.rfftfreq(_SIDE)[None]
    down = np.fft.fftfreq(_SIDE)[:, None]
    waves = np.fft.rfft2(rng.standard_normal((_SIDE, _SIDE)))
    luma = np.fft.irfft2(waves / np.maximum(np.hypot(across, down), 1 / _SIDE))
    return np.clip(128 + 45 * luma / luma.std(), 0, 255).astype(np.float32)


@cache
def _reach() -> NDArray[np.float32]:
    """How strongly copying disturbs each coefficient: twice as much at the highest frequencies."""
    side = np.arange(keypoint_descriptors.SIDE) / (keypoint_descriptors.SIDE - 1)
    return (1 + np.hypot(side[:, None], side[None]) / np.sqrt(2)).astype(np.float32)


def _crowding() -> float:
    made = [picture(number) for number in range(_CROWD)]
    codes = np.concatenate([keypoint_descriptors.binary_codes(rows) for rows, _ in made])
    return skew(codes, np.repeat(np.arange(_CROWD), POINTS), IndexSettings().keypoint_key_bits)


def skew(codes: NDArray[np.uint64], owners: NDArray[np.intp], bits: int) -> float:
    """How many times as many pairs of different owners share their highest bits as by chance."""
    keys = (codes >> np.uint64(64 - bits)).astype(np.int64)
    _, together = np.unique(keys, return_counts=True)
    _, own = np.unique(keys * (int(owners.max()) + 1) + owners, return_counts=True)
    _, sizes = np.unique(owners, return_counts=True)
    met = _squares(together) - _squares(own)
    return met / (len(codes) ** 2 - _squares(sizes)) * 2**bits


def _squares(counts: NDArray[np.int64]) -> float:
    return float(np.square(counts.astype(np.float64)).sum())
