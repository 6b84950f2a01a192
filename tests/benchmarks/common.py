"""What the benchmarks share: rounds, ratios, machine facts, the table and the JSON."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from rich.console import Console
from rich.table import Table

from filmgate.dedupe.tuning.truth import Rate

CHECKOUT = Path(__file__).resolve().parents[2]
BENCH = CHECKOUT / ".build" / "bench"
"""Results, and the files that are made once and kept."""
SHARED = CHECKOUT.parent / "shared" / "data"
"""Real files for measuring; most parts run without them."""

_LOAD_BEFORE = round(os.getloadavg()[0], 1)
"""The load when the benchmark began: what other programs do, without its own work."""
_PACKAGES = ("av", "numpy", "pillow", "imagehash", "pdqhash")

Cell = str | int | float | None


@dataclass(frozen=True)
class Sheet:
    """One table: a title, the names of its columns, rows of as many cells, and remarks."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figure:
    """One number that scripts read.

    Attributes:
        name: lower case, its parts joined by dots; it says which work was left out, if any.
        value: a finite number.
        unit: one word, such as `share` (0 to 1), `times`, `s` or `count`.

    Raises:
        ValueError: the name or the unit has a blank or another character scripts cannot split on,
            or the value is not finite.
    """

    name: str
    value: float
    unit: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or not _UNIT.fullmatch(self.unit):
            raise ValueError(f"not the name and unit of a figure: {self.name!r} {self.unit!r}")
        if not math.isfinite(self.value):
            raise ValueError(f"{self.name} is not a finite number: {self.value}")

    def line(self) -> str:
        """As it stands on standard output."""
        return f"figure {self.name} {self.value:.10g} {self.unit}"


_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_UNIT = re.compile(r"[a-zA-Z0-9_/%]+")


def slug(text: str) -> str:
    """A label as one part of a figure's name: `crop 10 %` gives `crop_10`."""
    return re.sub(r"[^a-z0-9.-]+", "_", text.lower()).strip("_.-")


def share(name: str, rate: Rate) -> Iterator[Figure]:
    """A proportion as a figure; nothing for one of no cases."""
    if rate.value is not None:
        yield Figure(name, rate.value, "share")


@dataclass(frozen=True)
class Result:
    """What one benchmark found.

    Attributes:
        figures: the numbers for scripts, printed last.
        details: the numbers behind the sheets, free in form.
    """

    name: str
    sheets: tuple[Sheet, ...]
    figures: tuple[Figure, ...]
    details: Mapping[str, object] = field(default_factory=dict)
    seconds: float = 0.0
    machine: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Timed:
    """Wall and CPU seconds of one call; CPU counts all threads of this process."""

    wall_s: float
    cpu_s: float


def timed(work: Callable[[], object]) -> Timed:
    """Run it once."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Timed(time.perf_counter() - wall, time.process_time() - cpu)


def interleaved(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[Timed]]:
    """Run each contender once a round, in an order that turns from round to round.

    One round before these is not counted: it fills the caches of the disk and of lazy imports.
    """
    names = list(contenders)
    taken: dict[str, list[Timed]] = {name: [] for name in names}
    for turn in range(-1, rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            spent = timed(contenders[name])
            if turn >= 0:
                taken[name].append(spent)
    return taken


def ratio(of: Sequence[float], to: Sequence[float]) -> float:
    """The median over rounds of the ratio within a round: what slows a round slows both sides.

    Raises ValueError unless both have the same number of rounds, above 0.
    """
    return statistics.median(a / b for a, b in zip(of, to, strict=True))


def machine() -> dict[str, object]:
    """Facts to read the seconds by."""
    return {
        "command": " ".join(
            ["python -m", f"tests.benchmarks.{Path(sys.argv[0]).stem}", *sys.argv[1:]]
        ),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "load_before": _LOAD_BEFORE,
        "load_1min": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
    }


def commit(checkout: Path = CHECKOUT) -> str | None:
    """The checkout's commit, with `+dirty` after it where files differ; None without git."""
    try:
        sha, changed = (
            subprocess.run(
                ["git", *words], cwd=checkout, capture_output=True, text=True, check=True
            ).stdout.strip()
            for words in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain"])
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{sha}+dirty" if changed else sha


def crowded(facts: Mapping[str, object]) -> str | None:
    """A warning where the load was above the number of cores, before the run or at its end."""
    cores = facts.get("cores")
    loads = [facts.get(name) for name in ("load_before", "load_1min")]
    highest = max((load for load in loads if isinstance(load, int | float)), default=0.0)
    if not isinstance(cores, int) or highest <= cores:
        return None
    return (
        f"Busy machine: the load was {highest:g} on {cores} core{'s' if cores > 1 else ''}. "
        "Do not rely on the times."
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def parser(description: str | None) -> argparse.ArgumentParser:
    """A command line with the module's docstring as its help."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def note(text: str) -> None:
    """Say what goes on, apart from the result."""
    print(text, file=sys.stderr, flush=True)


def publish(result: Result) -> None:
    """Print the tables, then a line for each figure, and write `.build/bench/<name>.json`."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    for sheet in result.sheets:
        console.print(_table(sheet))
        for remark in sheet.remarks:
            console.print(f"  {remark}", style="dim", markup=False)
    facts = ", ".join(f"{key} {value}" for key, value in result.machine.items() if value)
    console.print(f"{facts}; took {result.seconds:.0f} s", style="dim", markup=False)
    if warning := crowded(result.machine):
        console.print(warning, style="bold red", markup=False)
    BENCH.mkdir(parents=True, exist_ok=True)
    target = BENCH / f"{result.name}.json"
    target.write_text(json.dumps(stored(result), indent=1) + "\n", encoding="utf-8")
    console.print(f"Written to {target.relative_to(CHECKOUT)}", style="dim", markup=False)
    for figure in result.figures:
        print(figure.line(), flush=True)


def stored(result: Result) -> dict[str, object]:
    """The JSON of a result; when, what and how loaded it was also stand at the top.

    Raises:
        ValueError: two figures have one name.
    """
    names = [figure.name for figure in result.figures]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"figures named twice: {', '.join(sorted(twice))}")
    facts = result.machine
    return {
        "date": facts.get("date"),
        "commit": facts.get("commit"),
        "load": facts.get("load_1min"),
        "busy": crowded(facts) is not None,
        **asdict(result),
    }


def _table(sheet: Sheet) -> Table:
    table = Table(title=sheet.title, title_justify="left", title_style="bold")
    for position, column in enumerate(sheet.columns):
        numeric = any(isinstance(row[position], int | float) for row in sheet.rows)
        table.add_column(column, justify="right" if numeric else "left")
    for row in sheet.rows:
        table.add_row(*(shown(cell) for cell in row))
    return table


def shown(cell: Cell) -> str:
    """A cell as text: three significant digits for fractions, nothing for None."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
    return str(cell)


def markdown(columns: list[str], rows: list[list[Cell]]) -> list[str]:
    """Lines of a Markdown table; columns with numbers are set to the right."""
    numeric = [any(isinstance(row[at], int | float) for row in rows) for at in range(len(columns))]
    cells = [[shown(cell).replace("|", "\\|") for cell in row] for row in rows]
    marks = ["---:" if right else "---" for right in numeric]
    return [f"| {' | '.join(line)} |" for line in (columns, marks, *cells)]
