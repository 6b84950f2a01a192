"""What a process of its own costs a file: a small JPEG probed and read, in this process and in a
sandboxed child, with processor time by process.

Fork, confinement and fresh memory cost the same for any file, so a small picture shows them best.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from filmgate.media.limits import Limits
from filmgate.media.model import MediaInfo
from filmgate.sandbox.answers import ReadArguments
from filmgate.sandbox.inprocess import InProcessReader
from filmgate.sandbox.model import MIB, Budget, Capabilities, Request
from filmgate.sandbox.process import Zygote
from filmgate.sandbox.reader import JOBS
from tests.benchmarks.common import Figure, Result, Sheet, machine, note, parser, publish, slug

_LIMITS = Limits()
_BUDGET = Budget(memory_bytes=1024 * MIB, cpu_s=60, wall_s=60, answer_bytes=16 * MIB)
_SIDE = 640


@dataclass(frozen=True)
class Cost:
    """Milliseconds of one file: by the clock, and of each process's processor time."""

    wall: float
    parent: float
    child: float


class Subject:
    """A small picture, and the two ways to read it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "picture.jpg"
        cells = np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        picture = Image.fromarray(cells).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
        picture.save(self.path, quality=92)
        self.digest = hashlib.sha256(self.path.read_bytes()).hexdigest()
        self.here = InProcessReader()
        self.info: MediaInfo = self.here.probe(self.path, _LIMITS)
        self.zygote = Zygote(JOBS)

    def started(self) -> tuple[float, Capabilities]:
        """Milliseconds until the process that forks is ready, and what it found that holds."""
        begun = time.perf_counter()
        held = self.zygote.capabilities()
        return (time.perf_counter() - begun) * 1e3, held

    def ways(self) -> dict[str, Callable[[], float]]:
        """What is measured; each gives the child's processor time in milliseconds."""
        given = ReadArguments(sha256=self.digest, info=self.info, limits=_LIMITS, pictures=False)
        return {
            "probe, in this process": self._probed_here,
            "probe, in a child": lambda: self._asked("probe", _LIMITS.model_dump_json()),
            "read, in this process": self._read_here,
            "read, in a child": lambda: self._asked("read", given.model_dump_json()),
        }

    def _probed_here(self) -> float:
        self.here.probe(self.path, _LIMITS)
        return 0.0

    def _read_here(self) -> float:
        self.here.read(self.path, self.digest, self.info, _LIMITS, pictures=False)
        return 0.0

    def _asked(self, job: str, arguments: str) -> float:
        request = Request(job=job, path=str(self.path), arguments=arguments, budget=_BUDGET)
        return self.zygote.run(request).how.cpu_s * 1e3


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--rounds", type=int, default=40, help="files of each kind (default 40)")
    chosen = words.parse_args()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        subject = Subject(Path(folder))
        ready_ms, held = subject.started()
        note(f"ready after {ready_ms:.0f} ms: {held}")
        costs = _measured(subject.ways(), chosen.rounds)
        resident = _resident_mb(subject.zygote.pid)
        subject.zygote.close()
    rows = tuple(
        (name, _median(found, "wall"), _median(found, "parent"), _median(found, "child"))
        for name, found in costs.items()
    )
    sheet = Sheet(
        "A small JPEG",
        ("", "ms by the clock", "ms of this process", "ms of the child"),
        rows,
        (
            f"The process that forks was ready after {ready_ms:.0f} ms and holds {resident} MB, "
            "most of it shared with its children.",
            f"Held: {held.model_dump_json()}",
        ),
    )
    figures = [Figure("sandbox.ready", ready_ms, "ms")]
    if resident is not None:
        figures.append(Figure("sandbox.resident", resident, "MB"))
    for name, _, parent, child in rows:
        head = f"sandbox.small_jpeg.{slug(name)}"
        figures.append(Figure(f"{head}.cpu", parent + child, "ms"))
    publish(
        Result(
            "sandbox",
            (sheet,),
            tuple(figures),
            seconds=time.perf_counter() - begun,
            machine=machine(),
        )
    )


def _measured(ways: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[Cost]]:
    """One of each a round; the first round fills caches and is not counted."""
    taken: dict[str, list[Cost]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            cpu, wall = time.process_time(), time.perf_counter()
            child = way()
            spent = (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3
            if turn:
                taken[name].append(Cost(*spent, child))
    return taken


def _median(costs: list[Cost], part: str) -> float:
    return statistics.median(getattr(cost, part) for cost in costs)


def _resident_mb(pid: int | None) -> int | None:
    """Memory of a process in RAM, shared pages included; None where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") // 10**6


if __name__ == "__main__":
    main()
