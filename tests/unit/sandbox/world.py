"""Real children that do what a file says; see `tests.sandbox_jobs`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filmgate.sandbox.model import MIB, Budget, Ended, Request
from filmgate.sandbox.process import Zygote
from filmgate.sandbox.wire import unpacked

HOSTILE = "tests.sandbox_jobs"
BARE = "tests.sandbox_jobs_bare"


class World:
    """A zygote, and a folder of files that say what to do."""

    def __init__(self, folder: Path, jobs: str = HOSTILE) -> None:
        self.folder = folder
        self.zygote = Zygote(jobs)

    def file(self, words: str, **given: Any) -> Path:
        """A file that makes the child that reads it do so."""
        path = self.folder / "uploads" / f"{words}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{words}\n{json.dumps(given)}", encoding="utf-8")
        return path

    def run(
        self,
        words: str,
        *,
        wall_s: float = 60.0,
        cpu_s: int = 60,
        memory_bytes: int = 512 * MIB,
        answer_bytes: int = MIB,
        **given: Any,
    ) -> Ended:
        budget = Budget(
            memory_bytes=memory_bytes, cpu_s=cpu_s, wall_s=wall_s, answer_bytes=answer_bytes
        )
        path = str(self.file(words, **given))
        return self.zygote.run(Request(job="act", path=path, arguments="", budget=budget))

    def ask_child(self, words: str, **given: Any) -> Any:
        """What the child answered, as JSON."""
        return json.loads(unpacked(self.run(words, **given).answer).parts[0])


def alive(pid: int) -> bool:
    """Whether there is such a process, other than one that has ended and not been noticed."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"


def wait_for(true: Callable[[], bool]) -> None:
    """Until it is; fails when it is not within half a minute."""
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")
