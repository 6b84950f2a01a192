"""The same jobs on a kernel that filters no system calls and knows no Landlock.

Imported by the process that forks before it looks at what its system offers.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from filmgate.sandbox import landlock, seccomp
from filmgate.sandbox.child import Job
from tests import sandbox_jobs


def _breed(path: Path, given: dict[str, Any]) -> bytes:
    """A child of the child's own, and one in a session of its own that has another; then hang."""
    for alone in (False, True):
        if os.fork() == 0:
            if alone:
                os.setsid()
                os.fork()
            os.write(3, f"{os.getpid()} ".encode())
            time.sleep(600)
    if given.get("leave"):
        time.sleep(0.5)
        os._exit(0)
    time.sleep(600)
    return b"not reached"


def _peek(path: Path, given: dict[str, Any]) -> bytes:
    """Those of the attempts that change nothing where they succeed."""
    names = (
        "read the product's environment",
        "read the product's memory",
        "read the forker's environment",
        "trace the product",
        "seize the forker",
    )
    tried = sandbox_jobs.attempts(path, given)
    return json.dumps({name: sandbox_jobs.tried(tried[name]) for name in names}).encode()


seccomp.supported = lambda: False
landlock.version = lambda: 0
sandbox_jobs.ACTS |= {"breed": _breed, "peek": _peek}
JOBS: dict[str, Job] = sandbox_jobs.JOBS
