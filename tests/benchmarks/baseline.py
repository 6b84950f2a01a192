"""The figures that a release must keep, and how the last ones compare with them.

`baseline.json` holds, by the stem of a benchmark's JSON, the command that measured it, when and at
which commit, and of each figure its value, its unit, the direction that is better, and how much
worse a new value may be.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tests.benchmarks.common import Figure, crowded

FILE = Path(__file__).with_name("baseline.json")
_ROUNDING = 1e-9
"""Values of the same figure that differ by less are the same."""


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Expected(_Kept):
    """One figure of the baseline.

    Attributes:
        tolerance: how much worse a new value may be, in the figure's unit or, where `relative`, as
            a share of `value`.
    """

    value: float
    unit: str
    better: Literal["higher", "lower"]
    tolerance: float = Field(ge=0)
    relative: bool = False

    @property
    def allowed(self) -> float:
        """The tolerance in the figure's unit."""
        return self.tolerance * abs(self.value) if self.relative else self.tolerance

    def worse_by(self, value: float) -> float:
        """How much worse a value is, in the figure's unit; below 0 where it is better."""
        return self.value - value if self.better == "higher" else value - self.value


class Source(_Kept):
    """One benchmark of the baseline: how its figures were measured, and what they were.

    Attributes:
        commit: None where it was not recorded.
        busy: the load was above the number of cores.
    """

    command: str = Field(pattern=r"^python -m tests\.benchmarks\.\w+( |$)")
    date: str
    commit: str | None
    busy: bool
    figures: dict[str, Expected] = Field(min_length=1)


class Baseline(_Kept):
    """Benchmarks by the stem of their JSON."""

    benchmarks: dict[str, Source]


class Outcome(StrEnum):
    """What became of one figure."""

    KEPT = "kept"
    BETTER = "better"
    WORSE = "WORSE"
    MISSING = "MISSING"
    OTHER_UNIT = "OTHER UNIT"

    @property
    def failed(self) -> bool:
        return self not in (Outcome.KEPT, Outcome.BETTER)


@dataclass(frozen=True)
class Compared:
    """A figure of the baseline beside the one that was measured; None where there is none."""

    name: str
    expected: Expected
    measured: Figure | None
    outcome: Outcome


@dataclass(frozen=True)
class Run:
    """The JSON of one benchmark, as far as a comparison needs it."""

    command: str
    date: str
    commit: str | None
    busy: bool
    figures: Mapping[str, Figure]


def read(path: Path = FILE) -> Baseline:
    """The kept baseline.

    Raises:
        pydantic.ValidationError: the file is not one.
    """
    return Baseline.model_validate_json(path.read_bytes())


def write(baseline: Baseline, path: Path = FILE) -> None:
    """Keep a baseline, in lines that a reviewer can read."""
    body = baseline.model_dump(mode="json")
    path.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def last_run(path: Path) -> Run | None:
    """A benchmark's JSON; None where it is not there or has no figures for scripts."""
    try:
        stored: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    figures = stored["figures"]
    if not isinstance(figures, list):
        return None
    facts = stored["machine"]
    read = [Figure(one["name"], one["value"], one["unit"]) for one in figures]
    return Run(
        command=facts["command"],
        date=facts["date"],
        commit=facts.get("commit"),
        busy=crowded(facts) is not None,
        figures={figure.name: figure for figure in read},
    )


def compare(expected: Mapping[str, Expected], figures: Mapping[str, Figure]) -> Iterator[Compared]:
    """Every figure of the baseline, in its order; figures that it does not name are left out."""
    for name, one in expected.items():
        measured = figures.get(name)
        yield Compared(name, one, measured, _outcome(one, measured))


def _outcome(expected: Expected, measured: Figure | None) -> Outcome:
    if measured is None:
        return Outcome.MISSING
    if measured.unit != expected.unit:
        return Outcome.OTHER_UNIT
    worse = expected.worse_by(measured.value)
    if worse > expected.allowed + _ROUNDING:
        return Outcome.WORSE
    return Outcome.BETTER if worse < -_ROUNDING else Outcome.KEPT


def updated(source: Source, run: Run) -> Source:
    """The same figures, directions and tolerances with the values of a run.

    Raises:
        ValueError: the run lacks a figure, or has it in another unit.
    """
    compared = list(compare(source.figures, run.figures))
    lost = [one.name for one in compared if one.outcome in (Outcome.MISSING, Outcome.OTHER_UNIT)]
    if lost:
        raise ValueError(f"not measured, or in another unit: {', '.join(lost)}")
    return Source(
        command=run.command,
        date=run.date,
        commit=run.commit,
        busy=run.busy,
        figures={
            name: expected.model_copy(update={"value": run.figures[name].value})
            for name, expected in source.figures.items()
        },
    )


def failures(compared: Sequence[Compared]) -> list[str]:
    """One line for each figure that fails a release."""
    return [_line(one) for one in compared if one.outcome.failed]


def _line(one: Compared) -> str:
    if one.measured is None:
        return f"{one.name}: not measured"
    if one.outcome is Outcome.OTHER_UNIT:
        return f"{one.name}: in {one.measured.unit}, and the baseline in {one.expected.unit}"
    bound = "at least" if one.expected.better == "higher" else "at most"
    sign = -1 if one.expected.better == "higher" else 1
    limit = one.expected.value + sign * one.expected.allowed
    return f"{one.name}: {one.measured.value:.6g} {one.expected.unit}, {bound} {limit:.6g} wanted"
