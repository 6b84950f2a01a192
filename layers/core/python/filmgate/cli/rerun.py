"""`rerun`: run capabilities on stored files again."""

from __future__ import annotations

from typing import Annotated

import typer

from filmgate.cli.errors import CliError, Code
from filmgate.cli.options import Json
from filmgate.cli.output import Output, rows, table


def rerun(
    assets: Annotated[
        list[str] | None, typer.Argument(metavar="[ASSET]...", help="Ids of assets to run again.")
    ] = None,
    outdated: Annotated[
        bool,
        typer.Option(
            "--outdated", help="Every file that failed or has no result from the current engines."
        ),
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Every file, whatever results it has.")
    ] = False,
    want: Annotated[
        str | None,
        typer.Option(
            "--want", metavar="CAP[,CAP]", help="Only these capabilities, such as dedupe."
        ),
    ] = None,
    json: Json = None,
) -> None:
    """Run capabilities on stored files again, without uploading them.

    With ids, these assets run at once. With --outdated or --all the service goes through the whole
    library, a few files at a time, and this command does not wait for it.

    [bold]Examples[/bold]

    \b
    filmgate rerun 46c834a873c92b400e4be7a6d5
    filmgate rerun --outdated
    filmgate rerun --all --want dedupe --json
    """
    from filmgate.cli.context import client  # noqa: PLC0415 - brings httpx

    output = Output(json, "rerun")
    if bool(assets) == (outdated or everything):
        raise CliError(
            "Give the ids of assets to run again, or use --outdated or --all.",
            "`filmgate assets` lists the ids.",
            Code.USAGE,
        )
    wanted = [name.strip() for name in want.split(",") if name.strip()] if want else None
    with client() as api:
        if not assets:
            backfill = api.backfill(wanted, everything=everything)
            output.result(backfill)
            output.show("Started. `filmgate status` counts the files that are being processed.")
            return
        jobs = [job for asset_id in assets for job in api.analyze(asset_id, wanted)]
    output.result({"jobs": [job.model_dump(mode="json") for job in jobs]})
    listed = [(job.asset_id, job.capability, job.job_id) for job in jobs]
    output.show(rows(table("asset", "capability", "job"), listed))
