"""Whether `filmgate scan` says of files what the matching benchmark says of them.

The same files, sources of the matching benchmark with their copies, go through the deployed local
stack and through the bare algorithm that the benchmark judges. Every pair that either calls
anything but different must have the same class from both, and the same score.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from filmgate.media.model import MediaKind
from filmgate_samples import plan, transforms
from tests.benchmarks.bare import Bare, ordered
from tests.benchmarks.common import Cell, Figure, Result, Sheet, machine, parser, publish
from tests.benchmarks.matching_copies import VARIANTS
from tests.benchmarks.matching_sources import Source, sources
from tests.benchmarks.pipeline import scan
from tests.stack import own_stack

_SEED = 20
_CLOSE = 0.005
Said = dict[tuple[str, str], tuple[str, float]]


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--sources", type=int, default=3, help="of each kind (default 3)")
    words.add_argument("--copies", type=int, default=5, help="of each source (default 5)")
    chosen = words.parse_args()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="filmgate-bench-") as scratch:
        folder = Path(scratch)
        names = sorted(_files(folder, chosen.sources, chosen.copies))
        bare = Bare()
        bare.take_all((name, folder / name) for name in names)
        ours = {
            pair: (verdict.match_class.value, verdict.score)
            for pair, verdict in bare.verdicts.items()
            if verdict.match_class.value != "different"
        }
        with own_stack() as running:
            result, _ = scan(running, folder)
    theirs = {
        ordered(match.a, match.b): (match.match_class.value, match.score)
        for match in result.matches
    }
    apart = list(_apart(ours, theirs))
    sheet = Sheet(
        "What a scan says and what the benchmark says",
        ("pair", "benchmark", "score", "scan", "score of the scan"),
        tuple(apart),
        (
            f"{len(names)} files; {len(ours)} pairs are more than different to the benchmark, "
            f"{len(theirs)} to the scan; {len(apart)} differ in class or by over {_CLOSE}.",
        ),
    )
    figures = (
        Figure("agreement.files", len(names), "count"),
        Figure("agreement.pairs", len(ours), "count"),
        Figure("agreement.pairs_that_differ", len(apart), "count"),
    )
    seconds = time.perf_counter() - begun
    publish(Result("agreement", (sheet,), figures, seconds=seconds, machine=machine()))
    if apart:
        raise SystemExit("The scan and the benchmark differ.")


def _files(folder: Path, most: int, copies: int) -> Iterator[str]:
    """Some sources of each kind and some copies of each, as names in a folder."""
    by_kind: dict[MediaKind, list[Source]] = {kind: [] for kind in MediaKind}
    for source in sources(quick=True):
        by_kind[source.kind].append(source)
    for kind, found in by_kind.items():
        for number, source in enumerate(found[:: max(1, len(found) // most)][:most]):
            name = f"{kind}-{number}{source.path.suffix}"
            shutil.copyfile(source.path, folder / name)
            yield name
            variants = VARIANTS[kind]
            for place in range(copies):
                variant = variants[(number * copies + place) % len(variants)]
                rng = plan.stream(_SEED, f"{source.name}/{variant.name}")
                parameters = transforms.draw(kind, variant.base, rng)
                parameters |= variant.fixed(rng, source.split)
                suffix = transforms.suffix(kind, variant.base) or source.path.suffix
                copy = f"{kind}-{number}-{place}{suffix}"
                transforms.apply_with(source.path, folder / copy, variant.base, parameters)
                yield copy


def _apart(ours: Said, theirs: Said) -> Iterator[tuple[Cell, ...]]:
    nothing = ("different", 0.0)
    for pair in sorted(ours.keys() | theirs.keys()):
        mine, other = ours.get(pair, nothing), theirs.get(pair, nothing)
        if mine[0] != other[0] or abs(mine[1] - other[1]) > _CLOSE:
            yield (" = ".join(pair), *mine, *other)


if __name__ == "__main__":
    main()
