"""`filmgate scan` through the deployed local stack, against the bare algorithm on the same files.

Each round starts a stack of its own, on a free port and in a temporary folder, with nothing in
it (not counted), and then runs in turn:

- scan: the command, in a process of its own, over the sample library;
- bare: probe, fingerprint, index, search and compare of the same files in one process, with the
  index in memory;
- steps: the code of the functions over memory, which adds records, tiles and files' formats.

Where the difference goes comes from the records of the jobs and from what Lambda reports of each
call. The round of the median ratio is shown in detail.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filmgate.adapters.operations import Addresses, Deployment
from filmgate.api.models import AssetView, JobView
from filmgate.client.api import FilmgateClient
from filmgate.client.scan_result import ScanResult
from filmgate.dedupe.tuning.truth import Truth
from filmgate.library.model import AssetState
from filmgate_samples import library
from tests.benchmarks.bare import Bare
from tests.benchmarks.common import (
    BENCH,
    Cell,
    Figure,
    Result,
    Sheet,
    machine,
    note,
    parser,
    publish,
    ratio,
)
from tests.stack import RunningStack, own_stack
from tests.unit.pipeline.flow import Flow

FUNCTIONS = ("ingest", "derive", "dedupe", "api")
_REPORT = re.compile(r"^REPORT RequestId: \S+\tDuration: ([\d.]+) ms")
_COLD = re.compile(r'"cold_start": ?true')
_REQUEST = re.compile(r'"function_request_id": ?"([^"]+)"')

Seconds = dict[str, float]


@dataclass(frozen=True)
class Calls:
    """What Lambda reports of one function's calls."""

    count: int
    seconds: float
    cold: int


@dataclass(frozen=True)
class Scan:
    """One scan: seconds on the clock, and what the stack recorded meanwhile."""

    seconds: float
    again_seconds: float
    phases: Seconds
    way: dict[str, tuple[float, float]]
    calls: dict[str, Calls]
    matches: int


@dataclass(frozen=True)
class Round:
    """One round: seconds on the clock of each contender, and of its parts."""

    scan: Scan
    bare: Seconds
    steps: Seconds
    matches: int

    @property
    def ratio(self) -> float:
        return self.scan.seconds / sum(self.bare.values())


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--rounds", type=int, default=3, help="fresh stacks (default 3)")
    words.add_argument(
        "--files", type=int, default=0, help="about so many of the library's files (default all)"
    )
    chosen = words.parse_args()
    begun = time.perf_counter()
    known = library.make(BENCH / "library", progress=lambda *_: None)
    paths = _some(known, chosen.files)
    with tempfile.TemporaryDirectory(prefix="filmgate-bench-") as scratch:
        folder = Path(scratch) / "library"
        for path in paths:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(BENCH / "library" / path, folder / path)
        rounds = [_round(folder, paths, turn) for turn in range(chosen.rounds)]
    left_out = f"_of_{len(paths)}_files" if chosen.files else ""
    typical = sorted(rounds, key=lambda one: one.ratio)[len(rounds) // 2]
    publish(
        Result(
            "pipeline",
            (_whole(rounds, len(paths)), _phases(typical), _work(typical), _way(typical)),
            _figures(rounds, left_out),
            {
                "ratios": [one.ratio for one in rounds],
                "scan_s": [one.scan.seconds for one in rounds],
                "bare_s": [one.bare for one in rounds],
                "steps_s": [one.steps for one in rounds],
                "phases_s": typical.scan.phases,
                "calls": {name: vars(calls) for name, calls in typical.scan.calls.items()},
            },
            time.perf_counter() - begun,
            machine(),
        )
    )


def _figures(rounds: list[Round], left_out: str) -> tuple[Figure, ...]:
    bare = [sum(one.bare.values()) for one in rounds]
    steps = [sum(one.steps.values()) for one in rounds]
    return (
        Figure(f"pipeline.scan_time_to_bare{left_out}", _median(o.ratio for o in rounds), "times"),
        Figure(f"pipeline.steps_time_to_bare{left_out}", ratio(steps, bare), "times"),
        Figure(f"pipeline.scan{left_out}", _median(o.scan.seconds for o in rounds), "s"),
        Figure(
            f"pipeline.scan_again{left_out}", _median(o.scan.again_seconds for o in rounds), "s"
        ),
        Figure(
            f"pipeline.matches_that_differ{left_out}",
            max(abs(one.matches - one.scan.matches) for one in rounds),
            "count",
        ),
    )


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def _some(known: Truth, most: int) -> list[str]:
    """Paths of about so many files, families kept whole; all of them for 0."""
    everything = [file.path for file in known.files]
    if not most:
        return everything
    families = [[path] for path in everything if not any(path in g for g in known.groups)]
    families += [list(group) for group in known.groups]
    families.sort(key=lambda family: (-len(family), family))
    chosen: list[str] = []
    while families and len(chosen) < most:
        # Large and small ones in turn, so that copies and strangers are both there.
        chosen += families.pop(0 if len(families) % 2 else -1)
    return chosen


def _round(folder: Path, paths: list[str], turn: int) -> Round:
    with own_stack() as running:
        if turn % 2:
            scan = _scan(running, folder)
        bare, matches = _bare(folder, paths)
        steps = _steps(folder, paths)
        if not turn % 2:
            scan = _scan(running, folder)
    found = Round(scan, bare, steps, matches)
    note(f"round {turn + 1}: scan {scan.seconds:.1f} s, {found.ratio:.2f} of bare")
    return found


def _bare(folder: Path, paths: list[str]) -> tuple[Seconds, int]:
    bare = Bare()
    spent = {"derive": 0.0, "dedupe": 0.0}
    for path in paths:
        begun = time.perf_counter()
        bare.take(path, folder / path, cached=False)
        taken = time.perf_counter()
        bare.look(path)
        spent["derive"] += taken - begun
        spent["dedupe"] += time.perf_counter() - taken
    kept = [v for v in bare.verdicts.values() if v.match_class.value != "different"]
    return spent, len(kept)


def _steps(folder: Path, paths: list[str]) -> Seconds:
    spent = dict.fromkeys(FUNCTIONS[:-1], 0.0)
    with tempfile.TemporaryDirectory(prefix="filmgate-bench-") as scratch:
        flow = Flow(Path(scratch))
        for path in paths:
            marks = [time.perf_counter()]
            asset, _ = flow.upload(path, (folder / path).read_bytes())
            marks.append(time.perf_counter())
            if asset.state is not AssetState.STORED:
                continue
            derived = flow.derive(flow.state(asset))
            marks.append(time.perf_counter())
            for job in derived.work:
                flow.run_job(job)
            marks.append(time.perf_counter())
            for name, start, end in zip(spent, marks, marks[1:], strict=False):
                spent[name] += end - start
    return spent


def _scan(running: RunningStack, folder: Path) -> Scan:
    start = time.time()
    result, seconds = scan(running, folder)
    again = scan(running, folder)[1]
    ids = [asset.asset_id for asset in result.assets]
    with FilmgateClient(running.info.api_url, running.api_key) as client:
        assets = [
            a for at in range(0, len(ids), 100) for a in client.assets_by_id(ids[at : at + 100])
        ]
        jobs = {a.asset_id: client.job(a.results[0].job_id) for a in assets if a.results}
    calls = _calls(running, start, start + seconds)
    return Scan(
        seconds=seconds,
        again_seconds=again,
        phases=_split(start, start + seconds, assets, jobs),
        way=_ways(assets, jobs, calls),
        calls=calls,
        matches=len(result.matches),
    )


def scan(running: RunningStack, folder: Path) -> tuple[ScanResult, float]:
    environment = os.environ | {
        "FILMGATE_API_URL": running.info.api_url,
        "FILMGATE_API_KEY": running.api_key,
        "FILMGATE_ROOT": str(running.root),
    }
    out = running.root / "scan.json"
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "filmgate.cli", "scan", str(folder), "--json", str(out)],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(f"The scan failed, so it says nothing:\n{done.stdout}{done.stderr}")
    return ScanResult.model_validate_json(out.read_text(encoding="utf-8")), seconds


def _split(start: float, end: float, assets: list[AssetView], jobs: dict[str, JobView]) -> Seconds:
    """The scan in stretches that follow each other."""
    announced = min(asset.created_at.timestamp() for asset in assets)
    started = max(job.started_at.timestamp() for job in jobs.values())
    finished = max(_end(job).timestamp() for job in jobs.values())
    return {
        "start of the command, digests": announced - start,
        "uploads and ingest, with jobs running beside": started - announced,
        "the jobs left when all was in": finished - started,
        "seeing the end, matches, groups, JSON": end - finished,
    }


def _ways(
    assets: list[AssetView], jobs: dict[str, JobView], calls: dict[str, Calls]
) -> dict[str, tuple[float, float]]:
    """Median and mean seconds of a file on each stretch of its way."""
    before = [
        (jobs[a.asset_id].started_at - a.created_at).total_seconds()
        for a in assets
        if a.asset_id in jobs
    ]
    inside = [(_end(job) - job.started_at).total_seconds() for job in jobs.values()]
    steps = ("derive", "dedupe")
    worked = sum(calls[name].seconds for name in steps) / len(jobs)
    ingest = calls["ingest"].seconds / len(jobs)
    return {
        "announced until its job starts": _middle(before),
        "- of that in ingest": (float("nan"), ingest),
        "job": _middle(inside),
        "- of that in functions": (float("nan"), worked),
        "- of that between them: steps, waits for a worker": (
            float("nan"),
            statistics.mean(inside) - worked,
        ),
    }


def _middle(values: Iterable[float]) -> tuple[float, float]:
    found = list(values)
    return statistics.median(found), statistics.mean(found)


def _end(job: JobView) -> datetime:
    return job.finished_at or job.started_at


def _calls(running: RunningStack, start: float, end: float) -> dict[str, Calls]:
    info = running.info
    at = Addresses(
        info.stage,
        info.ingest_queue_url,
        info.dead_letters_url,
        info.tables["keys"],
        tuple(info.functions),
    )
    deployment = Deployment(at, running.aws._session, info.endpoint_url)
    found = {}
    for function in FUNCTIONS:
        lines = deployment.log_lines((function,), int(start * 1000))
        reports = [line.message for line in lines if line.at_ms <= end * 1000]
        found[function] = reported(reports)
    return found


def reported(lines: Iterable[str]) -> Calls:
    """Sum Lambda's REPORT lines, and count the calls that their own log lines tell to be cold."""
    durations: list[float] = []
    cold: set[str] = set()
    for line in lines:
        if report := _REPORT.match(line):
            durations.append(float(report[1]) / 1000)
        elif _COLD.search(line) and (request := _REQUEST.search(line)):
            cold.add(request[1])
    return Calls(len(durations), sum(durations), len(cold))


def _whole(rounds: list[Round], files: int) -> Sheet:
    rows: list[tuple[Cell, ...]] = []
    for number, one in enumerate(rounds, 1):
        bare, steps = sum(one.bare.values()), sum(one.steps.values())
        rows.append((str(number), bare, steps, one.scan.seconds, one.ratio, one.scan.again_seconds))
    columns = [[float(row[at] or 0) for row in rows] for at in range(1, 6)]
    rows.append(("median", *(statistics.median(column) for column in columns)))
    return Sheet(
        f"The pipeline against the bare algorithm: {files} files",
        ("round", "bare s", "steps over memory s", "scan s", "scan / bare", "scan again s"),
        tuple(rows),
        (f"Matches: {rounds[0].matches} bare, {rounds[0].scan.matches} by the scan.",),
    )


def _phases(one: Round) -> Sheet:
    rows = tuple(
        (name, seconds, 100 * seconds / one.scan.seconds)
        for name, seconds in one.scan.phases.items()
    )
    return Sheet("The scan by the clock", ("stretch", "s", "%"), rows)


def _work(one: Round) -> Sheet:
    rows: list[tuple[Cell, ...]] = []
    for name in FUNCTIONS:
        calls = one.scan.calls[name]
        bare, steps = one.bare.get(name), one.steps.get(name)
        rows.append((name, bare, steps, calls.seconds, calls.count, calls.cold))
    return Sheet(
        "Work by function, seconds of all files",
        ("function", "bare", "step over memory", "deployed", "calls", "cold"),
        tuple(rows),
        (
            "Step over memory above bare: tiles, PDQ export, records, formats.",
            "Deployed above that: S3, DynamoDB, the local AWS's own work, imports at first use, "
            "and workers that share the cores, so that these sums exceed the clock.",
        ),
    )


def _way(one: Round) -> Sheet:
    rows = tuple(
        (name, None if middle != middle else middle, mean)  # noqa: PLR0124 - NaN
        for name, (middle, mean) in one.scan.way.items()
    )
    return Sheet("The way of a file, seconds", ("stretch", "median", "mean"), rows)


if __name__ == "__main__":
    main()
