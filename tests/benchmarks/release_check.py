"""Whether a release keeps the figures of the baseline.

Runs the benchmarks that `baseline.json` names, by the commands that measured it, or reads their
last JSON; prints each figure beside the baseline; fails where one is missing or worse than its
tolerance. `--update` writes the last figures into the baseline instead.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks import baseline
from tests.benchmarks.baseline import Baseline, Compared, Outcome, Run, Source
from tests.benchmarks.common import BENCH, CHECKOUT, note, parser, shown

_STYLES = {Outcome.KEPT: "", Outcome.BETTER: "green"}


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--no-run", action="store_true", help="read the JSON of the last runs")
    words.add_argument("--update", action="store_true", help="write the last JSON as the baseline")
    words.add_argument("--only", action="append", metavar="NAME", help="only this benchmark's JSON")
    words.add_argument("--baseline", type=Path, default=baseline.FILE, help="the file of it")
    chosen = words.parse_args()
    kept = baseline.read(chosen.baseline)
    names = chosen.only or list(kept.benchmarks)
    if unknown := set(names) - kept.benchmarks.keys():
        words.error(f"not in the baseline: {', '.join(sorted(unknown))}")
    if chosen.update:
        baseline.write(_updated(kept, names, BENCH), chosen.baseline)
        note(f"Written to {chosen.baseline.name}: {', '.join(names)}")
        return
    failed: list[str] = []
    for name in names:
        source = kept.benchmarks[name]
        done = chosen.no_run or _measured(source)
        run = baseline.last_run(BENCH / f"{name}.json") if done else None
        compared = list(baseline.compare(source.figures, run.figures if run else {}))
        _print(name, source, run, compared)
        failed += baseline.failures(compared)
    for line in failed:
        print(line)
    if failed:
        raise SystemExit(f"Missing or worse than the baseline allows: {len(failed)}")
    print("Every figure is as good as the baseline, within its tolerance.")


def _updated(kept: Baseline, names: Collection[str], folder: Path) -> Baseline:
    """Raises SystemExit where a benchmark has no JSON or lacks a figure."""
    sources = dict(kept.benchmarks)
    for name in names:
        run = baseline.last_run(folder / f"{name}.json")
        if run is None:
            raise SystemExit(f"{name} has no figures in {folder}: run it first")
        try:
            sources[name] = baseline.updated(sources[name], run)
        except ValueError as lacking:
            raise SystemExit(f"{name}: {lacking}") from None
    return Baseline(benchmarks=sources)


def _measured(source: Source) -> bool:
    """Run a benchmark; whether it ended well. What it wrote before does not count otherwise."""
    note(f"Running {source.command}")
    _, *words = shlex.split(source.command)
    done = subprocess.run([sys.executable, *words], cwd=CHECKOUT, check=False, stdout=sys.stderr)
    if done.returncode:
        note(f"It failed with status {done.returncode}, so its figures do not count.")
    return done.returncode == 0


def _print(name: str, source: Source, run: Run | None, compared: list[Compared]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160)
    table = Table(title=name, title_justify="left", title_style="bold")
    table.add_column("figure", overflow="fold")
    for column in ("baseline", "measured", "may be worse by"):
        table.add_column(column, justify="right")
    for column in ("unit", "better", "outcome"):
        table.add_column(column)
    for one in compared:
        table.add_row(
            one.name,
            shown(one.expected.value),
            shown(one.measured.value) if one.measured else "",
            shown(one.expected.allowed),
            one.expected.unit,
            one.expected.better,
            one.outcome.value,
            style=_STYLES.get(one.outcome, "bold red"),
        )
    console.print(table)
    console.print(f"  baseline: {_said(source)}", style="dim", markup=False)
    if run is not None:
        console.print(f"  measured: {_said(run)}", style="dim", markup=False)


def _said(one: Source | Run) -> str:
    busy = ", ON A BUSY MACHINE: do not rely on its times" if one.busy else ""
    return f"{one.command}, {one.date}, commit {one.commit or 'not recorded'}{busy}"


if __name__ == "__main__":
    main()
