"""What a library promises of runs: jobs and the results they are after."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from filmgate.errors import NotFound
from filmgate.library.jobs import JobState, Progress
from filmgate.library.model import AssetState, AssetStatus
from filmgate.library.ports import Library
from filmgate.library.results import ResultState
from tests.contracts.records import (
    LibraryTests,
    a_job,
    a_result,
    an_asset,
    begun,
    ended,
)


class RunContract(LibraryTests):
    def test_a_run_begins_with_its_jobs_and_results(self, library: Library, tenant: str) -> None:
        asset, jobs, results = begun(library, an_asset(tenant, "a1"), "dedupe", "shots")
        assert (asset.state, asset.version) == (AssetState.STORED, 2)
        assert [job.version for job in jobs] == [result.version for result in results] == [1, 1]
        assert [job.capability for job in jobs] == ["dedupe", "shots"]
        assert [(r.capability, r.job_id) for r in results] == [
            ("dedupe", "a1-dedupe-1"),
            ("shots", "a1-shots-1"),
        ]
        (record,) = library.analyzed(tenant, ["a1"])
        assert (record.asset, list(record.results)) == (asset, results)
        assert record.status is AssetStatus.PROCESSING

    def test_a_run_begins_once(self, library: Library, tenant: str) -> None:
        asset, (job,), (result,) = begun(library, an_asset(tenant, "a1"))
        same = a_job(asset)
        assert not library.begin(asset, [same], [a_result(asset, same, [result])])
        other = a_job(asset, number=2)
        assert not library.begin(asset, [other], [a_result(asset, other)]), "an outdated result"
        first = an_asset(tenant, "a1")
        assert not library.begin(first, [other], [a_result(first, other, [result])])
        assert library.asset(tenant, "a1") == asset
        assert library.results(tenant, "a1") == [result]
        assert library.job(tenant, job.job_id) == job
        with pytest.raises(NotFound):
            library.job(tenant, other.job_id)
        assert library.begin(asset, [other], [a_result(asset, other, [result])])
        assert library.results(tenant, "a1")[0].version == 2

    def test_one_of_many_begins_a_run(self, library: Library, tenant: str) -> None:
        known = library.create(an_asset(tenant, "a1"))

        def begin(number: int) -> bool:
            job = a_job(known, number=number)
            return library.begin(known, [job], [a_result(known, job)])

        with ThreadPoolExecutor(6) as pool:
            assert sorted(pool.map(begin, range(6))) == [False] * 5 + [True]
        assert len(library.list_jobs(tenant, limit=9, cursor=None).items) == 1

    def test_forty_jobs_begin_at_once(self, library: Library, tenant: str) -> None:
        names = [f"capability-{number:02d}" for number in range(40)]
        _, jobs, results = begun(library, an_asset(tenant, "a1"), *names)
        assert [result.capability for result in results] == names
        assert len({job.job_id for job in jobs}) == 40

    def test_progress_is_recorded_while_a_job_runs(self, library: Library, tenant: str) -> None:
        asset, (job,), (result,) = begun(library, an_asset(tenant, "a1"))
        for share in (0.25, 0.5):
            library.report_progress(tenant, job.job_id, Progress(step="compare", share=share))
        running = library.job(tenant, job.job_id)
        assert running.progress == Progress(step="compare", share=0.5)
        assert running.version > job.version
        assert not library.end(ended(job), result), "the job was read before its progress"
        assert library.end(ended(running, progress=None), result)
        library.report_progress(tenant, job.job_id, Progress(step="late", share=0.9))
        assert library.job(tenant, job.job_id).progress is None
        library.report_progress(tenant, "gone", Progress(step="late", share=0.9))
        with pytest.raises(NotFound):
            library.job(tenant, "gone")
        assert library.asset(tenant, "a1") == asset

    def test_a_job_ends_once(self, library: Library, tenant: str) -> None:
        asset, (job, other), (result, beside) = begun(
            library, an_asset(tenant, "a1"), "dedupe", "shots"
        )
        succeeded = ended(job, seconds=1.5, cost_usd=0.002)
        done = result.model_copy(
            update={
                "state": ResultState.DONE,
                "notes": ("The file ends early.",),
                "summary": {"matches": 3, "words": ["a", None], "share": 0.25},
                "artifacts": {"tiles.jpg": "artifacts/t/tiles.jpg"},
                "seconds": 1.5,
            }
        )
        assert library.end(succeeded, done)
        failed = job.model_copy(update={"state": JobState.FAILED})
        assert not library.end(failed, result.model_copy(update={"state": ResultState.FAILED}))
        assert not library.end(failed, None)
        stored = library.job(tenant, job.job_id)
        assert stored == succeeded.model_copy(update={"version": 2})
        assert not library.end(stored.model_copy(update={"state": JobState.FAILED}), None), (
            "an end stands, also for one who has read it"
        )
        assert library.results(tenant, "a1") == [
            done.model_copy(update={"version": 2}),
            beside,
        ]
        assert library.job(tenant, other.job_id) == other
        assert library.asset(tenant, "a1") == asset

    def test_one_of_many_ends_a_job(self, library: Library, tenant: str) -> None:
        _, (job,), (result,) = begun(library, an_asset(tenant, "a1"))

        def end(number: int) -> bool:
            return library.end(
                ended(job, error=f"{number}"), result.changed(state=ResultState.DONE)
            )

        with ThreadPoolExecutor(6) as pool:
            assert sorted(pool.map(end, range(6))) == [False] * 5 + [True]

    def test_a_job_that_never_began_does_not_end(self, library: Library, tenant: str) -> None:
        job = a_job(an_asset(tenant, "a1"))
        assert not library.end(ended(job), None)
        with pytest.raises(NotFound):
            library.job(tenant, job.job_id)

    def test_a_job_ends_without_a_result(self, library: Library, tenant: str) -> None:
        asset, (job,), results = begun(library, an_asset(tenant, "a1"))
        later = a_job(asset, number=2)
        assert library.begin(asset, [later], [a_result(asset, later, results)])
        owned = library.results(tenant, "a1")
        assert not library.end(ended(job), results[0]), "another job owns the result by now"
        assert library.end(ended(job), None)
        assert library.results(tenant, "a1") == owned
        assert library.job(tenant, later.job_id).state is JobState.RUNNING

    def test_another_version_of_an_engine_has_a_result_of_its_own(
        self, library: Library, tenant: str
    ) -> None:
        asset, (job,), (result,) = begun(library, an_asset(tenant, "a1"))
        assert library.end(ended(job), result.model_copy(update={"state": ResultState.DONE}))
        newer = a_job(asset, number=2).model_copy(update={"engine": "dedupe-engine/1.3"})
        assert library.begin(asset, [newer], [a_result(asset, newer)])
        (record,) = library.analyzed(tenant, ["a1"])
        assert [r.engine for r in record.results] == ["dedupe-engine/1.2", "dedupe-engine/1.3"]
        assert [r.engine for r in record.current] == ["dedupe-engine/1.3"]
        assert record.status is AssetStatus.PROCESSING
