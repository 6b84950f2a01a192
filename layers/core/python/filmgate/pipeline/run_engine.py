"""Run one engine on one asset and record what it found: the same for every capability."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from filmgate.engines.spec import Engine, EngineInput, EngineOutput
from filmgate.errors import EngineUnavailable, FilmgateError, MediaRefused, NotFound
from filmgate.library import jobs
from filmgate.library.jobs import Job, Progress
from filmgate.library.model import GONE, Asset, AssetState
from filmgate.library.ports import AssetRuns, ObjectStore
from filmgate.library.results import ResultState
from filmgate.pipeline.artifacts import FINDINGS, address
from filmgate.pipeline.runs import Ending, end_job
from filmgate.pipeline.state import JobState


@dataclass(frozen=True, slots=True)
class EngineDeps:
    """Dependencies of `run_engine`."""

    library: AssetRuns
    objects: ObjectStore


def run_engine(
    deps: EngineDeps, engine: Engine, state: JobState, remaining_s: Callable[[], float]
) -> Job:
    """Run the engine of a job; its findings become one immutable artifact, its result and the end
    of the job are stored together. The job as it is then; one that has ended is not run.

    Args:
        remaining_s: seconds until this process is stopped.

    Raises:
        FilmgateError: the job is for another engine.
        NotFound: the job, the asset or an artifact is gone.
        TransientError: something outside did not answer; the job goes on when called again.
    """
    if engine.spec.reference != state.engine:
        raise FilmgateError(f"the job is for {state.engine}, not for {engine.spec.reference}")
    job = deps.library.job(state.tenant, state.job_id)
    if job.state is not jobs.JobState.RUNNING:
        return job
    asset = deps.library.asset(state.tenant, state.asset_id)
    progress = Progress(step=state.capability, share=0.5)
    deps.library.report_progress(state.tenant, state.job_id, progress)

    def read(name: str) -> bytes:
        if name not in state.artifacts:
            raise NotFound(f"{name} was not derived: {state.engine} does not declare that need")
        return deps.objects.get("artifacts", state.artifacts[name])

    given = EngineInput(asset, state.job_id, state.artifacts, read, remaining_s)
    try:
        if asset.state is AssetState.DELETED:
            raise MediaRefused(GONE, "The asset was deleted before the engine ran.")
        output = _stored(deps, state, asset, engine.run(given))
        ending = Ending(ResultState.DONE, output=output)
    except MediaRefused as refusal:
        ending = Ending(ResultState.REFUSED, refusal.code, refusal.reason)
    except EngineUnavailable as error:
        ending = Ending(ResultState.UNAVAILABLE, "unavailable", str(error))
    return end_job(deps.library, state.tenant, state.job_id, ending)


def _stored(deps: EngineDeps, state: JobState, asset: Asset, output: EngineOutput) -> EngineOutput:
    """Store the findings of an output, if any, as an artifact."""
    if not output.findings:
        return output
    key = address(state.tenant, str(asset.sha256), state.capability, state.engine, FINDINGS)
    body = json.dumps([finding.model_dump(mode="json") for finding in output.findings]).encode()
    deps.objects.put("artifacts", key, body, "application/json")
    return output.model_copy(update={"artifacts": output.artifacts | {FINDINGS: key}})
