"""`keys`: who may use the API."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from filmgate.cli.errors import EXIT_CODES, Code, Trouble
from filmgate.cli.options import Command, Json, Stage, help_of
from filmgate.cli.output import Output

app = typer.Typer(
    no_args_is_help=True,
    epilog=EXIT_CODES,
)


def keys() -> None:
    """Make API keys. For operators: it writes to the key table itself, not through the API.

    [bold]Examples[/bold]

    \b
    filmgate keys create acme
    """


def create(
    tenant: Annotated[
        str, typer.Argument(metavar="TENANT", help="Lower-case letters, digits, inner hyphens.")
    ],
    label: Annotated[
        str, typer.Option("--label", help="What the key is for, for your own memory.")
    ] = "made by filmgate keys create",
    stage: Stage = None,
    json: Json = None,
) -> None:
    """Make an API key for a tenant. It is shown once; only its hash is kept.

    [bold]Examples[/bold]

    \b
    filmgate keys create acme
    filmgate keys create acme --stage prod --label "nightly upload"
    FILMGATE_API_KEY=$(filmgate keys create acme --json | jq -r .api_key)
    """
    from filmgate.access.service import create_key  # noqa: PLC0415
    from filmgate.adapters.dynamodb.keys import DynamoKeyStore  # noqa: PLC0415
    from filmgate.cli.operator import deployment  # noqa: PLC0415

    output = Output(json, "keys create")
    target = deployment(stage)
    os.environ.update(target.environment())
    try:
        key = create_key(DynamoKeyStore(target.at.keys_table), tenant, label)
    except ValueError as error:
        raise Trouble(str(error), "`filmgate keys create --help` says more.", Code.USAGE) from error
    output.result({"tenant": tenant, "label": label, "api_key": key})
    output.show(f"The key of tenant {tenant}, shown this once:")
    output.show(key)


app.callback(help=help_of(keys))(keys)
app.command(cls=Command, epilog=EXIT_CODES, help=help_of(create))(create)
