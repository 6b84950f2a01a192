"""`assets`, `matches`, `show`: read the results from the service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from filmgate.cli.errors import CliError, Code
from filmgate.cli.options import ASSET_ID, Json
from filmgate.cli.output import Output, rows, status_text, table
from filmgate.library.matches import match_id
from filmgate.library.model import AssetStatus

if TYPE_CHECKING:
    from filmgate.api.models import AssetView
    from filmgate.client.api import FilmgateClient

Limit = Annotated[int, typer.Option("--limit", min=1, help="The most entries to list.")]
Cursor = Annotated[
    str | None,
    typer.Option("--cursor", metavar="CURSOR", help="Continue where an earlier page ended."),
]


def assets(
    status: Annotated[
        AssetStatus | None, typer.Option("--status", help="Only files with this status.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    json: Json = None,
) -> None:
    """List the files that the service stores, newest first.

    [bold]Examples[/bold]

    \b
    filmgate assets
    filmgate assets --status refused
    filmgate assets --limit 500 --json | jq -r '.items[].path'
    """
    output = Output(json, "assets")
    from filmgate.cli.context import client  # noqa: PLC0415 - brings httpx

    with client() as api:
        page = api.assets_page(status=status, limit=limit, cursor=cursor)
    output.result(page)
    if not page.items:
        output.show(_nothing(status))
        return
    made = table("asset", "status", "kind", "file", "reason")
    output.show(rows(made, [_asset_line(asset) for asset in page.items]))
    if page.cursor:
        output.show(f"More: --cursor {page.cursor}")


def _nothing(status: AssetStatus | None) -> str:
    if status is None:
        return "No files yet. Next: `filmgate scan DIR`."
    return f"No file has the status {status.value}."


def _asset_line(asset: AssetView) -> tuple[str | Text, ...]:
    kind = asset.info.kind.value if asset.info else ""
    status = status_text(asset.status.value)
    return asset.asset_id, status, kind, asset.path, asset.reason or ""


def matches(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ASSET]...", help="Only pairs that include one of these assets."),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    json: Json = None,
) -> None:
    """List pairs of files that share content: all, newest first, or those of some assets.

    [bold]Examples[/bold]

    \b
    filmgate matches
    filmgate matches 0f3a5b9c2d4e6f708192a3b4c5
    filmgate matches --json | jq '.items[].verdict.match_class'
    """
    output = Output(json, "matches")
    from filmgate.api.models import Listing, MatchView  # noqa: PLC0415
    from filmgate.cli.context import client  # noqa: PLC0415 - brings httpx
    from filmgate.cli.summary import show_matches  # noqa: PLC0415

    if ids and cursor:
        raise CliError(
            "--cursor works only with the list of all pairs.",
            "Leave out --cursor, or the ids.",
            Code.USAGE,
        )
    with client() as api:
        if ids:
            _check_known(api, ids)
            page = Listing[MatchView](items=api.matches_of_assets(ids)[:limit])
        else:
            page = api.matches_page(limit=limit, cursor=cursor)
    output.result(page)
    if not page.items:
        output.show("No matches." if ids else "No matches yet. Next: `filmgate scan DIR`.")
        return
    show_matches(output, page.items)
    if page.cursor:
        output.show(f"More: --cursor {page.cursor}")


def _check_known(api: FilmgateClient, ids: Sequence[str]) -> None:
    named = [asset_id for asset_id in ids if ASSET_ID.fullmatch(asset_id)]
    there = {asset.asset_id for asset in api.assets_by_id(named)}
    if missing := [asset_id for asset_id in ids if asset_id not in there]:
        raise CliError(f"There is no asset {missing[0]}.", "`filmgate assets` lists the ids.")


def show(
    identity: Annotated[str, typer.Argument(metavar="ID", help="The id of an asset or a match.")],
    json: Json = None,
) -> None:
    """Show one file with its matches, or one pair with the reasons for its verdict.

    [bold]Examples[/bold]

    \b
    filmgate show 0f3a5b9c2d4e6f708192a3b4c5
    filmgate show 0f3a5b9c2d4e6f708192a3b4c5:1b2c3d4e5f60718293a4b5c6d7
    filmgate show ID --json | jq .verdict.segments
    """
    output = Output(json, "show")
    from filmgate.cli.context import client  # noqa: PLC0415 - brings httpx
    from filmgate.cli.details import show_asset, show_match  # noqa: PLC0415

    if not identity.strip():
        raise typer.BadParameter("give the id of an asset or a match", param_hint="ID")
    with client() as api:
        if ":" in identity:
            first, _, second = identity.partition(":")
            match = api.match(match_id(first, second))
            output.result(match)
            show_match(output, match)
        else:
            asset, found = api.asset(identity), api.matches_of(identity)
            output.result({"asset": asset, "matches": found})
            show_asset(output, asset, found)
