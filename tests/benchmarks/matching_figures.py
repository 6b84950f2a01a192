"""The figures of the matching benchmark, for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from filmgate.dedupe.tuning.reliability import Reliability, reliability
from filmgate.dedupe.tuning.truth import wilson
from filmgate.media.model import MediaKind
from tests.benchmarks.common import Figure, share, slug
from tests.benchmarks.matching_measures import (
    CONTENDERS,
    RATES,
    by,
    overall,
    overlap,
    per_query,
    recall_at,
    thresholds,
)
from tests.benchmarks.matching_pairs import Pair

WORDS = {MediaKind.VIDEO: "videos", MediaKind.IMAGE: "pictures", MediaKind.AUDIO: "sound_files"}


def figures(head: str, tune: Sequence[Pair], test: Sequence[Pair]) -> Iterator[Figure]:
    """Every figure of one run.

    Args:
        head: the first part of all names.
        tune, test: the pairs of both halves.
    """
    for half, pairs in (("tune", tune), ("test", test)):
        kinds = by(pairs, lambda pair: pair.query.kind)
        for kind in (kind for kind in MediaKind if kind in kinds):
            yield from _rates(f"{head}.{half}.{WORDS[kind]}", kinds[kind])
            yield from calibration(f"{head}.{half}.{WORDS[kind]}", reliable(kinds[kind]))
        yield from _rates(f"{head}.{half}.all", pairs)
    yield from _per_transform(f"{head}.test", tune, test)
    for name, some in by((pair for pair in test if pair.negative), _negative).items():
        rate = wilson(sum(pair.called for pair in some), len(some))
        yield from share(f"{head}.test.false_positives_a_pair.{slug(name)}", rate)
        yield from share(f"{head}.test.false_positives_a_query.{slug(name)}", per_query(some))
    yield from _segments(f"{head}.test.segment_overlap", test)


def reliable(pairs: Sequence[Pair]) -> Reliability | None:
    """How far the shipped probabilities of these pairs are from the truth."""
    return reliability(
        [
            (pair.verdict.probability, not pair.negative)
            for pair in pairs
            if pair.verdict is not None and pair.verdict.probability is not None
        ]
    )


def calibration(head: str, found: Reliability | None) -> Iterator[Figure]:
    """The errors of probabilities; nothing for no pairs."""
    if found is not None:
        yield Figure(f"{head}.calibration_error", found.ece, "probability")
        yield Figure(f"{head}.brier", found.brier, "score")


def _negative(pair: Pair) -> str:
    return pair.negative or ""


def _rates(head: str, pairs: Sequence[Pair]) -> Iterator[Figure]:
    found = overall(pairs)
    copies = [pair for pair in pairs if not pair.negative]
    retrieved = wilson(sum(pair.verdict is not None for pair in copies), len(copies))
    yield from share(f"{head}.precision", found.precision)
    yield from share(f"{head}.recall", found.recall)
    if found.f1 is not None:
        yield Figure(f"{head}.f1", found.f1, "share")
    yield from share(f"{head}.false_positives_a_pair", found.per_pair)
    yield from share(f"{head}.false_positives_a_query", found.per_query)
    yield from share(f"{head}.retrieval_recall", retrieved)


def _per_transform(head: str, tune: Sequence[Pair], test: Sequence[Pair]) -> Iterator[Figure]:
    """Recall by transform as shipped, and over all transforms beside the peers'."""
    copies = by((pair for pair in test if not pair.negative), lambda pair: pair.query.kind)
    for kind, some in copies.items():
        of = f"{head}.{WORDS[kind]}"
        for variant, same in by(some, lambda pair: pair.query.variant).items():
            found = wilson(sum(pair.called for pair in same), len(same))
            yield from share(f"{of}.recall.{slug(variant)}", found)
        for name, score in CONTENDERS.items():
            if name != "ours" and kind is MediaKind.AUDIO:
                continue
            levels = thresholds(tune, kind, score)
            for rate in RATES:
                at = f"{of}.recall_at_{100 * rate:.1f}_percent_false.{slug(name)}"
                yield from share(at, recall_at(some, score, levels[rate]))


def _segments(head: str, test: Sequence[Pair]) -> Iterator[Figure]:
    some = [pair for pair in test if not pair.negative and pair.query.parts and pair.called]
    for variant, copies in by(some, lambda pair: pair.query.variant).items():
        mean = sum(overlap(pair) or 0.0 for pair in copies) / len(copies)
        yield Figure(f"{head}.{slug(variant)}", mean, "iou")
