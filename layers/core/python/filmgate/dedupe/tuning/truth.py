"""What is known of a sample library, and how found matches compare with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import combinations

from pydantic import BaseModel, ConfigDict

from filmgate.dedupe.matching.model import MatchClass
from filmgate.media.model import MediaKind

Parameters = dict[str, float | int | str | bool]


class Expect(StrEnum):
    """How two files truly relate."""

    COPY = "copy"
    PART = "part"
    SIMILAR = "similar"
    DIFFERENT = "different"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class SampleFile(_Value):
    """One file of the library; `path` is relative to the library's folder, with slashes."""

    path: str
    kind: MediaKind
    description: str


class KnownCopy(_Value):
    """`copy_path` was made from `source` by a transform; `expect` is their relation."""

    source: str
    copy_path: str
    transform: str
    parameters: Parameters
    expect: Expect = Expect.COPY


class KnownNegative(_Value):
    """Two files that are not copies of each other, though something in them is the same."""

    a: str
    b: str
    class_of_negative: str
    expect: Expect = Expect.DIFFERENT


class Truth(_Value):
    """Everything known about a library.

    Attributes:
        groups: each list holds a source and its whole copies; two files of one group are copies
            of each other. What holds only a part of a source, or more than it, is in no group,
            and is known from `copies`. Any other pair is a negative.
        negatives: the hard ones among the negatives, with the reason they are hard.
    """

    seed: int
    generator: str
    files: tuple[SampleFile, ...]
    copies: tuple[KnownCopy, ...]
    groups: tuple[tuple[str, ...], ...]
    negatives: tuple[KnownNegative, ...]


class Rate(_Value):
    """A proportion with its Wilson 95 % interval; all three are None when `total` is 0."""

    hits: int
    total: int
    value: float | None
    low: float | None
    high: float | None


class Found(_Value):
    """A pair that went wrong; `label` is the transform or the class of negative."""

    a: str
    b: str
    label: str


class TruthComparison(_Value):
    """Found matches against the truth.

    Attributes:
        precision: of the pairs found to be copies, whole or in part, how many are.
        recall: of all pairs of copies, how many were found.
        f1: harmonic mean of the two, None when nothing was found or nothing was there.
        false_positive_rate: of all pairs that are not copies, how many were called copies.
        per_transform: recall on (source, copy) alone, by transform.
        per_negative: false positives by class of negative; `unrelated` for all the others.
        missed, false_pairs: the pairs behind the two rates.
        groups_exact: known groups found whole, and with nothing else in them.
        groups_mixed: found groups that hold files of more than one source.
    """

    precision: Rate
    recall: Rate
    f1: float | None
    false_positive_rate: Rate
    per_transform: dict[str, Rate]
    per_negative: dict[str, Rate]
    missed: tuple[Found, ...]
    false_pairs: tuple[Found, ...]
    groups_exact: int
    groups_known: int
    groups_mixed: tuple[tuple[str, ...], ...]


def wilson(hits: int, total: int, z: float = 1.96) -> Rate:
    """A proportion with the score interval of E. B. Wilson (JASA 22, 1927).

    Raises:
        ValueError: unless 0 <= hits <= total.
    """
    if not 0 <= hits <= total:
        raise ValueError(f"{hits} of {total} is not a proportion")
    if total == 0:
        return Rate(hits=0, total=0, value=None, low=None, high=None)
    share = hits / total
    middle = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return Rate(
        hits=hits,
        total=total,
        value=share,
        low=max(0.0, (middle - spread) / scale),
        high=min(1.0, (middle + spread) / scale),
    )


_Pair = tuple[str, str]


def _pair(a: str, b: str) -> _Pair:
    return (a, b) if a < b else (b, a)


def is_call(match_class: str, partial: bool) -> bool:
    """Whether a verdict says that two files hold the same recording, whole or in part."""
    return match_class in {MatchClass.EXACT, MatchClass.NEAR} or (
        match_class == MatchClass.SIMILAR and partial
    )


def compare(
    truth: Truth,
    matches: Iterable[tuple[str, str, bool]],
    groups: Iterable[Sequence[str]],
) -> TruthComparison:
    """Judge what was found against what is known, over all pairs of the library.

    Pairs known to be merely similar count as negatives. Two parts of one source may or may not
    overlap and count as neither. Matches with files outside the library are left out.

    Args:
        matches: (path, path, called a copy or not, see `is_call`) with paths as in the truth.
        groups: the groups found, with paths as in the truth.
    """
    known = {file.path for file in truth.files}
    copies, open_pairs = _positives(truth)
    calls = {_pair(a, b) for a, b, called in matches if called and a in known and b in known}
    calls -= open_pairs
    everything = len(known) * (len(known) - 1) // 2 - len(open_pairs)
    right, wrong = calls & copies, calls - copies
    labels = {_pair(c.source, c.copy_path): c.transform for c in truth.copies}
    classes = {_pair(n.a, n.b): n.class_of_negative for n in truth.negatives}
    found_groups = [frozenset(group) & known for group in groups]
    known_groups = {frozenset(group) for group in truth.groups}
    return TruthComparison(
        precision=wilson(len(right), len(calls)),
        recall=wilson(len(right), len(copies)),
        f1=2 * len(right) / (len(calls) + len(copies)) if calls and copies else None,
        false_positive_rate=wilson(len(wrong), everything - len(copies)),
        per_transform=_per_transform(truth, calls),
        per_negative=_per_negative(truth, wrong, everything - len(copies)),
        missed=tuple(
            Found(a=a, b=b, label=labels.get((a, b), "two copies"))
            for a, b in sorted(copies - calls)
        ),
        false_pairs=tuple(
            Found(a=a, b=b, label=classes.get((a, b), "unrelated")) for a, b in sorted(wrong)
        ),
        groups_exact=sum(group in known_groups for group in found_groups),
        groups_known=len(known_groups),
        groups_mixed=tuple(
            tuple(sorted(group))
            for group in found_groups
            if not any(group <= whole for whole in known_groups)
        ),
    )


def _positives(truth: Truth) -> tuple[set[_Pair], set[_Pair]]:
    """Pairs that are copies whole or in part, and pairs of which neither can be said."""
    whole = {path: group for group in truth.groups for path in group}
    parts: dict[str, list[str]] = {}
    for copy in truth.copies:
        if copy.expect is Expect.PART:
            parts.setdefault(copy.source, []).append(copy.copy_path)
    copies = {_pair(a, b) for group in truth.groups for a, b in combinations(group, 2)}
    unsaid = set[_Pair]()
    for source, of_it in parts.items():
        copies |= {_pair(part, path) for part in of_it for path in whole.get(source, (source,))}
        unsaid |= {_pair(a, b) for a, b in combinations(of_it, 2)}
    return copies, unsaid


def _per_transform(truth: Truth, calls: set[_Pair]) -> dict[str, Rate]:
    counts: dict[str, list[bool]] = {}
    for copy in truth.copies:
        if copy.expect in {Expect.COPY, Expect.PART}:
            found = _pair(copy.source, copy.copy_path) in calls
            counts.setdefault(copy.transform, []).append(found)
    return {name: wilson(sum(hits), len(hits)) for name, hits in sorted(counts.items())}


def _per_negative(truth: Truth, wrong: set[_Pair], negatives: int) -> dict[str, Rate]:
    by_class: dict[str, set[_Pair]] = {}
    for item in truth.negatives:
        by_class.setdefault(item.class_of_negative, set()).add(_pair(item.a, item.b))
    rates = {
        name: wilson(len(pairs & wrong), len(pairs)) for name, pairs in sorted(by_class.items())
    }
    hard = set[_Pair]().union(*by_class.values())
    rates["unrelated"] = wilson(len(wrong - hard), negatives - len(hard))
    return rates
