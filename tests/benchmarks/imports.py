"""What importing each function's handler costs: milliseconds, and modules.

Each import runs in an interpreter of its own under `-X importtime`; the handlers take turns, and
the median over the rounds is shown. The budget is held by tests, by modules and not by the clock.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from tests.benchmarks.common import CHECKOUT, Figure, Result, Sheet, machine, parser, publish


@dataclass(frozen=True)
class Import:
    """One import: microseconds in all, and those of each package's own modules."""

    total_us: int
    modules: int
    packages: dict[str, int]


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--rounds", type=int, default=5, help="imports a function (default 5)")
    chosen = words.parse_args()
    begun = time.perf_counter()
    functions = sorted(path.parent.name for path in CHECKOUT.glob("functions/*/handler.py"))
    taken: dict[str, list[Import]] = {function: [] for function in functions}
    _imported(functions[0])  # bytecode is compiled once
    for _ in range(chosen.rounds):
        for function in functions:
            taken[function].append(_imported(function))
    rows = tuple(_row(function, runs) for function, runs in taken.items())
    figures = tuple(
        figure
        for function, ms, modules, _ in rows
        for figure in (
            Figure(f"imports.{function}.time", ms, "ms"),
            Figure(f"imports.{function}.modules", modules, "count"),
        )
    )
    sheet = Sheet(
        "Importing the handlers",
        ("function", "ms", "modules", "heaviest packages, ms of their own"),
        rows,
        ("Without the interpreter's start. Timing each module slows the import a little.",),
    )
    seconds = time.perf_counter() - begun
    publish(Result("imports", (sheet,), figures, seconds=seconds, machine=machine()))


def _row(function: str, runs: list[Import]) -> tuple[str, float, int, str]:
    middle = statistics.median(run.total_us for run in runs) / 1000
    names = {name for run in runs for name in run.packages}
    packages = {
        name: statistics.median(run.packages.get(name, 0) for run in runs) / 1000 for name in names
    }
    ranked = sorted(packages.items(), key=lambda item: -item[1])
    heaviest = ", ".join(f"{name} {ms:.0f}" for name, ms in ranked[:5])
    return function, middle, runs[0].modules, heaviest


def _imported(function: str) -> Import:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import functions.{function}.handler"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    return parsed(done.stderr)


def parsed(report: str) -> Import:
    """Read what `-X importtime` writes: a line a module, own and cumulative microseconds.

    The interpreter's own modules come before `site` and are not counted.
    """
    lines = [line for line in report.splitlines() if line.startswith("import time:")]
    found = [line.removeprefix("import time:").split("|") for line in lines[1:]]
    own = [(name.strip(), int(microseconds)) for microseconds, _, name in found]
    names = [name for name, _ in own]
    own = own[names.index("site") + 1 :] if "site" in names else own
    packages: dict[str, int] = {}
    for name, microseconds in own:
        package = name.split(".")[0]
        packages[package] = packages.get(package, 0) + microseconds
    return Import(sum(packages.values()), len(own), packages)


if __name__ == "__main__":
    main()
