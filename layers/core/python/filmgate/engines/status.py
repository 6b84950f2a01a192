"""Reports of the workers about which engines, and parts of engines, can be used."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from filmgate.clock import now
from filmgate.errors import NotFound
from filmgate.library.ports import ObjectStore
from filmgate.model import FrozenModel


class EngineState(FrozenModel):
    """The engine (name and version) of a capability, or of a part of one.

    If it is unavailable, `engine` is None and `reason` says why.
    """

    capability: str
    engine: str | None
    reason: str | None = None


class EngineReport(FrozenModel):
    """The state of all engines, and the time of the last report; None before the first one."""

    engines: tuple[EngineState, ...] = ()
    reported_at: datetime | None = None


class _Reported(EngineState):
    reported_at: datetime


def report(objects: ObjectStore, engines: Iterable[EngineState]) -> None:
    """Record the state of engines, one object for each. Raises TransientError."""
    for engine in engines:
        record = _Reported(**engine.model_dump(), reported_at=now())
        body = record.model_dump_json().encode()
        objects.put("artifacts", _key(engine.capability), body, "application/json")


def reported(objects: ObjectStore, capabilities: Iterable[str]) -> EngineReport:
    """Return the latest reports about these capabilities. Raises TransientError."""
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
