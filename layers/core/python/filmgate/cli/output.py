"""Output of commands: results on stdout, everything else on stderr, untrusted text escaped."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from filmgate.client.folder import label
from filmgate.client.targets import Target, json_of
from filmgate.report.words import counted

if TYPE_CHECKING:
    from filmgate.client.scanner import Stage

CLASS_STYLES = {"exact": "bold green", "near": "bold yellow", "similar": "blue"}
STATUS_STYLES = {"done": "green", "refused": "yellow", "failed": "red"}
_PIPED_WIDTH = 1000
STDOUT = Path("-")
"""The name for standard output in place of a file."""
_UNWRAPPED_COLUMNS = {"asset", "match", "job", "hold"}
"""Columns of ids, which are kept on one line so that they can be copied."""
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def safe(text: str, style: str = "") -> Text:
    """Untrusted text, with control characters escaped and markup ignored."""
    return Text(label(text) if text else "", style=style)


def class_text(name: str) -> Text:
    """A match class in its colour."""
    return Text(name, style=CLASS_STYLES.get(name, ""))


def status_text(name: str) -> Text:
    """An asset's status in its colour."""
    return Text(name, style=STATUS_STYLES.get(name, "cyan"))


def score_text(value: float | None) -> str:
    """A score of 0..1 with three places; a dash for None."""
    return "-" if value is None else f"{value:.3f}"


def as_json(data: object, *, indent: int | None = 2) -> str:
    """JSON with readable Unicode, but without characters that a terminal would interpret."""
    plain = _plain(data)
    text = json.dumps(plain, ensure_ascii=False, indent=indent)
    return _UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def _plain(data: object) -> Any:
    if isinstance(data, BaseModel):
        return data.model_dump(mode="json")
    if is_dataclass(data) and not isinstance(data, type):
        return asdict(data)
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    return data


class Output:
    """One command's output.

    Attributes:
        machine: stdout contains one JSON document and nothing else.
        json_file: the file for the JSON; None if it goes to stdout or is not wanted.
    """

    def __init__(self, json: Path | None = None, command: str = "") -> None:
        """`json` is the value of --json; `command` is the name in the generator mark of the output.

        Raises TargetTaken and TargetInvalid.
        """
        for stream in (sys.stdout, sys.stderr):
            # A terminal that cannot show a character must not end the command.
            if reconfigure := getattr(stream, "reconfigure", None):
                reconfigure(errors="backslashreplace")
        self.machine = json == STDOUT
        self._kind = json_of(command)
        self.json_file = None if json is None or self.machine else Target.claim(json, self._kind)
        self.err = Console(stderr=True, highlight=False)
        # A program that reads a pipe needs whole lines, however long.
        width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPED_WIDTH
        self._out = self.err if self.machine else Console(highlight=False, width=width)

    def result(self, data: object) -> None:
        """Write the result as JSON, an object with its generator first; nothing without --json."""
        if not self.machine and self.json_file is None:
            return
        text = as_json({**self.mark(), **_plain(data), **self.mark()})
        if self.json_file is None:
            print(text)
        else:
            self.write_json(self.json_file, text)

    def write_json(self, target: Target, text: str) -> None:
        """Write JSON to the file of --json, and print its path in case no file was intended."""
        target.write(f"{text}\n".encode())
        self.note(f"JSON: {label(str(target.real))}")

    def mark(self) -> dict[str, str]:
        """The first key of this command's JSON, by which the file is recognised later."""
        return {"generator": self._kind.generator}

    def show(self, *parts: Any) -> None:
        """Print for people; nothing with --json."""
        if not self.machine:
            self._out.print(*parts, soft_wrap=all(isinstance(p, str | Text) for p in parts))

    def note(self, text: str) -> None:
        """Print a progress message on stderr."""
        self.err.print(Text(text, style="dim"), soft_wrap=True)

    @contextmanager
    def scanning(self) -> Iterator[ScanBars]:
        """Progress bars of a scan on stderr; plain lines if it is not a terminal."""
        if not self.err.is_terminal:
            yield ScanBars(self, None)
            return
        with self._bars() as bars:
            yield ScanBars(self, bars)

    @contextmanager
    def counting(self, what: str) -> Iterator[Callable[[int, int, str], None]]:
        """One bar on stderr, updated with (done, total, name); one line without a terminal."""
        if not self.err.is_terminal:
            self.note(what)
            yield _ignore_progress
            return
        with self._bars() as bars:
            task = bars.add_task(what, total=None, done="")

            def report(done: int, total: int, _: str) -> None:
                of = f"{done} of {total} files"
                bars.update(task, completed=done, total=total, done=of)

            yield report

    def _bars(self) -> Progress:
        from rich.progress import (  # noqa: PLC0415 - only where bars are shown
            BarColumn,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        return Progress(
            TextColumn("{task.description:<11}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[done]}"),
            TimeElapsedColumn(),
            console=self.err,
        )


class ScanBars:
    """Shows `filmgate.client.scanner.Progress`: one bar or one line per stage."""

    def __init__(self, output: Output, bars: Progress | None) -> None:
        self._output = output
        self._bars = bars
        self._tasks: dict[Stage, Any] = {}
        self._done: dict[Stage, int] = {}
        self._totals: dict[Stage, int] = {}
        self._lock = Lock()

    def start(self, stage: Stage, total: int) -> None:
        """A stage begins; READ and SEND are in bytes, the others in files."""
        self._done[stage], self._totals[stage] = 0, total
        if self._bars is None:
            self._output.note(f"{stage.value}: {_amount(stage, total)}")
        else:
            self._tasks[stage] = self._bars.add_task(
                stage.value, total=max(total, 1), completed=0 if total else 1, done=""
            )

    def advance(self, stage: Stage, amount: int) -> None:
        """Add `amount`, in the unit of the stage, to what is done."""
        with self._lock:
            self._done[stage] += amount
        if self._bars is not None:
            done = f"{_amount(stage, self._done[stage])} of {_amount(stage, self._totals[stage])}"
            self._bars.update(self._tasks[stage], advance=amount, done=done)


def _ignore_progress(_done: int, _total: int, _name: str) -> None:
    return None


def _amount(stage: Stage, value: int) -> str:
    if stage.in_bytes:
        return f"{value / 1e6:.1f} MB"
    return counted(value, "file")


def table(*columns: str, title: str | None = None) -> Table:
    """An empty table in the style of all commands."""
    made = Table(title=title, title_justify="left", box=None, header_style="dim", pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column in _UNWRAPPED_COLUMNS)
    return made


def rows(made: Table, lines: Iterable[Sequence[Any]]) -> Table:
    """The table with its lines; plain strings are untrusted, so they are escaped."""
    for line in lines:
        made.add_row(*(safe(cell) if isinstance(cell, str) else cell for cell in line))
    return made
