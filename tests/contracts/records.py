"""Records, and what leads to them, for tests of libraries."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from filmgate.library.jobs import Job, JobState
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


class LibraryTests:
    """The base of a contract's parts: each test has a tenant of its own."""

    @pytest.fixture
    def tenant(self) -> str:
        return f"t-{uuid.uuid4().hex[:10]}"
