"""Which engines there are, as the worker that uses them last told."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from filmgate.clock import now
from filmgate.errors import NotFound
from filmgate.library.ports import ObjectStore

KEY = "engines/report.json"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class EngineState(_Value):
    """One capability: the engine that has it, with its version, or why none has."""

    capability: str
    engine: str | None
    reason: str | None = None


class EngineReport(_Value):
    """All capabilities, and when a worker told; none and None before any did."""

    engines: tuple[EngineState, ...] = ()
    reported_at: datetime | None = None


def report(objects: ObjectStore, engines: tuple[EngineState, ...]) -> None:
    """Tell what this worker has. Raises TransientError."""
    told = EngineReport(engines=engines, reported_at=now())
    objects.put("artifacts", KEY, told.model_dump_json().encode(), "application/json")


def reported(objects: ObjectStore) -> EngineReport:
    """What a worker told last. Raises TransientError."""
    try:
        return EngineReport.model_validate_json(objects.get("artifacts", KEY))
    except NotFound:
        return EngineReport()
