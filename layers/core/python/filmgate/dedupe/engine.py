"""What the dedupe capability declares of its engine. `filmgate.pipeline.dedupe` runs it."""

from __future__ import annotations

from filmgate.dedupe import versions
from filmgate.engines.spec import EngineSpec

FINGERPRINT = "fingerprint"
"""The derived artifact that it reads."""


def _number(reference: str) -> str:
    return reference.rpartition("/")[2]


SPEC = EngineSpec(
    capability="dedupe",
    name="filmgate-dedupe",
    version=f"{_number(versions.FINGERPRINT)}.{_number(versions.MATCHING)}",
    needs=(FINGERPRINT,),
    runner="dedupe",
    parts=("fingerprint", "matching", "embedding"),
)
