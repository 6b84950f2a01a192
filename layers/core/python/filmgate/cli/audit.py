"""`audit`: export and verify the log of changes to files and settings."""

from __future__ import annotations

from typing import Annotated

import typer

from filmgate.cli.errors import EXIT_CODES, CliError
from filmgate.cli.options import Command, Json, help_of
from filmgate.cli.output import Output, rows, table
from filmgate.report.words import counted

app = typer.Typer(no_args_is_help=True, epilog=EXIT_CODES)


def audit() -> None:
    """Export and verify the audit log.

    [bold]Examples[/bold]

    \b
    filmgate audit export --verify --json audit.json
    """


def export(
    verify: Annotated[
        bool, typer.Option("--verify", help="Check that no event was changed, moved or removed.")
    ] = False,
    json: Json = None,
) -> None:
    """Export the audit log, oldest event first.

    Each event contains the hash of the event before. If events were removed from the end, the last
    hash of an earlier export is missing.

    [bold]Examples[/bold]

    \b
    filmgate audit export
    filmgate audit export --verify --json audit.json
    filmgate audit export --json | jq -r '.events[] | select(.action == "asset.purged").subject'
    """
    output = Output(json, "audit export")
    from filmgate.cli.context import client  # noqa: PLC0415 - brings httpx
    from filmgate.review.audit import AuditEvent, broken_link  # noqa: PLC0415

    with client() as api:
        events = [AuditEvent.model_validate(view.model_dump()) for view in api.audit_events()]
    broken = broken_link(events) if verify else None
    verified = broken is None if verify else None
    last = events[-1].hash if events else None
    output.result({"verified": verified, "broken_at": broken, "last_hash": last, "events": events})
    lines = [
        (f"{event.at:%Y-%m-%d %H:%M}", event.actor, event.action, event.subject) for event in events
    ]
    output.show(rows(table("when (UTC)", "actor", "action", "subject"), lines))
    if broken is not None:
        raise CliError(
            f"The audit log is broken: event {broken} does not match the hash of the event before.",
            "Compare it with an earlier export, and tell the operator of the service.",
        )
    if verify:
        output.show(f"{counted(len(events), 'event')}, each matching the hash of the event before.")


app.callback(help=help_of(audit))(audit)
app.command(cls=Command, epilog=EXIT_CODES, help=help_of(export))(export)
