"""Run capabilities on a stored asset, for the first time or again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from filmgate.api.services import Services
from filmgate.clock import now
from filmgate.engines import registry
from filmgate.errors import Conflict, NothingToRun, TransientError
from filmgate.library.jobs import Job
from filmgate.library.model import AssetState
from filmgate.library.ports import Library
from filmgate.library.results import Result, ResultState
from filmgate.pipeline.runs import Ending, Run, end_running, plan, start

_TRIES = 5
STUCK_AFTER = timedelta(hours=4)
"""Longer than any workflow lives, its waits for free functions included."""


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
    try:
        start(services.workflows, run.jobs, correlation_id)
    except TransientError:
        # What the workflow did of it, if it started all the same, stands.
        reason = "Its workflow could not be started. Run it again."
        ending = Ending(ResultState.FAILED, "not_started", reason)
        end_running(services.library, run.jobs, ending)
        raise
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
        and now() - result.updated_at <= STUCK_AFTER
    }
