"""`holds`: keep files from being deleted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from filmgate.cli.errors import EXIT_CODES, CliError, Code
from filmgate.cli.options import ASSET_ID, Command, Json, help_of
from filmgate.cli.output import Output, rows, table
from filmgate.library.model import AssetStatus
from filmgate.report.words import counted

if TYPE_CHECKING:
    from filmgate.api.models import AssetView
    from filmgate.client.api import FilmgateClient

Asset = Annotated[str, typer.Argument(metavar="ID", help="The id of an asset.")]

app = typer.Typer(no_args_is_help=True, epilog=EXIT_CODES)


def holds() -> None:
    """Place, release and list legal holds. A file under a legal hold cannot be deleted.

    [bold]Examples[/bold]

    \b
    filmgate holds place 0f3a5b9c2d4e6f708192a3b4c5 --reason "case 7"
    filmgate holds list
    """


def place(
    asset_id: Asset,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why the file must be kept.")
    ],
    json: Json = None,
) -> None:
    """Put a file, deleted or not, under a legal hold.

    [bold]Examples[/bold]

    \b
    filmgate holds place 0f3a5b9c2d4e6f708192a3b4c5 --reason "case 7"
    """
    output = Output(json, "holds place")
    from filmgate.cli.context import client  # noqa: PLC0415 - brings httpx

    with client() as api:
        hold = api.place_hold(_id(asset_id), reason)
    output.result({"asset_id": asset_id, "hold": hold})
    output.show(f"Asset {asset_id} is under hold {hold.hold_id} until it is released.")


def release(
    asset_id: Asset,
    hold_id: Annotated[str, typer.Argument(metavar="HOLD", help="As `holds list` shows it.")],
    json: Json = None,
) -> None:
    """Release one hold of a file; its other holds stay.

    [bold]Examples[/bold]

    \b
    filmgate holds release 0f3a5b9c2d4e6f708192a3b4c5 01KA1B7S4T0C3E8H5J6K9M2N4P
    """
    output = Output(json, "holds release")
    from filmgate.cli.context import client  # noqa: PLC0415 - brings httpx

    with client() as api:
        in_force = {hold.hold_id for hold in api.asset(_id(asset_id)).holds}
        if hold_id in in_force:
            api.release_hold(asset_id, hold_id)
    released = hold_id in in_force
    output.result({"asset_id": asset_id, "hold_id": hold_id, "released": released})
    left = len(in_force - {hold_id})
    what = "is released" if released else "is not in force"
    output.show(f"Hold {hold_id} {what}. The asset has {counted(left, 'other hold')}.")


def list_(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Only holds of these assets; by default, of all."),
    ] = None,
    json: Json = None,
) -> None:
    """List the holds in force. Without an id, this reads the list of all files.

    [bold]Examples[/bold]

    \b
    filmgate holds list
    filmgate holds list 0f3a5b9c2d4e6f708192a3b4c5 --json
    """
    output = Output(json, "holds list")
    from filmgate.cli.context import client  # noqa: PLC0415 - brings httpx

    with client() as api:
        held = [asset for asset in _assets(api, ids or ()) if asset.holds]
    found = [
        {"asset_id": asset.asset_id, "path": asset.path, "hold": hold}
        for asset in held
        for hold in asset.holds
    ]
    output.result({"holds": found})
    if not found:
        output.show("No file is under a legal hold.")
        return
    lines = [
        (hold.hold_id, asset.asset_id, f"{hold.placed_at:%Y-%m-%d}", hold.reason)
        for asset in held
        for hold in asset.holds
    ]
    output.show(rows(table("hold", "asset", "placed", "reason"), lines))


def _assets(api: FilmgateClient, ids: Sequence[str]) -> Iterator[AssetView]:
    if ids:
        yield from api.assets_by_id([_id(asset_id) for asset_id in ids])
        return
    yield from api.assets()
    yield from api.assets(AssetStatus.DELETED)


def _id(asset_id: str) -> str:
    if not ASSET_ID.fullmatch(asset_id):
        raise CliError(
            f"{asset_id} is not the id of an asset.", "`filmgate assets` lists them.", Code.USAGE
        )
    return asset_id


app.callback(help=help_of(holds))(holds)
app.command(cls=Command, epilog=EXIT_CODES, help=help_of(place))(place)
app.command(cls=Command, epilog=EXIT_CODES, help=help_of(release))(release)
app.command(name="list", cls=Command, epilog=EXIT_CODES, help=help_of(list_))(list_)
