"""What the benchmarks share: rounds, ratios, machine facts, the table and the JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from rich.console import Console
from rich.table import Table

CHECKOUT = Path(__file__).resolve().parents[2]
BENCH = CHECKOUT / ".build" / "bench"
"""Results, and the files that are made once and kept."""
SHARED = CHECKOUT.parent / "shared" / "data"
"""Real files for measuring; most parts run without them."""

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
class Result:
    """What one benchmark found; `figures` holds the numbers behind the sheets, free in form."""

    name: str
    sheets: tuple[Sheet, ...]
    figures: Mapping[str, object] = field(default_factory=dict)
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
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "load_1min": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
    }


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
    """Print the tables and write `.build/bench/<name>.json`."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    for sheet in result.sheets:
        console.print(_table(sheet))
        for remark in sheet.remarks:
            console.print(f"  {remark}", style="dim", markup=False)
    facts = ", ".join(f"{key} {value}" for key, value in result.machine.items() if value)
    console.print(f"{facts}; took {result.seconds:.0f} s", style="dim", markup=False)
    BENCH.mkdir(parents=True, exist_ok=True)
    target = BENCH / f"{result.name}.json"
    target.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")
    console.print(f"Written to {target.relative_to(CHECKOUT)}", style="dim", markup=False)


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
