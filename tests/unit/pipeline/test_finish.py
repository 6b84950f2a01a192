"""How jobs end that the workflow cannot carry on with, and that an end stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from filmgate.dedupe.engine import SPEC
from filmgate.dedupe.fingerprint import engine
from filmgate.engines import registry
from filmgate.engines.spec import EngineInput, EngineOutput, EngineSpec
from filmgate.errors import EngineUnavailable, FilmgateError, NotFound, TransientError
from filmgate.library.jobs import JobState, Progress
from filmgate.library.model import AssetStatus
from filmgate.library.results import ResultState
from filmgate.pipeline.runs import Ending, end_job
from filmgate.pipeline.state import Failure
from tests.unit.pipeline.flow import TENANT, Flow, picture

SHOTS = EngineSpec(capability="shots", name="shots", version="1")


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(tmp_path)


@pytest.fixture
def shots(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a second capability, which needs nothing."""
    monkeypatch.setattr(registry, "specs", lambda: (SPEC, SHOTS))


@pytest.mark.parametrize(
    ("failure", "code", "words"),
    [
        (Failure(name="States.Timeout"), "timed_out", "longer"),
        (
            Failure(name="TransientError", cause='{"errorMessage": "S3 did not answer"}'),
            "failed",
            "TransientError: S3 did not answer",
        ),
        (Failure(name="NotFound", cause="not json"), "failed", "NotFound: not json"),
        (Failure(name="NotFound", cause="[1]"), "failed", "NotFound: [1]"),
        (Failure(name="UpdateError", cause="role x may not"), "failed", "failed (UpdateError)."),
        (Failure(name="NotFound", cause="x" * 9999), "failed", "NotFound"),
    ],
)
def test_a_fault_is_recorded_in_plain_words(
    flow: Flow, failure: Failure, code: str, words: str
) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    (job,) = flow.fail(flow.state(asset).work, failure)
    failed = flow.record(asset)
    assert (failed.status, failed.reason_code) == (AssetStatus.FAILED, code)
    assert failed.reason is not None
    assert words in failed.reason
    assert len(failed.reason) < 500
    assert (job.state, job.error) == (JobState.FAILED, failed.reason)
    assert flow.job(asset) == job.model_copy(update={"version": 2})


@pytest.mark.usefixtures("shots")
def test_only_jobs_that_still_run_are_ended(flow: Flow) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    work = flow.derive(flow.state(asset)).work
    dedupe = next(job for job in work if job.capability == "dedupe")
    flow.run_job(dedupe)
    done = flow.result(asset)
    gone = dedupe.model_copy(update={"job_id": "gone"})
    (ended,) = flow.fail([gone, *work])
    assert (ended.capability, ended.state) == ("shots", JobState.FAILED)
    assert flow.result(asset) == done
    assert flow.record(asset).status is AssetStatus.FAILED
    assert flow.fail(work) == []


def test_an_old_run_does_not_end_a_later_one(flow: Flow) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    old = flow.state(asset)
    flow.again(asset)
    (ended,) = flow.fail(old.work)
    assert (ended.attempt, ended.state) == (1, JobState.FAILED)
    assert flow.record(asset).status is AssetStatus.PROCESSING
    assert flow.run(asset).status is AssetStatus.DONE


def test_a_job_of_an_older_engine_that_ends_late_is_not_the_current_result(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "specs", lambda: (SHOTS,))
    asset, _ = flow.upload("a.jpg", picture(1))
    (old,) = flow.state(asset).work
    newer = SHOTS.model_copy(update={"version": "2"})
    monkeypatch.setattr(registry, "specs", lambda: (newer,))
    (new,) = flow.again(asset).work
    end_job(flow.library, TENANT, new.job_id, Ending(ResultState.DONE))
    flow.fail([old])
    assert flow.record(asset).status is AssetStatus.DONE
    assert flow.result(asset, "shots").engine == "shots/2"


def test_a_failure_that_comes_late_does_not_undo_the_end(flow: Flow) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    done = flow.run(asset)
    assert done.status is AssetStatus.DONE
    assert flow.fail(flow.state(asset).work) == []
    assert flow.record(asset) == done
    assert flow.job(asset).state is JobState.SUCCEEDED


def test_a_job_that_ended_while_its_file_was_decoded_stays_ended(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    state = flow.state(asset)
    whole = engine.fingerprint

    def slow(*given: Any, **named: Any) -> Any:
        flow.fail(state.work)
        return whole(*given, **named)

    monkeypatch.setattr(engine, "fingerprint", slow)
    (job,) = flow.derive(state).work
    assert flow.run_job(job).state is JobState.FAILED
    assert flow.record(asset).status is AssetStatus.FAILED


def test_an_end_that_meets_another_writer_reads_again(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job's progress comes between the read and the write of its end."""
    asset, _ = flow.upload("a.jpg", picture(1))
    (job,) = flow.state(asset).work
    read = flow.library.job

    def meanwhile(tenant: str, job_id: str) -> Any:
        monkeypatch.setattr(flow.library, "job", read)
        known = read(tenant, job_id)
        flow.library.report_progress(tenant, job_id, Progress(step="late", share=0.9))
        return known

    monkeypatch.setattr(flow.library, "job", meanwhile)
    ended = end_job(flow.library, TENANT, job.job_id, Ending(ResultState.DONE))
    assert (ended.state, ended.progress) == (JobState.SUCCEEDED, None)
    assert flow.record(asset).status is AssetStatus.DONE


def test_an_end_that_never_gets_through_is_tried_later(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    monkeypatch.setattr(flow.library, "end", lambda *_: False)
    with pytest.raises(TransientError):
        flow.fail(flow.state(asset).work)
    with pytest.raises(NotFound):
        end_job(flow.library, TENANT, "gone", Ending(ResultState.DONE))


class Moody:
    """An engine that raises what it is given."""

    spec = SHOTS

    def __init__(self, error: Exception) -> None:
        self._error = error

    def run(self, given: EngineInput) -> EngineOutput:
        raise self._error


@pytest.mark.usefixtures("shots")
def test_an_engine_that_cannot_run_here_says_so(flow: Flow) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    job = next(job for job in flow.state(asset).work if job.capability == "shots")
    ended = flow.run_job(job, Moody(EngineUnavailable("its weights are not installed")))
    assert (ended.state, ended.error) == (JobState.SUCCEEDED, None)
    result = flow.result(asset, "shots")
    assert (result.state, result.reason_code, result.reason) == (
        ResultState.UNAVAILABLE,
        "unavailable",
        "its weights are not installed",
    )


@pytest.mark.usefixtures("shots")
def test_a_fault_of_an_engine_leaves_its_job_to_the_workflow(flow: Flow) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    job = next(job for job in flow.state(asset).work if job.capability == "shots")
    for error in (TransientError("S3 did not answer"), ZeroDivisionError()):
        with pytest.raises(type(error)):
            flow.run_job(job, Moody(error))
        assert flow.job(asset, "shots").state is JobState.RUNNING
    wrong = Moody(ZeroDivisionError())
    wrong.spec = SPEC
    with pytest.raises(FilmgateError, match="not for filmgate-dedupe"):
        flow.run_job(job, wrong)


@pytest.mark.usefixtures("shots")
def test_one_capability_that_fails_leaves_the_other(flow: Flow) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    work = {job.capability: job for job in flow.derive(flow.state(asset)).work}
    flow.fail([work["shots"]])
    flow.run_job(work["dedupe"])
    record = flow.record(asset)
    assert [result.state for result in record.current] == [ResultState.DONE, ResultState.FAILED]
    assert (record.status, record.reason_code) == (AssetStatus.FAILED, "timed_out")
    kept = flow.result(asset)
    (again,) = flow.again(asset, "shots").work
    assert again.capability == "shots"
    assert flow.record(asset).status is AssetStatus.PROCESSING
    end_job(flow.library, TENANT, again.job_id, Ending(ResultState.DONE))
    assert flow.record(asset).status is AssetStatus.DONE
    assert flow.result(asset) == kept
