"""`keys`: create, list and revoke API keys."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from filmgate.cli.errors import EXIT_CODES, CliError, Code
from filmgate.cli.options import Command, Json, Stage, help_of
from filmgate.cli.output import Output, rows, table

if TYPE_CHECKING:
    from filmgate.access.model import KeyRecord
    from filmgate.access.ports import KeyStore

_DURATION = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}

app = typer.Typer(
    no_args_is_help=True,
    epilog=EXIT_CODES,
)


def keys() -> None:
    """Create, list and revoke API keys. For operators: this uses the key table, not the API.

    [bold]Examples[/bold]

    \b
    filmgate keys create acme
    filmgate keys list acme
    filmgate keys revoke 1a2b3c4d5e6f
    """


def create(
    tenant: Annotated[
        str, typer.Argument(metavar="TENANT", help="Lower-case letters, digits, inner hyphens.")
    ],
    label: Annotated[
        str, typer.Option("--label", help="What the key is for, as a note for yourself.")
    ] = "made by filmgate keys create",
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires", metavar="TIME", help="Expire after 12h, 30d or 52w, say (default: never)."
        ),
    ] = None,
    stage: Stage = None,
    json: Json = None,
) -> None:
    """Create an API key for a tenant. It is shown once; only its hash is stored.

    [bold]Examples[/bold]

    \b
    filmgate keys create acme
    filmgate keys create acme --stage prod --label "nightly upload" --expires 90d
    FILMGATE_API_KEY=$(filmgate keys create acme --json | jq -r .api_key)
    """
    from filmgate.access.service import create_key  # noqa: PLC0415
    from filmgate.clock import now  # noqa: PLC0415

    output = Output(json, "keys create")
    until = None if expires is None else now() + _duration(expires)
    try:
        key = create_key(_store(stage), tenant, label, until)
    except ValueError as error:
        raise CliError(str(error), "See `filmgate keys create --help`.", Code.USAGE) from error
    output.result({"tenant": tenant, "label": label, "expires_at": _text(until), "api_key": key})
    output.show(f"The key of tenant {tenant}, shown only this once:")
    output.show(key)


def list_(
    tenant: Annotated[
        str | None, typer.Argument(metavar="[TENANT]", help="Only the keys of this tenant.")
    ] = None,
    stage: Stage = None,
    json: Json = None,
) -> None:
    """List API keys, oldest first, with those that were revoked or have expired.

    [bold]Examples[/bold]

    \b
    filmgate keys list
    filmgate keys list acme --stage prod --json
    """
    output = Output(json, "keys list")
    records = _store(stage).records(tenant)
    output.result({"keys": [_public(record) for record in records]})
    if not records:
        whose = f"Tenant {tenant} has" if tenant else "This stage has"
        output.show(f"{whose} no API key. `filmgate keys create TENANT` creates one.")
        return
    shown = [
        (
            record.key_id,
            record.tenant,
            _state(record),
            f"{record.created_at:%Y-%m-%d}",
            record.label,
        )
        for record in records
    ]
    output.show(rows(table("key", "tenant", "state", "created", "label"), shown))


def revoke(
    key_id: Annotated[
        str, typer.Argument(metavar="KEY", help="The id that `filmgate keys list` shows.")
    ],
    stage: Stage = None,
    json: Json = None,
) -> None:
    """Revoke an API key; it stops working within a minute. This cannot be undone.

    [bold]Examples[/bold]

    \b
    filmgate keys revoke 1a2b3c4d5e6f
    filmgate keys revoke 1a2b3c4d5e6f --stage prod
    """
    from filmgate.access.service import revoke_key  # noqa: PLC0415
    from filmgate.errors import NotFound  # noqa: PLC0415

    output = Output(json, "keys revoke")
    try:
        record = revoke_key(_store(stage), key_id)
    except NotFound as error:
        raise CliError(f"{error}.", "`filmgate keys list` shows the ids.") from error
    except ValueError as error:
        raise CliError(f"{error}.", "`filmgate keys list` shows the ids.", Code.USAGE) from error
    output.result(_public(record))
    output.show(f"Key {record.key_id} of tenant {record.tenant} stops working within a minute.")


def _store(stage: str | None) -> KeyStore:
    from filmgate.adapters.dynamodb.keys import DynamoKeyStore  # noqa: PLC0415
    from filmgate.cli.operator import deployment  # noqa: PLC0415

    target = deployment(stage)
    os.environ.update(target.environment())
    return DynamoKeyStore(target.at.keys_table)


def _duration(text: str) -> timedelta:
    parts = _DURATION.fullmatch(text)
    if parts is None:
        raise typer.BadParameter("use a number of hours, days or weeks: 12h, 30d, 52w")
    return timedelta(hours=int(parts[1]) * _HOURS[parts[2]])


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _public(record: KeyRecord) -> dict[str, str | None]:
    return {
        "key_id": record.key_id,
        "tenant": record.tenant,
        "label": record.label,
        "state": _state(record),
        "created_at": _text(record.created_at),
        "expires_at": _text(record.expires_at),
        "revoked_at": _text(record.revoked_at),
    }


def _state(record: KeyRecord) -> str:
    from filmgate.clock import now  # noqa: PLC0415

    if record.revoked_at is not None:
        return "revoked"
    if not record.works(now()):
        return "expired"
    return f"until {record.expires_at:%Y-%m-%d}" if record.expires_at else "works"


app.callback(help=help_of(keys))(keys)
app.command(cls=Command, epilog=EXIT_CODES, help=help_of(create))(create)
app.command(name="list", cls=Command, epilog=EXIT_CODES, help=help_of(list_))(list_)
app.command(cls=Command, epilog=EXIT_CODES, help=help_of(revoke))(revoke)
