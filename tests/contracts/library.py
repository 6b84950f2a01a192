"""The library port's contract. Subclass, and give a `library` fixture."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from filmgate.errors import InvalidCursor, NotFound
from filmgate.library.jobs import Job, JobState, Progress
from filmgate.library.matches import Match
from filmgate.library.model import AnalyzedAsset, Asset, AssetState, AssetStatus
from filmgate.library.ports import Library, Page
from filmgate.library.results import Result, ResultState
from filmgate.media.model import MediaInfo, MediaKind

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
INFO = MediaInfo(
    kind=MediaKind.VIDEO, format="mp4", content_type="video/mp4", width=640, height=360
)


def an_asset(tenant: str, name: str, *, minutes: float = 0.0, **changes: object) -> Asset:
    at = START + timedelta(minutes=minutes)
    asset = Asset(
        tenant=tenant,
        asset_id=name,
        path=f"holiday/{name}.mp4",
        key=f"raw/{tenant}/{name}/{name}.mp4",
        state=AssetState.WAITING,
        created_at=at,
        updated_at=at,
    )
    return asset.model_copy(update=changes)


def a_job(asset: Asset, capability: str = "dedupe", number: int = 1) -> Job:
    return Job(
        tenant=asset.tenant,
        job_id=f"{asset.asset_id}-{capability}-{number}",
        run_id=f"{asset.asset_id}-{number}",
        asset_id=asset.asset_id,
        capability=capability,
        engine=f"{capability}-engine/1.2",
        state=JobState.RUNNING,
        attempt=number,
        started_at=asset.created_at,
        workflow="standard",
    )


def a_result(asset: Asset, job: Job, stored: Sequence[Result] = (), **changes: object) -> Result:
    """What the job is after; the next state of what is stored of its engine, if anything is."""
    before = next((r for r in stored if r.engine == job.engine), None)
    result = Result(
        tenant=asset.tenant,
        asset_id=asset.asset_id,
        capability=job.capability,
        engine=job.engine,
        state=ResultState.RUNNING,
        job_id=job.job_id,
        attempt=job.attempt,
        asset_created_at=asset.created_at,
        created_at=START,
        updated_at=asset.updated_at,
        version=before.version if before else 0,
    )
    return result.model_copy(update=changes)


def a_match(tenant: str, a: str, b: str, *, score: float = 0.9, minutes: float = 0.0) -> Match:
    at = START + timedelta(minutes=minutes)
    return Match(
        tenant=tenant,
        a=a,
        b=b,
        capability="dedupe",
        label="near",
        score=score,
        probability=0.9876,
        engine="dedupe-engine/1.2",
        payload={"score": score, "weights": {"visual": 0.87}, "audio": None, "pairs": [[1, 2.5]]},
        created_at=at,
        updated_at=at,
    )


def begun(
    library: Library, asset: Asset, *capabilities: str, number: int = 1
) -> tuple[Asset, list[Job], list[Result]]:
    """The asset with its jobs and their results, as stored."""
    asset = library.create(asset)
    stored = library.results(asset.tenant, asset.asset_id)
    jobs = [a_job(asset, capability, number) for capability in capabilities or ("dedupe",)]
    results = [a_result(asset, job, stored) for job in jobs]
    asset = asset.model_copy(update={"state": AssetState.STORED, "info": INFO})
    assert library.begin(asset, jobs, results)
    return (
        library.asset(asset.tenant, asset.asset_id),
        [library.job(job.tenant, job.job_id) for job in jobs],
        library.results(asset.tenant, asset.asset_id),
    )


def ended(job: Job, **changes: object) -> Job:
    return job.model_copy(update={"state": JobState.SUCCEEDED, "finished_at": START, **changes})


def stored_as(library: Library, asset: Asset, status: AssetStatus) -> None:
    """An asset of this status, by what leads to it."""
    states = {
        AssetStatus.DONE: ResultState.DONE,
        AssetStatus.FAILED: ResultState.FAILED,
        AssetStatus.REFUSED: ResultState.REFUSED,
    }
    if status is AssetStatus.WAITING:
        library.create(asset)
        return
    if status is AssetStatus.DELETED:
        purge_at = asset.created_at + timedelta(days=30)
        library.create(asset.changed(state=AssetState.DELETED, purge_at=purge_at))
        return
    _, (job,), (result,) = begun(library, asset)
    if status in states:
        assert library.end(ended(job), result.model_copy(update={"state": states[status]}))


def every_page(
    library: Library, tenant: str, status: AssetStatus | None, limit: int
) -> Iterator[Page[AnalyzedAsset]]:
    cursor = None
    for _ in range(100):
        page = library.list_analyzed(tenant, status=status, limit=limit, cursor=cursor)
        yield page
        cursor = page.cursor
        if cursor is None:
            return
    raise AssertionError("the listing does not end")


def listed(library: Library, tenant: str, status: AssetStatus | None, limit: int = 3) -> list[str]:
    pages = every_page(library, tenant, status, limit)
    return [record.asset.asset_id for page in pages for record in page.items]


class LibraryContract:
    @pytest.fixture
    def tenant(self) -> str:
        return f"t-{uuid.uuid4().hex[:10]}"

    def test_an_asset_comes_back_as_it_was_saved(self, library: Library, tenant: str) -> None:
        asset = an_asset(tenant, "a1", info=INFO, sha256="ab" * 32, size_bytes=2**40)
        made = library.create(asset)
        assert made == asset.model_copy(update={"version": 1})
        assert library.asset(tenant, "a1") == made

    def test_create_keeps_the_first(self, library: Library, tenant: str) -> None:
        first = library.create(an_asset(tenant, "a1"))
        assert library.create(an_asset(tenant, "a1", path="other.mp4")) == first
        assert library.asset(tenant, "a1") == first

    def test_one_of_many_creates(self, library: Library, tenant: str) -> None:
        def create(number: int) -> Asset:
            return library.create(an_asset(tenant, "a1", path=f"{number}.mp4"))

        with ThreadPoolExecutor(6) as pool:
            assert len({asset.path for asset in pool.map(create, range(6))}) == 1

    def test_unknown_ids_are_not_found(self, library: Library, tenant: str) -> None:
        for call in (
            lambda: library.asset(tenant, "nope"),
            lambda: library.job(tenant, "nope"),
            lambda: library.match(tenant, "a:b"),
            lambda: library.match(tenant, "a"),
            lambda: library.match(tenant, ""),
            lambda: library.asset(tenant, ""),
            lambda: library.asset(tenant, "x" * 5000),
            lambda: library.job(tenant, "x" * 5000),
            lambda: library.job(tenant, ""),
        ):
            with pytest.raises(NotFound):
                call()
        strange = ["", "x" * 5000, "a#b"]
        assert library.assets(tenant, strange) == []
        assert library.analyzed(tenant, strange) == []
        assert [library.results(tenant, asset_id) for asset_id in strange] == [[], [], []]
        assert library.matches_of(tenant, "", limit=9, cursor=None).items == []

    def test_tenants_do_not_see_each_other(self, library: Library, tenant: str) -> None:
        other = f"{tenant}-x"
        _, (job,), _ = begun(library, an_asset(tenant, "a1"))
        library.save_match(a_match(tenant, "a1", "a2"))
        for call in (
            lambda: library.asset(other, "a1"),
            lambda: library.job(other, job.job_id),
            lambda: library.match(other, "a1:a2"),
        ):
            with pytest.raises(NotFound):
                call()
        assert library.assets(other, ["a1"]) == []
        assert library.analyzed(other, ["a1"]) == []
        assert library.results(other, "a1") == []
        assert library.matches_of(other, "a1", limit=9, cursor=None).items == []
        for status in (None, *AssetStatus):
            assert listed(library, other, status) == []
        assert library.list_jobs(other, limit=5, cursor=None).items == []
        assert library.list_matches(other, limit=5, cursor=None).items == []

    def test_assets_come_in_the_order_asked(self, library: Library, tenant: str) -> None:
        for name in ("a1", "a2", "a3"):
            library.create(an_asset(tenant, name))
        asked = ["a3", "gone", "a1", "a3"]
        found = library.assets(tenant, asked)
        assert [asset.asset_id for asset in found] == ["a3", "a1", "a3"]
        records = library.analyzed(tenant, asked)
        assert [record.asset.asset_id for record in records] == ["a3", "a1", "a3"]
        assert library.assets(tenant, []) == library.analyzed(tenant, []) == []

    def test_many_assets_at_once(self, library: Library, tenant: str) -> None:
        names = [f"a{i:03d}" for i in range(130)]
        for name in names:
            library.create(an_asset(tenant, name))
        assert [asset.asset_id for asset in library.assets(tenant, names)] == names
        records = library.analyzed(tenant, names)
        assert [record.asset.asset_id for record in records] == names

    def test_what_another_changed_is_not_replaced(self, library: Library, tenant: str) -> None:
        known = library.create(an_asset(tenant, "a1"))
        changed = library.compare_and_set(known.model_copy(update={"path": "first"}))
        assert changed is not None
        assert (changed.path, changed.version) == ("first", 2)
        assert library.compare_and_set(known.model_copy(update={"path": "second"})) is None
        assert library.asset(tenant, "a1") == changed
        again = library.compare_and_set(changed.model_copy(update={"path": "third"}))
        assert again is not None
        assert library.asset(tenant, "a1") == again

    def test_one_of_many_replaces(self, library: Library, tenant: str) -> None:
        known = library.create(an_asset(tenant, "a1"))

        def change(number: int) -> bool:
            asset = known.model_copy(update={"path": f"{number}"})
            return library.compare_and_set(asset) is not None

        with ThreadPoolExecutor(6) as pool:
            assert sorted(pool.map(change, range(6))) == [False] * 5 + [True]

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

    def test_assets_are_listed_newest_first_in_pages(self, library: Library, tenant: str) -> None:
        for i in range(7):
            library.create(an_asset(tenant, f"a{i}", minutes=i * 0.01))
        pages = list(every_page(library, tenant, None, 3))
        assert [len(page.items) for page in pages] == [3, 3, 1]
        assert listed(library, tenant, None) == [f"a{i}" for i in range(6, -1, -1)]

    def test_a_listing_brings_every_result_with_its_asset(
        self, library: Library, tenant: str
    ) -> None:
        """However the pages cut the rows."""
        for i in range(5):
            begun(library, an_asset(tenant, f"a{i}", minutes=i), *"abcdefg"[: 1 + 2 * (i % 4)])
        asked = [f"a{i}" for i in range(4, -1, -1)]
        expected = library.analyzed(tenant, asked)
        for limit in (1, 2, 3, 4, 5, 6):
            pages = every_page(library, tenant, None, limit)
            assert [record for page in pages for record in page.items] == expected

    def test_a_full_last_page_has_no_cursor(self, library: Library, tenant: str) -> None:
        for i in range(4):
            begun(library, an_asset(tenant, f"a{i}", minutes=i), "dedupe", "shots")
        for status in (None, AssetStatus.PROCESSING):
            found = [page.items for page in every_page(library, tenant, status, 8)]
            assert [len(items) for items in found] == [4]
        assert library.list_analyzed(tenant, status=None, limit=4, cursor=None).cursor is None

    @pytest.mark.parametrize("status", list(AssetStatus))
    def test_every_status_is_listed_to_its_end(
        self, library: Library, tenant: str, status: AssetStatus
    ) -> None:
        statuses = [*AssetStatus, *AssetStatus, *AssetStatus]
        for i, one in enumerate(statuses):
            stored_as(library, an_asset(tenant, f"a{i:02d}", minutes=i), one)
        expected = [f"a{i:02d}" for i, one in enumerate(statuses) if one is status]
        for limit in (1, 2, 50):
            assert listed(library, tenant, status, limit) == expected[::-1]

    def test_refused_uploads_are_listed_beside_refused_content(
        self, library: Library, tenant: str
    ) -> None:
        refusal = {"state": AssetState.REFUSED, "reason_code": "empty", "reason": "It is empty."}
        library.create(an_asset(tenant, "a1", minutes=1, **refusal))
        stored_as(library, an_asset(tenant, "a2", minutes=2), AssetStatus.REFUSED)
        stored_as(library, an_asset(tenant, "a3", minutes=3), AssetStatus.DONE)
        assert listed(library, tenant, AssetStatus.REFUSED, 1) == ["a2", "a1"]

    def test_an_asset_with_several_results_of_a_state_is_listed_once(
        self, library: Library, tenant: str
    ) -> None:
        """In whichever page, although each result has a row of its own."""
        for i in range(4):
            _, jobs, results = begun(library, an_asset(tenant, f"a{i}", minutes=i), "x", "y", "z")
            for n, (job, result) in enumerate(zip(jobs, results, strict=True)):
                state = ResultState.DONE if n == 0 else ResultState.FAILED
                at = START + timedelta(hours=n, minutes=i)
                update = {"state": state, "updated_at": at}
                assert library.end(ended(job), result.model_copy(update=update))
        for limit in (1, 2, 3, 20):
            assert listed(library, tenant, AssetStatus.FAILED, limit) == ["a3", "a2", "a1", "a0"]
            for empty in (AssetStatus.DONE, AssetStatus.PROCESSING, AssetStatus.REFUSED):
                assert listed(library, tenant, empty, limit) == []

    def test_what_runs_again_leaves_the_list_of_the_failed(
        self, library: Library, tenant: str
    ) -> None:
        stored_as(library, an_asset(tenant, "a1"), AssetStatus.FAILED)
        begun(library, an_asset(tenant, "a1"), number=2)
        assert listed(library, tenant, AssetStatus.FAILED) == []
        assert listed(library, tenant, AssetStatus.PROCESSING) == ["a1"]

    def test_jobs_are_listed_newest_first_and_not_as_assets(
        self, library: Library, tenant: str
    ) -> None:
        for i in range(5):
            begun(library, an_asset(tenant, f"a{i}", minutes=i))
        assert listed(library, tenant, None) == [f"a{i}" for i in range(4, -1, -1)]
        seen: list[str] = []
        cursor = None
        while not seen or cursor is not None:
            page = library.list_jobs(tenant, limit=2, cursor=cursor)
            seen += [job.asset_id for job in page.items]
            cursor = page.cursor
        assert seen == [f"a{i}" for i in range(4, -1, -1)]

    @pytest.mark.parametrize("cursor", ["", "x", "%%%", "bm90IGEgcG9zaXRpb24=", "é", "A" * 5000])
    def test_strange_cursors_are_refused(self, library: Library, tenant: str, cursor: str) -> None:
        for status in (None, *AssetStatus):
            with pytest.raises(InvalidCursor):
                library.list_analyzed(tenant, status=status, limit=3, cursor=cursor)
        with pytest.raises(InvalidCursor):
            library.list_jobs(tenant, limit=3, cursor=cursor)
        with pytest.raises(InvalidCursor):
            library.list_matches(tenant, limit=3, cursor=cursor)

    def test_a_match_is_found_from_both_sides(self, library: Library, tenant: str) -> None:
        match = a_match(tenant, "a1", "a2")
        library.save_match(match)
        assert library.match(tenant, "a1:a2") == match
        assert library.matches_of(tenant, "a1", limit=9, cursor=None).items == [match]
        assert library.matches_of(tenant, "a2", limit=9, cursor=None).items == [match]
        with pytest.raises(NotFound):
            library.match(tenant, "a2:a1")

    def test_a_match_keeps_its_first_time(self, library: Library, tenant: str) -> None:
        library.save_match(a_match(tenant, "a1", "a2", score=0.9))
        library.save_match(a_match(tenant, "a1", "a2", score=0.8, minutes=5))
        match = library.match(tenant, "a1:a2")
        assert match.payload == a_match(tenant, "a1", "a2", score=0.8).payload
        assert match.created_at == START
        assert match.updated_at == START + timedelta(minutes=5)
        assert match.score == 0.8
        assert len(library.matches_of(tenant, "a2", limit=9, cursor=None).items) == 1
        assert len(library.list_matches(tenant, limit=5, cursor=None).items) == 1

    def test_matches_of_an_asset_come_page_by_page(self, library: Library, tenant: str) -> None:
        for other in ("a2", "a1", "a5", "a4", "a6"):
            library.save_match(a_match(tenant, *sorted(("a3", other))))
        library.save_match(a_match(tenant, "a1", "a2"))
        found: list[list[str]] = []
        cursor = None
        while cursor is not None or not found:
            page = library.matches_of(tenant, "a3", limit=2, cursor=cursor)
            found.append([match.match_id for match in page.items])
            cursor = page.cursor
        assert found == [["a1:a3", "a2:a3"], ["a3:a4", "a3:a5"], ["a3:a6"]]
        library.withdraw_match(tenant, "a3:a4", START)
        page = library.matches_of(tenant, "a3", limit=4, cursor="a2")
        assert [match.b for match in page.items] == ["a5", "a6"]
        assert (page.cursor, page.left_out) == (None, 1)
        page = library.matches_of(tenant, "a3", limit=1, cursor="a2")
        assert (page.items, page.cursor, page.left_out) == ([], "a4", 1)
        page = library.matches_of(tenant, "a3", limit=1, cursor="a4")
        assert ([match.b for match in page.items], page.left_out) == (["a5"], 0)

    def test_matches_are_read_by_their_ids(self, library: Library, tenant: str) -> None:
        for other in ("a2", "a3", "a4"):
            library.save_match(a_match(tenant, "a1", other))
        library.withdraw_match(tenant, "a1:a3", START)
        asked = ["a1:a4", "a1:a3", "a2:a1", "a1:a9", "", "a1:", "a1:a2"]
        assert [match.b for match in library.matches(tenant, asked)] == ["a4", "a2"]
        assert library.matches(f"{tenant}-x", asked) == []

    def test_matches_are_listed_once_newest_first(self, library: Library, tenant: str) -> None:
        for i in range(5):
            library.save_match(a_match(tenant, "a1", f"b{i}", minutes=i))
        first = library.list_matches(tenant, limit=3, cursor=None)
        rest = library.list_matches(tenant, limit=3, cursor=first.cursor)
        assert [match.b for match in [*first.items, *rest.items]] == ["b4", "b3", "b2", "b1", "b0"]
        assert rest.cursor is None

    def test_a_withdrawn_match_is_found_nowhere(self, library: Library, tenant: str) -> None:
        for b in ("b1", "b2"):
            library.save_match(a_match(tenant, "a1", b))
        for _ in range(2):
            library.withdraw_match(tenant, "a1:b1", START + timedelta(minutes=1))
        with pytest.raises(NotFound):
            library.match(tenant, "a1:b1")
        assert library.matches_of(tenant, "b1", limit=9, cursor=None).items == []
        assert [
            match.b for match in library.matches_of(tenant, "a1", limit=9, cursor=None).items
        ] == ["b2"]
        page = library.list_matches(tenant, limit=5, cursor=None)
        assert [match.b for match in page.items] == ["b2"]

    def test_a_withdrawn_match_may_come_back(self, library: Library, tenant: str) -> None:
        library.save_match(a_match(tenant, "a1", "b1"))
        library.withdraw_match(tenant, "a1:b1", START + timedelta(minutes=1))
        library.save_match(a_match(tenant, "a1", "b1", score=0.8, minutes=2))
        match = library.match(tenant, "a1:b1")
        assert (match.score, match.created_at) == (0.8, START)
        assert library.matches_of(tenant, "b1", limit=9, cursor=None).items == [match]
        assert library.list_matches(tenant, limit=5, cursor=None).items == [match]

    def test_withdrawing_what_was_never_stored_stores_nothing(
        self, library: Library, tenant: str
    ) -> None:
        library.withdraw_match(tenant, "a1:b1", START)
        assert library.matches_of(tenant, "a1", limit=9, cursor=None).items == []
        library.save_match(a_match(tenant, "a1", "b1", minutes=1))
        assert library.match(tenant, "a1:b1").created_at == START + timedelta(minutes=1)

    def test_both_sides_may_write_a_match_at_once(self, library: Library, tenant: str) -> None:
        def write(_: int) -> None:
            for other in ("a2", "a3", "a4"):
                library.save_match(a_match(tenant, "a1", other))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, range(4)))
        assert len(library.matches_of(tenant, "a1", limit=9, cursor=None).items) == 3
