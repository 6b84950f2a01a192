"""Runs: the jobs that are planned together for an asset, from their start to their end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from filmgate.clock import now
from filmgate.engines import registry
from filmgate.engines.spec import EngineOutput, EngineSpec
from filmgate.errors import NotFound, NothingToRun, TransientError
from filmgate.library.jobs import Job, JobState, new_id
from filmgate.library.model import Asset
from filmgate.library.ports import Runs, Workflows
from filmgate.library.results import Result, ResultState
from filmgate.media.model import MediaKind
from filmgate.pipeline import state
from filmgate.pipeline.artifacts import check_needs

_TRIES = 8
STUCK_AFTER = {"express": timedelta(minutes=10), "standard": timedelta(hours=4)}
"""Maximum duration of a job, by workflow: longer than any execution, including its waits for free
functions."""
_JOB_STATE = {
    ResultState.DONE: JobState.SUCCEEDED,
    ResultState.UNAVAILABLE: JobState.SUCCEEDED,
    ResultState.REFUSED: JobState.REFUSED,
    ResultState.FAILED: JobState.FAILED,
}


@dataclass(frozen=True, slots=True)
class Run:
    """Jobs of one asset and their results, in the same order."""

    jobs: tuple[Job, ...]
    results: tuple[Result, ...]

    @property
    def run_id(self) -> str:
        return self.jobs[0].run_id


@dataclass(frozen=True, slots=True)
class Ending:
    """The outcome of a job; `reason` is meant for the owner of the asset."""

    state: ResultState
    reason_code: str | None = None
    reason: str | None = None
    output: EngineOutput = field(default_factory=EngineOutput)


def plan(
    asset: Asset,
    stored: Iterable[Result],
    wanted: frozenset[str] | None = None,
    workflow: str | None = None,
) -> Run:
    """Plan jobs for all capabilities that accept the asset, or for the wanted ones.

    Args:
        stored: the current results of the asset.
        workflow: ``express`` or ``standard``; None to choose by the engines.

    Raises:
        ValueError: the file was never read.
        NothingToRun: no engine, or none of the wanted ones, accepts files of this kind.
        FilmgateError: an engine needs an unknown artifact.
    """
    if asset.info is None:
        raise ValueError("the file of this asset was never read")
    specs = registry.planned(asset.info.kind, wanted)
    if not specs:
        raise NothingToRun(f"no requested engine accepts {asset.info.kind.value} files")
    for spec in specs:
        check_needs(spec)
    known = {(result.capability, result.engine): result for result in stored}
    run_id = new_id()
    workflow = workflow or _workflow(asset, specs)
    pairs = [_job(asset, spec, known, run_id, workflow) for spec in specs]
    return Run(tuple(job for job, _ in pairs), tuple(result for _, result in pairs))


def _workflow(asset: Asset, specs: Sequence[EngineSpec]) -> str:
    """Choose the workflow. Express runs at most five minutes, so it needs a picture and engines
    that are fast enough."""
    quick = asset.info is not None and asset.info.kind is MediaKind.IMAGE
    return "express" if quick and all(spec.express for spec in specs) else "standard"


def _job(
    asset: Asset,
    spec: EngineSpec,
    known: dict[tuple[str, str], Result],
    run_id: str,
    workflow: str,
) -> tuple[Job, Result]:
    before = known.get((spec.capability, spec.reference))
    moment = now()
    job = Job(
        tenant=asset.tenant,
        job_id=new_id(),
        run_id=run_id,
        asset_id=asset.asset_id,
        capability=spec.capability,
        engine=spec.reference,
        state=JobState.RUNNING,
        attempt=before.attempt + 1 if before else 1,
        started_at=moment,
        workflow=workflow,
    )
    running = {"state": ResultState.RUNNING, "job_id": job.job_id, "attempt": job.attempt}
    if before:
        return job, before.changed(**running, reason_code=None, reason=None)
    result = Result(
        tenant=asset.tenant,
        asset_id=asset.asset_id,
        capability=spec.capability,
        engine=spec.reference,
        asset_created_at=asset.created_at,
        created_at=moment,
        updated_at=moment,
        **running,
    )
    return job, result


def run_state(jobs: Sequence[Job], correlation_id: str) -> state.RunState:
    """Return the input of the workflow for these jobs of one run."""
    first = jobs[0]
    work = tuple(
        state.JobState(
            tenant=job.tenant,
            asset_id=job.asset_id,
            run_id=job.run_id,
            correlation_id=correlation_id,
            job_id=job.job_id,
            capability=job.capability,
            engine=job.engine,
            runner=registry.spec_of(job.engine).runner,
        )
        for job in jobs
    )
    return state.RunState(
        tenant=first.tenant,
        asset_id=first.asset_id,
        run_id=first.run_id,
        correlation_id=correlation_id,
        work=work,
    )


def start(workflows: Workflows, jobs: Sequence[Job], correlation_id: str) -> None:
    """Start the workflow of these jobs of one run. Raises TransientError."""
    payload = run_state(jobs, correlation_id).model_dump(mode="json")
    workflows.start(jobs[0].workflow, jobs[0].run_id, payload)


def start_or_fail(
    library: Runs, workflows: Workflows, jobs: Sequence[Job], correlation_id: str
) -> None:
    """Start the workflow; if that fails, end the jobs as failed, so that they can be run again.

    Raises TransientError in that case.
    """
    try:
        start(workflows, jobs, correlation_id)
    except TransientError:
        # If the workflow did start, the results it has recorded are kept.
        reason = "Its workflow could not be started. Run it again."
        end_running(library, jobs, Ending(ResultState.FAILED, "not_started", reason))
        raise


def is_stuck(job: Job) -> bool:
    """Return whether a running job is older than any execution of its workflow can be."""
    return now() - job.started_at > STUCK_AFTER[job.workflow]


def running_jobs(library: Runs, asset: Asset) -> dict[str, list[Job]]:
    """Return the running jobs of an asset, according to its results: by run, oldest first.

    Jobs of engines that this version of Filmgate does not have are left out. Raises TransientError.
    """
    known = {spec.reference for spec in registry.specs()}
    results = library.results(asset.tenant, asset.asset_id)
    running = sorted(
        result.job_id
        for result in results
        if result.state is ResultState.RUNNING and result.engine in known
    )
    runs: dict[str, list[Job]] = {}
    for job_id in running:
        job = library.job(asset.tenant, job_id)
        runs.setdefault(job.run_id, []).append(job)
    return runs


def end_job(library: Runs, tenant: str, job_id: str, ending: Ending) -> Job:
    """Record how a job ended, with its result, and return the stored job.

    A job ends only once: a later or repeated end changes nothing. A result that belongs to a later
    job is not changed.

    Raises:
        NotFound: there is no such job.
        TransientError: storage did not answer, or other writers kept changing the records.
    """
    for _ in range(_TRIES):
        job = library.job(tenant, job_id)
        if job.state is not JobState.RUNNING:
            return job
        moment = now()
        ended = job.model_copy(
            update={
                "state": _JOB_STATE[ending.state],
                "finished_at": moment,
                "progress": None,
                "error": ending.reason if ending.state is ResultState.FAILED else None,
                "seconds": (moment - job.started_at).total_seconds(),
                "cost_usd": ending.output.cost_usd,
            }
        )
        if library.end(ended, _result(library, ended, ending)):
            return ended
    raise TransientError("other writers kept changing the job")


def _result(library: Runs, job: Job, ending: Ending) -> Result | None:
    results = library.results(job.tenant, job.asset_id)
    own = next((result for result in results if result.job_id == job.job_id), None)
    if own is None:
        return None
    output = ending.output
    output_fields = {}
    if ending.state is ResultState.DONE:
        output_fields = {
            "summary": output.summary,
            "artifacts": output.artifacts,
            "notes": output.notes,
        }
    return own.changed(
        state=ending.state,
        reason_code=ending.reason_code,
        reason=ending.reason,
        seconds=job.seconds,
        cost_usd=job.cost_usd,
        **output_fields,
    )


def end_running(library: Runs, jobs: Iterable[Job | state.JobState], ending: Ending) -> list[Job]:
    """End those of the jobs that exist and run, all with the same outcome, and return them.

    Raises TransientError.
    """
    ended = []
    for job in jobs:
        try:
            if library.job(job.tenant, job.job_id).state is JobState.RUNNING:
                ended.append(end_job(library, job.tenant, job.job_id, ending))
        except NotFound:
            continue
    return ended
