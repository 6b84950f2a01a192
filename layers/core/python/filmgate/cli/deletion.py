"""`forget`, `restore`: delete files from the service, and restore them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from filmgate.cli.errors import CliError, Code
from filmgate.cli.options import ASSET_ID, Json
from filmgate.cli.output import Output, rows, table
from filmgate.report.words import counted

if TYPE_CHECKING:
    from filmgate.api.models import AssetView
    from filmgate.client.api import FilmgateClient

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_SHOWN = 10


def forget(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH_OR_ID...",
            help="Files or folders that were scanned from this machine, or ids of assets.",
        ),
    ],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why, for the audit log.")
    ] = "requested with filmgate forget",
    yes: Yes = False,
    json: Json = None,
) -> None:
    """Delete files from the service. Nothing on this machine is touched.

    They disappear from all listings and searches at once. For 30 days `filmgate restore` brings
    them back; then their bytes and everything derived from them are removed for good. A file under
    a legal hold is kept.

    [bold]Examples[/bold]

    \b
    filmgate forget holiday/a.mp4
    filmgate forget 0f3a5b9c2d4e6f708192a3b4c5 --reason "requested by its owner"
    filmgate forget videos --yes --json
    """
    output = Output(json, "forget")
    from filmgate.cli.context import client  # noqa: PLC0415 - brings httpx
    from filmgate.client.api import ApiError  # noqa: PLC0415

    with client() as api:
        assets = list(_resolved(api, targets))
        if assets and not yes:
            _ask(f"Delete {counted(len(assets), 'file')} from the service?", assets)
        forgotten, kept = [], []
        for asset in assets:
            try:
                forgotten.append(api.delete_asset(asset.asset_id, reason))
            except ApiError as error:
                if error.status not in {404, 409}:
                    raise
                why = error.problem.detail
                kept.append({"asset_id": asset.asset_id, "path": asset.path, "reason": why})
    output.result({"forgotten": forgotten, "kept": kept})
    if not assets:
        output.show("Already deleted.")
    if forgotten:
        lines = [(gone.asset_id, _until(gone), gone.path) for gone in forgotten]
        output.show(rows(table("asset", "restore until", "deleted"), lines))
    if kept:
        refused = [(one["asset_id"], one["path"], one["reason"]) for one in kept]
        output.show(rows(table("asset", "kept", "reason"), refused))
        raise typer.Exit(Code.FAILED)


def restore(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of deleted assets.")],
    json: Json = None,
) -> None:
    """Bring deleted files back, and look for their copies again.

    [bold]Examples[/bold]

    \b
    filmgate restore 0f3a5b9c2d4e6f708192a3b4c5
    filmgate assets --status deleted --json | jq -r '.items[].asset_id'
    """
    output = Output(json, "restore")
    from filmgate.cli.context import client  # noqa: PLC0415 - brings httpx

    with client() as api:
        _check_ids(ids)
        restored = [_restored(api, asset_id) for asset_id in ids]
    output.result({"restored": restored})
    lines = [(asset.asset_id, asset.status.value, asset.path) for asset in restored]
    output.show(rows(table("asset", "status", "restored"), lines))


def on_terminal() -> bool:
    """Whether stdin is a terminal, so that a question can be answered."""
    return sys.stdin.isatty()


def ask(question: str) -> None:
    """Ask for confirmation on a terminal; do nothing without one. Raises Abort."""
    if on_terminal():
        typer.confirm(question, abort=True, err=True)


def _ask(question: str, assets: Sequence[AssetView]) -> None:
    if not on_terminal():
        return
    from filmgate.client.folder import label  # noqa: PLC0415

    for asset in assets[:_SHOWN]:
        typer.echo(f"  {label(asset.path)}", err=True)
    if len(assets) > _SHOWN:
        typer.echo(f"  and {len(assets) - _SHOWN} more", err=True)
    ask(question)


def _resolved(api: FilmgateClient, targets: Sequence[str]) -> Iterator[AssetView]:
    """The assets of the targets, each once, without deleted ones. Raises CliError for a target
    without an asset."""
    seen: set[str] = set()
    for target in targets:
        found = _lookup(api, target)
        if not found:
            raise CliError(
                f"The service has no file {target}.",
                "Give a file or folder that was scanned here, or an id from `filmgate assets`.",
            )
        for asset in found:
            if asset.asset_id not in seen and asset.deleted_at is None:
                seen.add(asset.asset_id)
                yield asset


def _lookup(api: FilmgateClient, target: str) -> list[AssetView]:
    if ASSET_ID.fullmatch(target) and not Path(target).exists():
        return api.assets_by_id([target])
    from filmgate.client.record import FileRecord, default_database  # noqa: PLC0415

    with FileRecord(default_database()) as record:
        known = record.known_at(Path(target))
    assets = (api.asset_of(name, sha256) for name, sha256 in known)
    return [asset for asset in assets if asset is not None]


def _restored(api: FilmgateClient, asset_id: str) -> AssetView:
    """The asset, restored if it is deleted."""
    asset = api.asset(asset_id)
    return asset if asset.deleted_at is None else api.restore_asset(asset_id)


def _check_ids(ids: Sequence[str]) -> None:
    for asset_id in ids:
        if not ASSET_ID.fullmatch(asset_id):
            raise CliError(
                f"{asset_id} is not the id of an asset.",
                "`filmgate assets --status deleted` lists what can be restored.",
                Code.USAGE,
            )


def _until(asset: AssetView) -> str:
    return f"{asset.purge_at:%Y-%m-%d}" if asset.purge_at else ""
