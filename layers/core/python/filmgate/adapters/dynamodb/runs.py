"""Jobs and results in DynamoDB, in the table of the assets.

A result lies under its asset (``RESULT#capability#engine``), so one query reads an asset with
everything that is known of it. A job lies under its own id. In the listing, results follow their
asset, so a page of assets takes one query too.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from pynamodb.attributes import (
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    VersionAttribute,
)
from pynamodb.exceptions import UpdateError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from filmgate.adapters.dynamodb.assets import (
    ASSET,
    DynamoAssets,
    OwnerRow,
    asset_row,
    owners_pk,
)
from filmgate.adapters.dynamodb.errors import refused, transient
from filmgate.adapters.dynamodb.rows import (
    BY_STATE,
    LISTING,
    Row,
    StatefulRow,
    TableKey,
    cursor_of,
    expected,
    instant,
    pk,
    position,
    possible,
    start_key,
    transact,
)
from filmgate.adapters.dynamodb.tables import connection, in_table
from filmgate.errors import NotFound
from filmgate.library.jobs import Job, JobState, Progress
from filmgate.library.model import AnalyzedAsset, Asset, AssetState, AssetStatus
from filmgate.library.ports import Page
from filmgate.library.results import Result, ResultState

_JOB = "JOB"
_RESULT = "RESULT#"
_READERS = 8
"""Assets that are read at the same time."""
_STATES = {
    AssetStatus.WAITING: "waiting",
    AssetStatus.PROCESSING: ResultState.RUNNING.value,
    AssetStatus.REFUSED: ResultState.REFUSED.value,
    AssetStatus.FAILED: ResultState.FAILED.value,
    AssetStatus.DELETED: "deleted",
}
"""What the rows of an asset with this status are listed under; DONE is most of a library and
is found by looking through it."""


class _JobRow(Row):
    tenant = UnicodeAttribute()
    job_id = UnicodeAttribute()
    run_id = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    capability = UnicodeAttribute()
    engine = UnicodeAttribute()
    state = UnicodeAttribute()
    attempt = NumberAttribute()
    workflow = UnicodeAttribute()
    started_at = UnicodeAttribute()
    finished_at = UnicodeAttribute(null=True)
    progress = JSONAttribute(null=True)
    external_call = UnicodeAttribute(null=True)
    error = UnicodeAttribute(null=True)
    seconds = NumberAttribute(null=True)
    cost_usd = NumberAttribute(null=True)
    version = VersionAttribute()

    def record(self) -> Job:
        """The job in this row."""
        return Job.model_validate(_values(self, Job.model_fields))


class ResultRow(StatefulRow):
    """A result, under its asset."""

    tenant = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    capability = UnicodeAttribute()
    engine = UnicodeAttribute()
    state = UnicodeAttribute()
    job_id = UnicodeAttribute()
    attempt = NumberAttribute()
    asset_created_at = UnicodeAttribute()
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()
    reason_code = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    notes = JSONAttribute()
    summary = JSONAttribute()
    artifacts = JSONAttribute()
    seconds = NumberAttribute(null=True)
    cost_usd = NumberAttribute(null=True)
    version = VersionAttribute()

    def record(self) -> Result:
        """The result in this row."""
        return Result.model_validate(_values(self, Result.model_fields))


def _values(row: Row, fields: dict[str, Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in fields}


def _attributes(record: Job | Result) -> dict[str, Any]:
    """Values as attributes hold them: times as text that sorts."""
    values = record.model_dump(mode="json", exclude={"version"})
    for name, value in record:
        if isinstance(value, datetime):
            values[name] = instant(value)
    return values | expected(record.version)


class DynamoAssetRuns(DynamoAssets):
    """`filmgate.library.ports.AssetRuns`. Every method may raise TransientError."""

    def __init__(self, assets_table: str) -> None:
        super().__init__(assets_table)
        self._jobs = in_table(_JobRow, assets_table)
        self._results = in_table(ResultRow, assets_table)
        self._owners = in_table(OwnerRow, assets_table)
        self._rows = in_table(StatefulRow, assets_table)
        self._connection = connection()

    def begin(self, asset: Asset, jobs: Sequence[Job], results: Sequence[Result]) -> bool:
        """Store new jobs, their results and the asset in one step; False if one was changed."""

        def write(transaction: TransactWrite) -> None:
            transaction.save(asset_row(self._assets, asset))
            if asset.sha256 is not None:
                content = owners_pk(asset.tenant, asset.sha256)
                transaction.save(self._owners(content, asset.asset_id))
            for job in jobs:
                transaction.save(self._job_row(job))
            for result in results:
                transaction.save(self._result_row(result))

        with transient("a run"):
            return transact(self._connection, write)

    def report_progress(self, tenant: str, job_id: str, progress: Progress) -> None:
        """Nothing if the job has ended or does not exist."""
        running = self._jobs.state == JobState.RUNNING.value
        # An update counts the version up, whatever it is, so an `end` that read the job before
        # reads it again. The 1 only says that there is one.
        row = self._jobs(_job_pk(tenant, job_id), _JOB, version=1)
        changes: list[Action] = [self._jobs.progress.set(progress.model_dump())]
        with transient("the progress of a job"):
            try:
                row.update(changes, condition=running, add_version_condition=False)
            except UpdateError as error:
                if not refused(error):
                    raise

    def end(self, job: Job, result: Result | None) -> bool:
        """Store the end of a job with its result; False if one was changed meanwhile."""
        running = self._jobs.state == JobState.RUNNING.value

        def write(transaction: TransactWrite) -> None:
            transaction.save(self._job_row(job), condition=running)
            if result is not None:
                transaction.save(self._result_row(result))

        with transient("the end of a job"):
            return transact(self._connection, write)

    def job(self, tenant: str, job_id: str) -> Job:
        """Strongly consistent. Raises NotFound."""
        if not possible(job_id):
            raise NotFound(f"no job {job_id}")
        with transient("a job"):
            try:
                row = self._jobs.get(_job_pk(tenant, job_id), _JOB, consistent_read=True)
            except self._jobs.DoesNotExist:
                raise NotFound(f"no job {job_id}") from None
        return row.record()

    def list_jobs(self, tenant: str, *, limit: int, cursor: str | None) -> Page[Job]:
        """Newest first. Raises InvalidCursor."""
        hash_key = pk(tenant, "jobs")
        with transient("the list of jobs"):
            rows = list(
                self._jobs.query(
                    hash_key,
                    index_name=LISTING,
                    scan_index_forward=False,
                    limit=limit + 1,
                    last_evaluated_key=start_key(LISTING, hash_key, cursor, _job_key(tenant)),
                )
            )
        more = len(rows) > limit
        return Page(
            items=[row.record() for row in rows[:limit]],
            cursor=cursor_of(str(rows[limit - 1].listing_sk)) if more else None,
        )

    def results(self, tenant: str, asset_id: str) -> list[Result]:
        """Strongly consistent; empty for an unknown asset."""
        if not possible(asset_id):
            return []
        with transient("results"):
            rows = self._results.query(
                pk(tenant, asset_id), self._results.sk.startswith(_RESULT), consistent_read=True
            )
            return [row.record() for row in rows]

    def analyzed(self, tenant: str, ids: Sequence[str]) -> list[AnalyzedAsset]:
        """Those that exist, with their results, in the order asked. Strongly consistent."""

        def read(asset_id: str) -> AnalyzedAsset | None:
            items = self._items(pk(tenant, asset_id))
            return next(iter(self._assembled(items)), None)

        wanted = [asset_id for asset_id in dict.fromkeys(ids) if possible(asset_id)]
        with transient("assets"), ThreadPoolExecutor(_READERS) as pool:
            found = dict(zip(wanted, pool.map(read, wanted), strict=True))
        records = (found.get(asset_id) for asset_id in ids)
        return [record for record in records if record is not None]

    def list_analyzed(
        self, tenant: str, *, status: AssetStatus | None, limit: int, cursor: str | None
    ) -> Page[AnalyzedAsset]:
        """Newest first. Raises InvalidCursor."""
        if status in _STATES:
            return self._in_state(tenant, status, limit, cursor)
        with transient("the list of assets"):
            page = self._newest(tenant, limit, cursor)
        if status is None:
            return page
        kept = [record for record in page.items if record.status is status]
        return Page(items=kept, cursor=page.cursor)

    def _newest(self, tenant: str, limit: int, cursor: str | None) -> Page[AnalyzedAsset]:
        hash_key = pk(tenant, "assets")
        reads = self._rows.query(
            hash_key,
            index_name=LISTING,
            scan_index_forward=False,
            page_size=2 * (limit + 1),
            last_evaluated_key=start_key(LISTING, hash_key, cursor, _row_key(tenant)),
        ).page_iter
        items: list[dict[str, Any]] = []
        assets = 0
        for read in reads:
            items += read["Items"]
            assets += sum(item["sk"]["S"] == ASSET for item in read["Items"])
            if assets > limit:
                break
        # Newest first, so an asset's row ends the group of its results.
        ends = [at for at, item in enumerate(items) if item["sk"]["S"] == ASSET][: limit + 1]
        more = len(ends) > limit
        last = ends[limit - 1] if more else len(items) - 1
        return Page(
            items=self._assembled(items[: last + 1]),
            cursor=cursor_of(items[last]["listing_sk"]["S"]) if more else None,
        )

    def _in_state(
        self, tenant: str, status: AssetStatus, limit: int, cursor: str | None
    ) -> Page[AnalyzedAsset]:
        hash_key = pk(tenant, _STATES[status])
        with transient("the list of assets"):
            rows = list(
                self._rows.query(
                    hash_key,
                    index_name=BY_STATE,
                    scan_index_forward=False,
                    limit=limit + 1,
                    last_evaluated_key=start_key(BY_STATE, hash_key, cursor, _row_key(tenant)),
                )
            )
        # The index may lag behind, and an asset may have several results: what it is now counts.
        found = [(row.sk, str(row.state_sk).split("#")[1]) for row in rows[:limit]]
        ids = list(dict.fromkeys(asset_id for _, asset_id in found))
        records = {record.asset.asset_id: record for record in self.analyzed(tenant, ids)}
        more = len(rows) > limit
        return Page(
            items=[
                record
                for sk, asset_id in found
                if (record := records.get(asset_id))
                and record.status is status
                and sk == _listed_by(record, status)
            ],
            cursor=cursor_of(str(rows[limit - 1].state_sk)) if more else None,
        )

    def _items(self, hash_key: str) -> list[dict[str, Any]]:
        reads = self._rows.query(hash_key, consistent_read=True).page_iter
        return [item for read in reads for item in read["Items"]]

    def _assembled(self, items: Sequence[dict[str, Any]]) -> list[AnalyzedAsset]:
        """Assets with their results, in the order of the assets."""
        results: dict[str, list[Result]] = {}
        assets: list[Asset] = []
        for item in items:
            if item["sk"]["S"] == ASSET:
                assets.append(self._assets.from_raw_data(item).record())
            else:
                result = self._results.from_raw_data(item).record()
                results.setdefault(result.asset_id, []).append(result)
        for own in results.values():
            own.sort(key=_result_sk)
        return [
            AnalyzedAsset(asset=asset, results=tuple(results.get(asset.asset_id, ())))
            for asset in assets
        ]

    def _job_row(self, job: Job) -> _JobRow:
        return self._jobs(
            _job_pk(job.tenant, job.job_id),
            _JOB,
            listing_pk=pk(job.tenant, "jobs"),
            listing_sk=position(instant(job.started_at), job.job_id, _JOB),
            **_attributes(job),
        )

    def _result_row(self, result: Result) -> ResultRow:
        sk = _result_sk(result)
        listed = result.state.value in _STATES.values()
        return self._results(
            pk(result.tenant, result.asset_id),
            sk,
            listing_pk=pk(result.tenant, "assets"),
            listing_sk=position(instant(result.asset_created_at), result.asset_id, sk),
            state_pk=pk(result.tenant, result.state.value) if listed else None,
            state_sk=position(instant(result.updated_at), result.asset_id, sk) if listed else None,
            **_attributes(result),
        )


def _result_sk(result: Result) -> str:
    return f"{_RESULT}{result.capability}#{result.engine}"


def _listed_by(record: AnalyzedAsset, status: AssetStatus) -> str:
    """The one row that an asset is listed by, of all its rows in the index by state."""
    if record.asset.state is not AssetState.STORED:
        return ASSET
    own = [result for result in record.current if result.state.value == _STATES[status]]
    latest = max(own, key=lambda result: (result.updated_at, result.capability))
    return _result_sk(latest)


def _job_pk(tenant: str, job_id: str) -> str:
    return f"{tenant}#job#{job_id}"


def _job_key(tenant: str) -> TableKey:
    """A job's table key from its place in the listing."""
    return lambda name, sk: (_job_pk(tenant, name), sk)


def _row_key(tenant: str) -> TableKey:
    """An asset's or a result's table key from its place in an index."""
    return lambda name, sk: (pk(tenant, name), sk)
