"""What importing each handler loads: the budget of cold starts, by modules and not by the clock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
DECODERS = {"av", "PIL"}
DECODING = {"filmgate.media.probe", "filmgate.media.image", "filmgate.media.storyboard"}
"""Of the process that decodes alone."""
ARRAYS = {"numpy"}
WEB = {"fastapi", "starlette", "mangum", "httpx"}
EMBEDDING = {"onnxruntime", "filmgate.engines.embedding.onnx"}
"""Loaded when a model is opened, and no deployment has one unless it says so."""
LAPTOP = {"typer", "rich", "jinja2", "ministack", "imagehash", "filmgate.dedupe.tuning"} | EMBEDDING

FORBIDDEN = {
    "ingest": DECODERS | DECODING | ARRAYS | WEB | LAPTOP,
    "derive": DECODERS | DECODING | WEB | LAPTOP | {"filmgate.dedupe.matching.compare"},
    "dedupe": DECODERS | WEB | LAPTOP,
    "engine": DECODERS | ARRAYS | WEB | LAPTOP,
    "finish": DECODERS | ARRAYS | WEB | LAPTOP,
    "compact": DECODERS | WEB | LAPTOP,
    "dead_letters": DECODERS | ARRAYS | WEB | LAPTOP,
}


@pytest.mark.parametrize("function", sorted(FORBIDDEN))
def test_a_handler_imports_only_what_it_needs(function: str) -> None:
    code = f"import sys, functions.{function}.handler; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT
    ).stdout.split()
    assert FORBIDDEN[function].isdisjoint(loaded)


def test_tracing_is_imported_only_where_traces_are_exported() -> None:
    code = "import sys, functions.finish.handler; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT
    ).stdout.split()
    assert not [name for name in loaded if name.startswith("opentelemetry")]
