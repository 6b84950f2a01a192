"""The modules that each handler loads: they decide how long a cold start takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
DECODERS = {"av", "PIL"}
DECODING = {"filmgate.media.probe", "filmgate.media.image", "filmgate.media.storyboard"}
"""Loaded only by the process that decodes."""
ARRAYS = {"numpy"}
WEB = {"fastapi", "starlette", "mangum", "httpx"}
EMBEDDING = {"onnxruntime", "filmgate.engines.embedding.onnx"}
"""Loaded when a model is opened; a deployment has none by default."""
LAPTOP = {"typer", "rich", "jinja2", "ministack", "imagehash", "filmgate.dedupe.tuning"} | EMBEDDING

FORBIDDEN = {
    "ingest": DECODERS | DECODING | ARRAYS | WEB | LAPTOP,
    "derive": DECODERS | DECODING | WEB | LAPTOP | {"filmgate.dedupe.matching.compare"},
    "dedupe": DECODERS | WEB | LAPTOP,
    "engine": DECODERS | ARRAYS | WEB | LAPTOP,
    "finish": DECODERS | ARRAYS | WEB | LAPTOP,
    "compact": DECODERS | WEB | LAPTOP,
    "purge": DECODERS | WEB | LAPTOP,
    "dead_letters": DECODERS | ARRAYS | WEB | LAPTOP,
}

CONSTANTS = {
    "filmgate.dedupe.index.settings",
    "filmgate.dedupe.matching.settings",
    "filmgate.media.limits",
    "filmgate.media.settings",
    "filmgate.pipeline.budget",
}
"""Constants of the packages, which only the functions that use them load."""


def modules_loaded(importing: str) -> set[str]:
    """Return the names of all modules loaded after importing this one in a new process."""
    code = f"import sys, {importing}; print(*sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT
    ).stdout
    return set(output.split())


@pytest.mark.parametrize("function", sorted(FORBIDDEN))
def test_a_handler_imports_only_what_it_needs(function: str) -> None:
    assert FORBIDDEN[function].isdisjoint(modules_loaded(f"functions.{function}.handler"))


@pytest.mark.parametrize("function", ["finish", "engine", "dead_letters", "backfill"])
def test_a_handler_loads_no_constants_of_packages_that_it_does_not_use(function: str) -> None:
    assert CONSTANTS.isdisjoint(modules_loaded(f"functions.{function}.handler"))


def test_the_settings_of_deployments_load_no_package_of_filmgate() -> None:
    loaded = {name for name in modules_loaded("filmgate.settings") if name.startswith("filmgate.")}
    assert loaded == {"filmgate.settings"}


def test_tracing_is_imported_only_where_traces_are_exported() -> None:
    loaded = modules_loaded("functions.finish.handler")
    assert not [name for name in loaded if name.startswith("opentelemetry")]
