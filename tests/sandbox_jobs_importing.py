"""The product's jobs, by a child that says which modules it had to import for its file."""

from __future__ import annotations

import sys
from pathlib import Path

from filmgate.dedupe.engine import FINGERPRINT
from filmgate.media.limits import Limits
from filmgate.media.model import MediaInfo
from filmgate.media.shared_names import SHARED_NAMES
from filmgate.sandbox import jobs
from filmgate.sandbox.answers import ReadArguments
from filmgate.sandbox.child import Job


def _read(path: Path, arguments: str) -> tuple[bytes, ...]:
    before = set(sys.modules)
    limits = Limits()
    (info,) = jobs.JOBS["probe"](path, limits.model_dump_json())
    given = ReadArguments(
        sha256="0" * 64,
        info=MediaInfo.model_validate_json(info),
        limits=limits,
        pictures=True,
        artifacts=(FINGERPRINT, *SHARED_NAMES),
    )
    jobs.JOBS["read"](path, given.model_dump_json())
    return (" ".join(sorted(set(sys.modules) - before)).encode(),)


JOBS: dict[str, Job] = {"read": _read}
