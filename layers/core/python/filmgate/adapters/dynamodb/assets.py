"""Assets and jobs in DynamoDB.

Records are kept whole as JSON beside the attributes that keys, filters and updates need, so a
new field of a record needs no migration.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import PutError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from filmgate.adapters.dynamodb.errors import transient
from filmgate.adapters.dynamodb.rows import (
    LISTING,
    Row,
    cursor_of,
    instant,
    pk,
    possible,
    start_key,
    transact,
)
from filmgate.adapters.dynamodb.tables import connection, in_table
from filmgate.errors import NotFound
from filmgate.library.model import Asset, AssetStatus, Job, JobStatus
from filmgate.library.ports import Page

_ASSET = "ASSET"
_MOST_READS = 6
_ROWS_A_READ = 500
"""One read is a megabyte at most, and some 50 ms."""


class _AssetRow(Row):
    """An asset (``ASSET``) or one of its jobs (``JOB#{job_id}``)."""

    status = UnicodeAttribute()
    updated_at = UnicodeAttribute(null=True)
    record = UnicodeAttribute()


class DynamoAssets:
    """`filmgate.library.ports.Assets`. Every method may raise TransientError."""

    def __init__(self, assets_table: str) -> None:
        self._assets = in_table(_AssetRow, assets_table)
        self._connection = connection()

    def create(self, asset: Asset) -> Asset:
        """Store a new asset, or return the one already stored under its id, unchanged."""
        with transient("an asset"):
            try:
                self._asset_row(asset).save(self._assets.pk.does_not_exist())
            except PutError as error:
                if error.cause_response_code != "ConditionalCheckFailedException":
                    raise
                return self.asset(asset.tenant, asset.asset_id)
        return asset

    def replace(self, known: Asset, asset: Asset) -> bool:
        """Store the asset if it still is as `known` was read; False if it was changed."""
        with transient("an asset"):
            try:
                self._asset_row(asset).save(self._unchanged(known))
            except PutError as error:
                if error.cause_response_code != "ConditionalCheckFailedException":
                    raise
                return False
        return True

    def asset(self, tenant: str, asset_id: str) -> Asset:
        """Strongly consistent. Raises NotFound."""
        return Asset.model_validate_json(self._record(tenant, asset_id, _ASSET))

    def assets(self, tenant: str, ids: Sequence[str]) -> list[Asset]:
        """Those of the ids that exist, in the order asked. Strongly consistent."""
        wanted = dict.fromkeys(asset_id for asset_id in ids if possible(asset_id))
        keys = [(pk(tenant, asset_id), _ASSET) for asset_id in wanted]
        with transient("assets"):
            rows = {
                row.pk: row.record for row in self._assets.batch_get(keys, consistent_read=True)
            }
        found = (rows.get(pk(tenant, asset_id)) for asset_id in ids)
        return [Asset.model_validate_json(record) for record in found if record is not None]

    def list_assets(
        self, tenant: str, *, status: AssetStatus | None, limit: int, cursor: str | None
    ) -> Page[Asset]:
        """Newest first. Raises InvalidCursor.

        A filter is applied to what was read, so a page of rare ones would read a whole library:
        reading stops after `_MOST_READS`, with whatever was found and the place to go on from.
        """

        def start(asset_id: str) -> tuple[str, str]:
            return pk(tenant, asset_id), _ASSET

        with transient("the list of assets"):
            reads = self._assets.query(
                tenant,
                index_name=LISTING,
                filter_condition=None if status is None else self._assets.status == status,
                scan_index_forward=False,
                page_size=limit + 1,
                last_evaluated_key=start_key(tenant, cursor, start),
            ).page_iter
            rows: list[_AssetRow] = []
            for read in islice(reads, _MOST_READS):
                rows += [self._assets.from_raw_data(item) for item in read["Items"]]
                if len(rows) > limit:
                    break
                reads.page_size = max(limit + 1, _ROWS_A_READ)
        last = reads.last_evaluated_key
        position = last["listing_sk"]["S"] if last else None
        if len(rows) > limit:
            position = rows[limit - 1].listing_sk
        return Page(
            items=[Asset.model_validate_json(row.record) for row in rows[:limit]],
            cursor=None if position is None else cursor_of(position),
        )

    def begin(self, job: Job, known: Asset, asset: Asset) -> bool:
        """Store a new job and its asset in one step; False if the job is already there or the
        asset was changed."""

        def write(transaction: TransactWrite) -> None:
            transaction.save(self._job_row(job), condition=self._assets.pk.does_not_exist())
            transaction.save(self._asset_row(asset), condition=self._unchanged(known))

        with transient("a job"):
            return transact(self._connection, write)

    def end(self, job: Job, known: Asset | None = None, asset: Asset | None = None) -> bool:
        """Store the end of a running job, with its asset; False if it has ended before or the
        asset was changed."""

        def write(transaction: TransactWrite) -> None:
            running = self._assets.status == JobStatus.RUNNING.value
            transaction.save(self._job_row(job), condition=running)
            if known is not None and asset is not None:
                transaction.save(self._asset_row(asset), condition=self._unchanged(known))

        with transient("the end of a job"):
            return transact(self._connection, write)

    def job(self, tenant: str, job_id: str) -> Job:
        """Strongly consistent. Raises NotFound."""
        asset_id = job_id.rpartition("-")[0] if possible(job_id) else ""
        return Job.model_validate_json(self._record(tenant, asset_id, f"JOB#{job_id}"))

    def _record(self, tenant: str, asset_id: str, sk: str) -> str:
        if not possible(asset_id):
            raise NotFound(f"no asset {asset_id}")
        with transient("a record"):
            try:
                row = self._assets.get(pk(tenant, asset_id), sk, consistent_read=True)
            except self._assets.DoesNotExist:
                raise NotFound(f"no {sk.lower()} of asset {asset_id}") from None
        return row.record

    def _unchanged(self, known: Asset) -> Condition:
        rows = self._assets
        return (rows.status == known.status.value) & (rows.updated_at == instant(known.updated_at))

    def _asset_row(self, asset: Asset) -> _AssetRow:
        return self._assets(
            pk(asset.tenant, asset.asset_id),
            _ASSET,
            listing_pk=asset.tenant,
            listing_sk=f"{instant(asset.created_at)}#{asset.asset_id}",
            status=asset.status.value,
            updated_at=instant(asset.updated_at),
            record=asset.model_dump_json(),
        )

    def _job_row(self, job: Job) -> _AssetRow:
        return self._assets(
            pk(job.tenant, job.asset_id),
            f"JOB#{job.job_id}",
            status=job.status.value,
            record=job.model_dump_json(),
        )
