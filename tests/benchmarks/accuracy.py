"""Precision and recall, with retrieval: a candidate that the index loses counts as a miss.

1. The sample library, against its truth.
2. The real files of ../shared/data, where present, against `expectations.py`.
3. Transforms of a few real sources (the first seconds of films, phone, street and gesture clips,
   and photos), searched for among all the other real files.

A pair counts as found when its class is exact or near, or similar as a part of the other.
Intervals are Wilson's, at 95 %. Everything made is kept under .build/bench.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from filmgate.dedupe.matching.groups import groups
from filmgate.dedupe.matching.model import MatchClass, Verdict
from filmgate.dedupe.tuning.truth import Rate, Truth, TruthComparison, compare, is_call, wilson
from filmgate.media.model import MediaKind
from filmgate_samples import library, plan, transforms
from filmgate_samples.clip import Encoding, read_clip, read_image, write_clip, write_image
from tests.benchmarks import expectations
from tests.benchmarks.bare import Bare, ordered
from tests.benchmarks.common import (
    BENCH,
    SHARED,
    Cell,
    Figure,
    Result,
    Sheet,
    machine,
    note,
    parser,
    publish,
    share,
    slug,
)

SOURCES = (
    "videos/film/tears-of-steel-battle-clip-medium.webm",
    "videos/film/friday.mp4",
    "videos/phone/doorknob-hd-no-bar.mp4",
    "videos/street/car-detection.mp4",
    "videos/gestures/book.mkv",
)
PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "retina.jpg")
SOURCE_S = 8.0
_ENTIRE = Encoding("libx264", {"preset": "superfast", "crf": "18"})
_STRONG = {MatchClass.EXACT, MatchClass.NEAR}
Found = tuple[list[Sheet], list[Figure], dict[str, object]]
"""Sheets, figures for scripts, and the numbers behind the sheets."""
_MADE_BY = f"{plan.GENERATOR.replace('/', '-')} {SOURCE_S:g} s"


def main() -> None:
    words = parser(__doc__)
    words.add_argument(
        "--part", choices=("samples", "real", "transforms"), help="only this part (default all)"
    )
    chosen = words.parse_args()
    begun = time.perf_counter()
    sheets: list[Sheet] = []
    figures: list[Figure] = []
    details: dict[str, object] = {}

    def add(part: str, found: Found) -> None:
        sheets.extend(found[0])
        figures.extend(found[1])
        details[part] = found[2]

    if chosen.part in (None, "samples"):
        folder = BENCH / "library"
        known = library.make(folder, progress=lambda *_: None)
        add("samples", _judged("samples", "sample library", folder, known))
    if SHARED.is_dir():
        if chosen.part in (None, "real"):
            known = expectations.truth(SHARED)
            add("real", _judged("real", "real files", SHARED, known))
        if chosen.part in (None, "transforms"):
            add("transforms", _transforms())
    else:
        note(f"{SHARED} is not here: only the sample library is measured")
    name = f"accuracy-{chosen.part}" if chosen.part else "accuracy"
    seconds = time.perf_counter() - begun
    publish(Result(name, tuple(sheets), tuple(figures), details, seconds, machine()))


def _judged(part: str, title: str, folder: Path, known: Truth) -> Found:
    """All files of one library against all."""
    files = [(file.path, folder / file.path) for file in known.files]
    # Arrival in an order that means nothing.
    random.Random(1).shuffle(files)
    bare = Bare()
    begun = time.perf_counter()
    bare.take_all(files)
    note(f"{title}: {len(files)} files in {time.perf_counter() - begun:.0f} s")
    calls = [(a, b, called(verdict)) for (a, b), verdict in bare.verdicts.items()]
    found = groups((a, b, verdict) for (a, b), verdict in bare.verdicts.items())
    judged = compare(known, calls, found)
    strict = compare(
        known,
        [(a, b, verdict.match_class in _STRONG) for (a, b), verdict in bare.verdicts.items()],
        found,
    )
    retrieved = compare(known, [(a, b, True) for a, b in bare.verdicts], ())
    rows: list[tuple[Cell, ...]] = [
        ("precision", *_rate(judged.precision)),
        ("recall", *_rate(judged.recall)),
        ("F1", None if judged.f1 is None else _percent(judged.f1), "", ""),
        ("false positive rate", *_rate(judged.false_positive_rate)),
        ("false positive rate as exact or near", *_rate(strict.false_positive_rate)),
        ("recall of retrieval alone", *_rate(retrieved.recall)),
        *((f"false positives: {name}", *_rate(rate)) for name, rate in judged.per_negative.items()),
        *(
            (f"recall: {name}", *_rate(rate))
            for name, rate in judged.per_transform.items()
            if rate.hits < rate.total
        ),
        ("groups found whole", None, None, f"{judged.groups_exact} of {judged.groups_known}"),
        ("groups with strangers in them", None, None, str(len(judged.groups_mixed))),
    ]
    sheets = [
        Sheet(
            f"Accuracy on the {title}: {len(files)} files",
            ("measure", "value", "95 % interval", "of"),
            tuple(rows),
            (_candidates(bare.candidates), *_refusals(bare)),
        )
    ]
    wrong = [(f.a, f.b, f"missed: {f.label}") for f in judged.missed]
    wrong += [(f.a, f.b, f"wrong: {f.label}") for f in judged.false_pairs]
    if wrong:
        sheets.append(_wrong(title, bare, wrong))
    return (
        sheets,
        [*_figures(part, judged, strict, retrieved)],
        {
            **judged.model_dump(mode="json"),
            "as_exact_or_near": strict.model_dump(mode="json"),
            "retrieval": retrieved.recall.model_dump(),
            "not_retrieved": [found.model_dump() for found in retrieved.missed],
            "candidates": bare.candidates,
            "classes": {" | ".join(p): [v.match_class, v.score] for p, v in bare.verdicts.items()},
        },
    )


def _figures(
    part: str, judged: TruthComparison, strict: TruthComparison, retrieved: TruthComparison
) -> Iterator[Figure]:
    head = f"accuracy.{part}"
    yield from share(f"{head}.precision", judged.precision)
    yield from share(f"{head}.recall", judged.recall)
    if judged.f1 is not None:
        yield Figure(f"{head}.f1", judged.f1, "share")
    yield from share(f"{head}.false_positives_a_pair", judged.false_positive_rate)
    yield from share(f"{head}.false_positives_a_pair_exact_or_near", strict.false_positive_rate)
    yield from share(f"{head}.retrieval_recall", retrieved.recall)
    for name, rate in judged.per_negative.items():
        yield from share(f"{head}.false_positives_a_pair.{slug(name)}", rate)
    for name, rate in judged.per_transform.items():
        yield from share(f"{head}.recall.{slug(name)}", rate)


def called(verdict: Verdict) -> bool:
    """Whether a verdict says that one holds the other's recording."""
    return is_call(verdict.match_class, verdict.transform.partial)


def _wrong(title: str, bare: Bare, wrong: Iterable[tuple[str, str, str]]) -> Sheet:
    rows: list[tuple[Cell, ...]] = []
    for a, b, label in wrong:
        retrieved = ordered(a, b) in bare.verdicts
        rows.append((label, a, b, "yes" if retrieved else "no", *_said(bare, a, b)))
    columns = ("what", "one", "other", "found", "class", "part", "score", "visual", "audio")
    return Sheet(f"What went wrong on the {title}", columns, tuple(rows))


def _said(bare: Bare, a: str, b: str) -> tuple[Cell, ...]:
    if a not in bare.prints or b not in bare.prints:
        return ("refused", None, None, None, None)
    verdict = bare.verdicts.get(ordered(a, b)) or bare.judge(a, b)
    part = "yes" if verdict.transform.partial else "no"
    return (verdict.match_class.value, part, verdict.score, verdict.visual, verdict.audio)


def _refusals(bare: Bare) -> tuple[str, ...]:
    return tuple(f"Refused: {name}: {reason}" for name, reason in bare.refused.items())


def _candidates(counts: dict[str, int]) -> str:
    return (
        f"Candidates a query: mean {statistics.mean(counts.values()):.1f}, median "
        f"{statistics.median(counts.values()):g}, most {max(counts.values())}."
    )


def _rate(rate: Rate) -> tuple[Cell, Cell, Cell]:
    if rate.value is None or rate.low is None or rate.high is None:
        return None, None, "0"
    interval = f"{_percent(rate.low)} to {_percent(rate.high)}"
    return _percent(rate.value), interval, f"{rate.hits} of {rate.total}"


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %" if share >= 0.001 or not share else f"{100 * share:.2g} %"


def _transforms() -> Found:
    """Copies of a few sources, each searched for among the sources and all other real files."""
    made = _copies()
    sources = {source: path for source, path, _, _ in made}
    known = expectations.truth(SHARED)
    originals = {*SOURCES, *(f"images/photos/{name}" for name in PHOTOS)}
    bare = Bare()
    for name, path in sources.items():
        bare.take(name, path)
    strangers = [f.path for f in known.files if f.path not in originals]
    for name in strangers:
        bare.take(name, SHARED / name)
    hits: dict[tuple[str, str], list[bool]] = {}
    lost: list[tuple[str, str, str]] = []
    wrong: list[tuple[str, str, str]] = []
    retrieved = 0
    references = set(bare.prints)
    for source, _, transform, path in made:
        name = f"{source} > {transform}"
        verdicts = bare.against(name, path)
        kind = "image" if source.startswith("images") else "video"
        mine = verdicts.get(source)
        retrieved += mine is not None
        hits.setdefault((kind, transform), []).append(mine is not None and called(mine))
        if mine is None or not called(mine):
            lost.append((source, name, f"missed: {transform}"))
        wrong += [
            (other, name, f"wrong: {transform}")
            for other, verdict in verdicts.items()
            if other != source and called(verdict)
        ]
    rates = {key: wilson(sum(found), len(found)) for key, found in sorted(hits.items())}
    brought_up = wilson(retrieved, len(made))
    rows: list[tuple[Cell, ...]] = [
        (kind, transform, *_rate(rate)) for (kind, transform), rate in rates.items()
    ]
    total = wilson(sum(map(sum, hits.values())), len(made))
    false = wilson(len(wrong), len(made) * (len(references) - 1))
    rows += [
        ("all", "recall", *_rate(total)),
        ("all", "recall of retrieval alone", *_rate(brought_up)),
        ("all", "false positives", *_rate(false)),
    ]
    sheets = [
        Sheet(
            f"Transforms of {len(sources)} real sources among {len(strangers)} other files",
            ("kind", "transform", "recall", "95 % interval", "of"),
            tuple(rows),
            (f"Sources of video are the first {SOURCE_S:g} s.", _candidates(bare.candidates)),
        )
    ]
    if lost or wrong:
        sheets.append(_wrong("transforms", bare, [*lost, *wrong]))
    head = "accuracy.transforms"
    figures = [
        *share(f"{head}.recall", total),
        *share(f"{head}.retrieval_recall", brought_up),
        *share(f"{head}.false_positives_a_pair", false),
    ]
    for (kind, transform), rate in rates.items():
        figures += share(f"{head}.recall.{slug(kind)}.{slug(transform)}", rate)
    return (
        sheets,
        figures,
        {
            "recall": {f"{kind} {name}": rate.model_dump() for (kind, name), rate in rates.items()},
            "total": total.model_dump(),
            "retrieved": retrieved,
            "false_positive_rate": false.model_dump(),
        },
    )


def _copies() -> list[tuple[str, Path, str, Path]]:
    """(source, its file, transform, the copy's file), made where not there."""
    folder = BENCH / "transforms" / _MADE_BY
    found = []
    videos = [(name, MediaKind.VIDEO) for name in SOURCES]
    photos = [(f"images/photos/{name}", MediaKind.IMAGE) for name in PHOTOS]
    for name, kind in [*videos, *photos]:
        if not (SHARED / name).is_file():
            continue
        begun = time.perf_counter()
        source = _source(folder, name, kind)
        for transform in transforms.names(kind):
            found.append((name, source, transform, _copy(source, transform, kind)))
        spent = time.perf_counter() - begun
        if spent > 2:
            note(f"{name}: copies made in {spent:.0f} s")
    return found


def _source(folder: Path, name: str, kind: MediaKind) -> Path:
    target = folder / Path(name).stem / f"source{'.mp4' if kind is MediaKind.VIDEO else '.png'}"
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    if kind is MediaKind.IMAGE:
        write_image(target, read_image(SHARED / name))
        return target
    part = target.with_name(f".part-{target.name}")
    write_clip(part, read_clip(SHARED / name, max_seconds=SOURCE_S), _ENTIRE)
    part.replace(target)
    return target


def _copy(source: Path, transform: str, kind: MediaKind) -> Path:
    suffix = transforms.suffix(kind, transform) or source.suffix
    target = source.with_name(f"{transform}{suffix}")
    if not target.is_file():
        part = target.with_name(f".part-{target.name}")
        rng = plan.stream(1, f"{source.parent.name}/{transform}")
        transforms.apply(source, part, transform, rng)
        part.replace(target)
    return target


if __name__ == "__main__":
    main()
