"""`logs`: read the logs of the functions."""

from __future__ import annotations

import json as jsonlib
import re
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from filmgate.cli.errors import CliError, Code
from filmgate.cli.options import Json, Stage
from filmgate.cli.output import Output, as_json, safe

if TYPE_CHECKING:
    from filmgate.adapters.operations import LogLine


class Level(StrEnum):
    """Severities, lowest first."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


_LEVELS = [level.value.upper() for level in Level]
_STYLES = {"WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red", "DEBUG": "dim"}
_PLATFORM = ("START ", "END ", "REPORT ", "INIT_START ")
_PERIOD = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_OMITTED_FIELDS = {
    "level", "location", "message", "timestamp", "service", "cold_start", "function_name",
    "function_memory_size", "function_arn", "function_request_id", "xray_trace_id", "exception",
}  # fmt: skip


def logs(  # noqa: PLR0917 - options
    function: Annotated[
        str | None, typer.Argument(help="Only this function; without it, all.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep printing new lines.")
    ] = False,
    since: Annotated[
        str, typer.Option("--since", metavar="PERIOD", help="How far back: 30s, 10m, 2h, 1d.")
    ] = "10m",
    level: Annotated[Level, typer.Option("--level", help="This severity and above.")] = Level.INFO,
    stage: Stage = None,
    json: Json = None,
) -> None:
    """Read the functions' logs, oldest line first.

    With --json each line is one JSON object, as the function wrote it. A file begins with an
    additional object that names this command as its generator.

    [bold]Examples[/bold]

    \b
    filmgate logs
    filmgate logs derive --level warning --since 1d
    filmgate logs ingest --follow
    filmgate logs --json | jq -c 'select(.correlation_id == "...")'
    """
    output = Output(json, "logs")
    if follow and output.json_file is not None:
        raise CliError(
            "--follow never ends, so its output cannot be written to a file.",
            "Use `--follow --json - > OUT`, or leave --follow out.",
            Code.USAGE,
        )
    since_ms = int((time.time() - _seconds(since)) * 1000)
    from filmgate.cli.operator import deployment  # noqa: PLC0415 - brings boto3

    source = deployment(stage)
    chosen = _selected_functions(function, source.at.functions)
    lines = source.follow(chosen, since_ms) if follow else source.log_lines(chosen, since_ms)
    shown = 0
    kept = [as_json(output.mark(), indent=None)]
    for line in lines:
        entry = parse(line)
        if entry is None or _rank(entry["level"]) < _LEVELS.index(level.value.upper()):
            continue
        shown += 1
        if output.json_file is not None:
            kept.append(as_json(entry, indent=None))
        elif output.machine:
            print(as_json(entry, indent=None), flush=True)
        else:
            _print(output, line, entry)
    if output.json_file is not None:
        output.write_json(output.json_file, "\n".join(kept))
    if not shown:
        output.note(f"No lines of level {level.value} or above in the last {since}.")


def _selected_functions(function: str | None, deployed: tuple[str, ...]) -> tuple[str, ...]:
    if function is None:
        return deployed
    if function not in deployed:
        raise CliError(
            f"There is no function {function!r} in this stage.",
            f"Its functions are {', '.join(deployed)}.",
            Code.USAGE,
        )
    return (function,)


def _seconds(period: str) -> int:
    found = _PERIOD.fullmatch(period)
    if not found:
        raise CliError(
            f"{period!r} is not a valid period.",
            "Use a period such as 30s, 10m, 2h or 1d.",
            Code.USAGE,
        )
    return int(found[1]) * _SECONDS[found[2]]


def parse(line: LogLine) -> dict[str, Any] | None:
    """A log line as an object with at least level, service and message.

    None for the platform's lines about each call, and for metrics.
    """
    if line.message.startswith(_PLATFORM):
        return None
    try:
        entry = jsonlib.loads(line.message)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        return {"level": "INFO", "service": line.function, "message": line.message}
    if "_aws" in entry:
        return None
    return {"level": "INFO", "service": line.function, "message": "", **entry}


def _rank(level: object) -> int:
    return _LEVELS.index(level) if level in _LEVELS else _LEVELS.index("INFO")


def _print(output: Output, line: LogLine, entry: dict[str, Any]) -> None:
    at = datetime.fromtimestamp(line.at_ms / 1000, UTC)
    style = _STYLES.get(str(entry["level"]), "")
    head = Text(f"{at:%H:%M:%S.%f}"[:-3], style="dim")
    head += Text(f" {entry['level']!s:<8}", style=style) + Text(
        f"{line.function:<12}", style="cyan"
    )
    message = entry["message"]
    text = message if isinstance(message, str) else jsonlib.dumps(message)
    rest = "".join(f" {key}={value}" for key, value in entry.items() if key not in _OMITTED_FIELDS)
    output.show(head + safe(text) + safe(rest, "dim"))
    for detail in str(entry.get("exception") or "").splitlines():
        output.show(Text("  ") + safe(detail, "red"))
