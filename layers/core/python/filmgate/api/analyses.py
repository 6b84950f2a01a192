"""Run capabilities on a stored asset, for the first time or again."""

from __future__ import annotations

from collections.abc import Iterable

from filmgate.api.services import Services
from filmgate.clock import now
from filmgate.engines import registry
from filmgate.errors import Conflict, NothingToRun
from filmgate.library.jobs import Job
from filmgate.library.model import AssetState
from filmgate.library.ports import Library
from filmgate.library.results import Result, ResultState
from filmgate.pipeline.runs import STUCK_AFTER, Run, plan, start_or_fail

_TRIES = 5


def analyze(
    services: Services,
    tenant: str,
    asset_id: str,
    wanted: frozenset[str] | None,
    correlation_id: str,
) -> list[Job]:
    """Start jobs for the capabilities, or for all that accept the asset.

    Raises:
        NotFound: the tenant has no such asset.
        NothingToRun: one of the capabilities does not exist, or none accepts files of this kind.
        Conflict: its file is not stored, one of the capabilities is running, or other
            writers kept changing the asset.
        TransientError: the workflow could not be started; the jobs are FAILED, to be run again.
    """
    known = {spec.capability for spec in registry.specs()}
    if wanted is not None and (unknown := sorted(wanted - known)):
        raise NothingToRun(f"there is no capability {', '.join(unknown)}")
    run = _begun(services.library, tenant, asset_id, wanted)
    start_or_fail(services.library, services.workflows, run.jobs, correlation_id)
    return list(run.jobs)


def _begun(library: Library, tenant: str, asset_id: str, wanted: frozenset[str] | None) -> Run:
    """Begin a run. If another run of the asset begins at the same time, read it again."""
    for _ in range(_TRIES):
        asset = library.asset(tenant, asset_id)
        if asset.state is not AssetState.STORED:
            raise Conflict("Its file is not stored, so there is nothing to run on.")
        results = library.results(tenant, asset_id)
        if running := sorted(_running(results, wanted)):
            raise Conflict(f"It is already running: {', '.join(running)}.")
        run = plan(asset, results, wanted)
        if library.begin(asset.changed(), run.jobs, run.results):
            return run
    raise Conflict("Other writers kept changing the asset. Try again.")


def _running(results: Iterable[Result], wanted: frozenset[str] | None) -> set[str]:
    """Return the wanted capabilities with a job that is not stuck."""
    return {
        result.capability
        for result in results
        if result.state is ResultState.RUNNING
        and (wanted is None or result.capability in wanted)
        and now() - result.updated_at <= STUCK_AFTER["standard"]
    }
