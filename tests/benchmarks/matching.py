"""How well copies are found and others are not, against averaged pHash and PDQ on the same files.

Every source goes through every transform, with parameters drawn for it. Sources are split in two
halves: thresholds of the peers are set on one, and all are judged on the other, where ours stands
as shipped. Every copy is searched for among all sources of its half, and what the index loses is
missed. A pair counts as called when its class is exact or near, or similar as a part.

--misses lists what went wrong, of the tuning half unless stated otherwise: look there when changing
the matching, and leave the test half unseen.
"""

from __future__ import annotations

import json
import time

from filmgate.dedupe.fingerprint.engine import ENGINE as FINGERPRINT
from filmgate.dedupe.matching.model import ENGINE as MATCHING
from filmgate.media.model import MediaKind
from tests.benchmarks.bare import code, embedder
from tests.benchmarks.common import BENCH, SHARED, Result, machine, note, parser, publish
from tests.benchmarks.matching_copies import DRAW_SEED, VARIANTS, File, files
from tests.benchmarks.matching_figures import figures
from tests.benchmarks.matching_measures import overall
from tests.benchmarks.matching_pairs import Pair, engine, pairs
from tests.benchmarks.matching_report import (
    called,
    described,
    draw_curves,
    labelled,
    mistakes,
    negatives,
    per_transform,
    reliability_sheet,
    segments,
    summary,
)
from tests.benchmarks.matching_sources import LIBRARY_SEEDS, SPLIT_SEED, Split, sources


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--quick", action="store_true", help="a third of the sources")
    words.add_argument("--misses", action="store_true", help="list what went wrong, no tables")
    words.add_argument("--kind", choices=list(MediaKind), help="for --misses: only these queries")
    words.add_argument(
        "--transform",
        metavar="NAME",
        help="for --misses: only queries made so, such as 'crop 30 %%'",
    )
    words.add_argument("--half", choices=list(Split), default=Split.TUNE, help="for --misses")
    words.add_argument("--most", type=int, default=8, help="lines a transform (default 8)")
    chosen = words.parse_args()
    known = {variant.name for made in VARIANTS.values() for variant in made}
    if chosen.transform and chosen.transform not in known:
        words.error(f"no transform {chosen.transform!r}; there are {', '.join(sorted(known))}")
    begun = time.perf_counter()
    if not SHARED.is_dir():
        note(f"{SHARED} is not here: only rendered sources are used")
    # A half that is not to be seen need not be made either.
    halves = (Split(chosen.half),) if chosen.misses else tuple(Split)
    made = files(sources(quick=chosen.quick), halves)
    note(f"{len(made)} files are ready after {time.perf_counter() - begun:.0f} s.")
    name = "matching-quick" if chosen.quick else "matching"
    if chosen.misses:

        def asked(file: File) -> bool:
            return chosen.kind in (None, file.kind) and chosen.transform in (None, file.variant)

        for line in mistakes(pairs(made, Split(chosen.half), asked), chosen.most):
            print(line)
        return
    tune, test = (pairs(made, split) for split in Split)
    publish(_result(name, made, tune, test, begun))
    draw_curves(BENCH / f"{name}.png", test)
    for half, found in (("tune", tune), ("test", test)):
        body = json.dumps(labelled(found), indent=1, ensure_ascii=False)
        (BENCH / f"{name}-{half}-labelled.json").write_text(body + "\n", encoding="utf-8")
    note(f"Curves: .build/bench/{name}.png; labelled pairs: .build/bench/{name}-*-labelled.json")


def _result(
    name: str, made: list[File], tune: list[Pair], test: list[Pair], begun: float
) -> Result:
    kinds = [kind for kind in MediaKind if any(pair.query.kind is kind for pair in test)]
    sheets = (
        *(per_transform(tune, test, kind) for kind in kinds),
        negatives(test),
        segments(test),
        called(test),
        reliability_sheet(test),
        summary({"tune": tune, "test": test}),
    )
    details = {
        "engines": [FINGERPRINT, MATCHING, *((model.name,) if (model := embedder()) else ())],
        "code": {"fingerprint": code(), "matching": engine()},
        "seeds": {"split": SPLIT_SEED, "draws": DRAW_SEED, "libraries": LIBRARY_SEEDS},
        "overall": {
            half: {key: _plain(value) for key, value in vars(overall(found)).items()}
            for half, found in (("tune", tune), ("test", test))
        },
        "refused": {file.name: file.refused for file in made if file.refused},
        "files": [described(file) for file in made],
        "mistakes": {"tune": mistakes(tune, 1000), "test": mistakes(test, 1000)},
    }
    head = name.replace("-", "_") + ("" if SHARED.is_dir() else "_rendered_only")
    found = tuple(figures(head, tune, test))
    return Result(name, sheets, found, details, time.perf_counter() - begun, machine())


def _plain(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    return dump() if dump else value


if __name__ == "__main__":
    main()
