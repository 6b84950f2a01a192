"""The list of all engines."""

from __future__ import annotations

from importlib import import_module

from filmgate.engines.spec import EngineSpec
from filmgate.errors import FilmgateError
from filmgate.media.model import MediaKind

ENGINES = ("filmgate.dedupe.engine",)
"""Modules that define ``SPEC: EngineSpec``, and ``create() -> Engine`` where the runner is
``engine``. Planning imports them all, so they import an engine's libraries in ``create`` only."""


def specs() -> tuple[EngineSpec, ...]:
    """Return the specs of all engines, in order of registration."""
    return tuple(import_module(name).SPEC for name in ENGINES)


def planned(kind: MediaKind, capabilities: frozenset[str] | None = None) -> tuple[EngineSpec, ...]:
    """Return the engines for a kind of media, of all capabilities or of some."""
    return tuple(
        spec
        for spec in specs()
        if kind in spec.accepts and (capabilities is None or spec.capability in capabilities)
    )


def spec_of(reference: str) -> EngineSpec:
    """Return the spec of an engine by name and version. Raises FilmgateError if it is unknown."""
    for spec in specs():
        if spec.reference == reference:
            return spec
    raise FilmgateError(f"this version of Filmgate has no engine {reference}")


def module_of(reference: str) -> str:
    """Return the module of an engine by name and version. Raises FilmgateError if it is
    unknown."""
    for name in ENGINES:
        if import_module(name).SPEC.reference == reference:
            return name
    raise FilmgateError(f"this version of Filmgate has no engine {reference}")
