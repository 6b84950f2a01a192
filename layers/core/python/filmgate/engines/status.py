"""Which engines and parts of engines can be used, as the workers that run them report."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from filmgate.clock import now
from filmgate.errors import NotFound
from filmgate.library.ports import ObjectStore
from filmgate.model import FrozenModel


class EngineState(FrozenModel):
    """The engine (name and version) of a capability, or of a part of one; None, with the reason,
    where it is unavailable."""

    capability: str
    engine: str | None
    reason: str | None = None


class EngineReport(FrozenModel):
    """Every capability, and when a worker last reported; empty and None before any did."""

    engines: tuple[EngineState, ...] = ()
    reported_at: datetime | None = None


class _Reported(EngineState):
    reported_at: datetime


def report(objects: ObjectStore, engines: Iterable[EngineState]) -> None:
    """Record what this worker can use, each engine on its own. Raises TransientError."""
    for engine in engines:
        record = _Reported(**engine.model_dump(), reported_at=now())
        body = record.model_dump_json().encode()
        objects.put("artifacts", _key(engine.capability), body, "application/json")


def reported(objects: ObjectStore, capabilities: Iterable[str]) -> EngineReport:
    """What workers reported last of these. Raises TransientError."""
    records = []
    for capability in capabilities:
        try:
            body = objects.get("artifacts", _key(capability))
        except NotFound:
            continue
        records.append(_Reported.model_validate_json(body))
    return EngineReport(
        engines=tuple(
            EngineState(**record.model_dump(exclude={"reported_at"})) for record in records
        ),
        reported_at=max((record.reported_at for record in records), default=None),
    )


def _key(capability: str) -> str:
    return f"engines/{capability}.json"
