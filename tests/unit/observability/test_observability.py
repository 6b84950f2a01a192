"""What goes into logs and traces, and what does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from filmgate.errors import TransientError
from filmgate.observability import fault, span

CHECKOUT = Path(__file__).resolve().parents[3]


def test_a_fault_tells_where_and_what_kind_and_no_data() -> None:
    try:
        try:
            raise ValueError("holiday in Rome.mp4")
        except ValueError as error:
            raise TransientError("S3 did not answer") from error
    except TransientError as error:
        outer, inner = fault(error)
    assert outer["message"] == "S3 did not answer"
    assert inner["type"] == "builtins.ValueError"
    assert "message" not in inner
    assert "test_observability.py" in str(inner["at"])
    assert "Rome" not in str([outer, inner])


def test_a_hidden_cause_stays_hidden() -> None:
    try:
        try:
            raise ValueError("first")
        except ValueError:
            raise TransientError("second") from None
    except TransientError as error:
        assert len(fault(error)) == 1


def test_a_span_without_tracing_is_only_its_block() -> None:
    code = (
        "import sys; from filmgate.observability import span\n"
        "with span('match', job_id='j'): pass\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )
    assert not [name for name in done.stdout.split() if name.startswith("opentelemetry")]


def test_a_span_reaches_opentelemetry_and_lets_errors_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trace = pytest.importorskip("opentelemetry.trace")
    started: list[tuple[str, object]] = []

    class Tracer(trace.NoOpTracer):  # type: ignore[misc,name-defined]
        def start_as_current_span(self, name: str, **given: object) -> object:
            started.append((name, given["attributes"]))
            return super().start_as_current_span(name)

    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setattr(trace, "get_tracer", lambda _: Tracer())
    with pytest.raises(TransientError), span("match", job_id="j"):
        raise TransientError("S3 did not answer")
    assert started == [("match", {"job_id": "j"})]
