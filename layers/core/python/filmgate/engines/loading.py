"""Load the engines that the function `engine` runs, and report whether they can be used."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from filmgate.engines import registry
from filmgate.engines.spec import Engine, EngineInput, EngineOutput, EngineSpec
from filmgate.engines.status import EngineState, report
from filmgate.errors import EngineUnavailable
from filmgate.library.ports import ObjectStore


def load(reference: str, objects: ObjectStore) -> Engine:
    """Load the engine with this name and version.

    If it cannot run here, the returned engine raises EngineUnavailable at every run.

    Raises:
        FilmgateError: there is no such engine.
        TransientError: the report could not be stored.
    """
    module = import_module(registry.module_of(reference))
    spec: EngineSpec = module.SPEC
    try:
        engine: Engine = module.create()
        state = EngineState(capability=spec.capability, engine=spec.reference)
    except EngineUnavailable as error:
        engine = _Unavailable(spec, str(error))
        state = EngineState(capability=spec.capability, engine=None, reason=str(error))
    report(objects, [state])
    return engine


@dataclass(slots=True)
class _Unavailable:
    spec: EngineSpec
    reason: str

    def run(self, given: EngineInput) -> EngineOutput:  # noqa: ARG002 - the protocol's
        raise EngineUnavailable(self.reason)
