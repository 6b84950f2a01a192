"""`up`, `down`, `status`: the service on this machine."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from filmgate.cli.context import client, connection, project_root
from filmgate.cli.options import Json
from filmgate.cli.output import Output, rows, table
from filmgate.library.model import AssetStatus

if TYPE_CHECKING:
    from filmgate.api.models import Health
    from filmgate.client.api import FilmgateClient
    from filmgate.engines.status import EngineState
    from filmgate_local.stack import DiskSpace, StackInfo

_COUNTED = 5000
_OPTIONAL = {"embedding"}
"""Capabilities that a service works without."""


def up(json: Json = None) -> None:
    """Start the service on this machine and deploy what changed.

    Packages the template, starts the local AWS on the loopback interface, deploys, and makes an
    API key for the tenant "local". Running it again is quick and harmless.

    [bold]Examples[/bold]

    \b
    filmgate up
    filmgate up --json | jq -r .api_url
    """
    output = Output(json, "up")
    info = start(output)
    output.result(info)
    output.show(f"The service is up: {info.api_url}")
    output.show("Next: `filmgate scan DIR`, or `filmgate demo` for a sample library.")


def start(output: Output) -> StackInfo:
    """Start the stack with a message on stderr for each step; returns its addresses."""
    from filmgate_local import stack  # noqa: PLC0415 - brings boto3

    return stack.up(project_root(), output.note)


def down(json: Json = None) -> None:
    """Stop the service on this machine. All its data is kept for the next `up`.

    [bold]Examples[/bold]

    \b
    filmgate down
    """
    from filmgate_local import stack  # noqa: PLC0415 - brings boto3

    output = Output(json, "down")
    stack.down(project_root(), output.note)
    output.result({"running": False})
    output.show("Stopped. `filmgate up` starts it again with all its data.")


def status(json: Json = None) -> None:
    """Show whether the service answers, what it stores and what is waiting.

    [bold]Examples[/bold]

    \b
    filmgate status
    filmgate status --json | jq .assets
    """
    output = Output(json, "status")
    to = connection()
    with client(to) as api:
        health = api.health()
        engines = api.engines().engines
        held, more = _counts(api)
    depths = _depths() if to.local else {}
    disk = _disk() if to.local else None
    output.result(
        {
            "api_url": to.api_url,
            "version": health.version,
            "stage": health.stage,
            "engines": [engine.model_dump() for engine in engines],
            "assets": held,
            "assets_counted_all": not more,
            "queues": depths,
            "disk": None if disk is None else asdict(disk),
        }
    )
    made = table("", "")
    made.show_header = False
    lines = _status_lines(to.api_url, health, held, more, depths)
    if disk is not None:
        lines.append(("disk", str(disk)))
    output.show(rows(made, [*lines, *map(_engine_line, engines)]))
    for hint in _hints(held, depths):
        output.show(f"Next: {hint}")


def _counts(api: FilmgateClient) -> tuple[dict[str, int], bool]:
    """Number of the newest assets by status, and whether there are more."""
    page = api.assets_page(status=None, limit=_COUNTED, cursor=None)
    return dict(Counter(asset.status.value for asset in page.items)), page.cursor is not None


def _depths() -> dict[str, dict[str, int]]:
    from filmgate.cli.operator import deployment  # noqa: PLC0415

    return {name: asdict(depth) for name, depth in deployment(None).depths().items()}


def _disk() -> DiskSpace | None:
    from filmgate_local import stack  # noqa: PLC0415 - brings boto3

    return stack.disk_space(project_root())


def _status_lines(
    api_url: str,
    health: Health,
    held: dict[str, int],
    more: bool,
    depths: dict[str, dict[str, int]],
) -> list[tuple[str, str]]:
    lines = [("service", f"{health.status}, version {health.version}, stage {health.stage}")]
    lines.append(("API", api_url))
    counts = ", ".join(f"{held[s.value]} {s.value}" for s in AssetStatus if held.get(s.value))
    among = f" (among the newest {_COUNTED})" if more else ""
    lines.append(("assets", (counts or "none") + among))
    for name, depth in depths.items():
        text = f"{depth['waiting']} waiting, {depth['in_work']} in progress"
        lines.append((name.replace("_", " "), text))
    return lines


def _engine_line(state: EngineState) -> tuple[str, str]:
    if state.engine is not None:
        return state.capability, state.engine
    optional = "optional, " if state.capability in _OPTIONAL else ""
    return state.capability, f"{optional}not available: {state.reason}"


def _hints(held: dict[str, int], depths: dict[str, dict[str, int]]) -> list[str]:
    hints = []
    if depths.get("dead_letters", {}).get("waiting"):
        hints.append("`filmgate logs ingest` says why messages failed, `filmgate redrive` retries.")
    if held.get("failed"):
        hints.append(
            "`filmgate assets --status failed` lists them, `filmgate redrive --reruns` "
            "runs them again."
        )
    if not held:
        hints.append("`filmgate scan DIR`, or `filmgate demo`.")
    return hints
