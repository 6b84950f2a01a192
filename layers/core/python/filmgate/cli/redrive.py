"""`redrive`: retry failed messages and assets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from filmgate.cli.options import Json, Stage
from filmgate.cli.output import Output, rows, table
from filmgate.library.results import ResultState

if TYPE_CHECKING:
    from filmgate.api.models import AssetView


def redrive(
    reruns: Annotated[
        bool, typer.Option("--reruns", help="Also run every failed asset again, through the API.")
    ] = False,
    stage: Stage = None,
    json: Json = None,
) -> None:
    """Move messages from the dead-letter queue back to the queue.

    A message goes there after three tries, or when it could not be delivered to the queue. Find
    out why first (`filmgate logs ingest`): messages that fail for the same reason come back.

    [bold]Examples[/bold]

    \b
    filmgate redrive
    filmgate redrive --reruns
    filmgate redrive --stage prod --json
    """
    from filmgate.cli.operator import deployment  # noqa: PLC0415

    output = Output(json, "redrive")
    moved = deployment(stage).redrive(lambda n: output.note(f"{n} messages moved"))
    rerun = _rerun_failed() if reruns else []
    output.result({"moved": moved, "rerun": rerun})
    output.show(f"{moved} messages moved back to the queue.")
    if reruns:
        count = len({one["asset_id"] for one in rerun})
        output.show(f"{count} failed assets run again.")
        if rerun:
            output.show(rows(table("asset", "job"), [(r["asset_id"], r["job_id"]) for r in rerun]))


def _rerun_failed() -> list[dict[str, str]]:
    from filmgate.cli.context import client  # noqa: PLC0415 - brings httpx
    from filmgate.library.model import AssetStatus  # noqa: PLC0415

    with client() as api:
        # All of them first: assets that run again disappear from the listing while it is read.
        failed = list(api.assets(AssetStatus.FAILED))
        jobs = [job for asset in failed for job in api.analyze(asset.asset_id, _failed(asset))]
        return [{"asset_id": job.asset_id, "job_id": job.job_id} for job in jobs]


def _failed(asset: AssetView) -> list[str]:
    return [result.capability for result in asset.results if result.state is ResultState.FAILED]
