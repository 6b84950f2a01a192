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
    """Start jobs for the capabilities, or for all that suit the asset.

    Raises:
        NotFound: the tenant has no such asset.
        NothingToRun: one of the capabilities does not exist, or none takes files of this kind.
        Conflict: its file is not stored, one of the capabilities is running, or others changed the
            asset again and again.
        TransientError: the workflow could not be started; the jobs are FAILED, to be run again.
    """
    known = {spec.capability for spec in registry.specs()}
    if wanted is not None and (unknown := sorted(wanted - known)):
        raise NothingToRun(f"there is no capability {', '.join(unknown)}")
    run = _begun(services.library, tenant, asset_id, wanted)
    start_or_fail(services.library, services.workflows, run.jobs, correlation_id)
    return list(run.jobs)


def _begun(library: Library, tenant: str, asset_id: str, wanted: frozenset[str] | None) -> Run:
    """Others may begin other capabilities of the same asset meanwhile: then it is read again."""
    for _ in range(_TRIES):
        asset = library.asset(tenant, asset_id)
        if asset.state is not AssetState.STORED:
            raise Conflict("Its file is not stored, so there is nothing to run on.")
        results = library.results(tenant, asset_id)
        if running := sorted(_running(results, wanted)):
            raise Conflict(f"It is being run already: {', '.join(running)}.")
        run = plan(asset, results, wanted)
        if library.begin(asset.changed(), run.jobs, run.results):
            return run
    raise Conflict("It was changed by others again and again.")


def _running(results: Iterable[Result], wanted: frozenset[str] | None) -> set[str]:
    """Wanted capabilities with a job that may still end by itself."""
    return {
        result.capability
        for result in results
        if result.state is ResultState.RUNNING
        and (wanted is None or result.capability in wanted)
        and now() - result.updated_at <= STUCK_AFTER["standard"]
    }
