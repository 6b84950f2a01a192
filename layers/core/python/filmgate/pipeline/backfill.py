"""Update a whole library: list the assets that have to run again, then begin each run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import TypeAdapter

from filmgate.engines import registry
from filmgate.errors import Conflict, NotFound
from filmgate.library.model import AnalyzedAsset, AssetState
from filmgate.library.ports import AssetRuns, ObjectStore
from filmgate.library.results import ResultState
from filmgate.model import FrozenModel
from filmgate.pipeline import state
from filmgate.pipeline.runs import plan, run_state

_PAGE = 200


class BackfillOrder(FrozenModel):
    """What to run again in a tenant's library.

    Attributes:
        backfill_id: names the listing, so that a repeated step writes the same one.
        want: capabilities; None for all that accept the file.
        everything: include assets that have a result of the current engine.
    """

    tenant: str
    backfill_id: str
    want: tuple[str, ...] | None = None
    everything: bool = False


class BackfillItem(FrozenModel):
    """One asset in a listing."""

    tenant: str
    asset_id: str
    want: tuple[str, ...]


class BackfillListing(FrozenModel):
    """The key of a listing in the artifacts bucket, and the number of its assets."""

    key: str
    count: int


@dataclass(frozen=True, slots=True)
class BackfillDeps:
    """Dependencies of a backfill."""

    library: AssetRuns
    objects: ObjectStore


_ITEMS = TypeAdapter(tuple[BackfillItem, ...])


def list_assets(deps: BackfillDeps, order: BackfillOrder) -> BackfillListing:
    """Write the list of assets that have to run again, with the missing capabilities of each.

    Raises:
        ValueError: one of the capabilities does not exist.
        TransientError: storage did not answer.
    """
    known = {spec.capability for spec in registry.specs()}
    if unknown := sorted(set(order.want or ()) - known):
        raise ValueError(f"there is no capability {', '.join(unknown)}")
    items = tuple(_items(deps.library, order))
    key = f"exports/{order.tenant}/backfills/{order.backfill_id}.json"
    deps.objects.put("artifacts", key, _ITEMS.dump_json(items), "application/json")
    return BackfillListing(key=key, count=len(items))


def begin(deps: BackfillDeps, item: BackfillItem, correlation_id: str) -> state.RunState | None:
    """Begin the run of one asset. Returns None if it is gone, deleted, or already running.

    Raises TransientError.
    """
    try:
        asset = deps.library.asset(item.tenant, item.asset_id)
        results = deps.library.results(item.tenant, item.asset_id)
        record = AnalyzedAsset(asset=asset, results=tuple(results))
        if not _ready(record, item.want):
            return None
        run = plan(asset, results, frozenset(item.want), workflow="standard")
        if not deps.library.begin(asset.changed(), run.jobs, run.results):
            raise Conflict("changed by another call")
    except (NotFound, Conflict):
        return None
    return run_state(run.jobs, correlation_id)


def _items(library: AssetRuns, order: BackfillOrder) -> Iterator[BackfillItem]:
    cursor = None
    while True:
        page = library.list_analyzed(order.tenant, status=None, limit=_PAGE, cursor=cursor)
        for record in page.items:
            if lacking := _lacking(record, order):
                yield BackfillItem(
                    tenant=order.tenant, asset_id=record.asset.asset_id, want=lacking
                )
        cursor = page.cursor
        if cursor is None:
            return


def _lacking(record: AnalyzedAsset, order: BackfillOrder) -> tuple[str, ...]:
    """Return the requested capabilities whose current engine has no result."""
    asset = record.asset
    if asset.state is not AssetState.STORED or asset.info is None:
        return ()
    wanted = None if order.want is None else frozenset(order.want)
    specs = registry.planned(asset.info.kind, wanted)
    if order.everything:
        return tuple(spec.capability for spec in specs)
    # A refusal is an answer; a failure is not.
    answered = {
        result.engine for result in record.results if result.state is not ResultState.FAILED
    }
    return tuple(spec.capability for spec in specs if spec.reference not in answered)


def _ready(record: AnalyzedAsset, want: tuple[str, ...]) -> bool:
    running = {
        result.capability for result in record.results if result.state is ResultState.RUNNING
    }
    return record.asset.state is AssetState.STORED and not running & set(want)
