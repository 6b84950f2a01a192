"""Assets, jobs and matches in DynamoDB.

Records are kept whole as JSON beside the attributes that keys, filters and updates need, so a
new field of a record needs no migration.
"""

from __future__ import annotations

import base64
import binascii
import random
import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache

from pynamodb.attributes import UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.exceptions import PutError, TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from filmgate.adapters.dynamodb.errors import transient
from filmgate.errors import InvalidCursor, NotFound
from filmgate.library.model import Asset, AssetStatus, Job, JobStatus, Match
from filmgate.library.ports import Page
from filmgate.matching.model import Verdict

_ASSET = "ASSET"
_LISTING = "listing"
_TRIES = 8
_WAIT_S = 0.05
_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")
_POSITION = re.compile(r"([0-9T:.+-]{10,40})#([0-9a-zA-Z:_-]{1,200})")


class _Listing(GlobalSecondaryIndex[Model]):
    class Meta:
        index_name = _LISTING
        projection = AllProjection()

    listing_pk = UnicodeAttribute(hash_key=True)
    listing_sk = UnicodeAttribute(range_key=True)


class _Row(Model):
    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    listing_pk = UnicodeAttribute(null=True)
    listing_sk = UnicodeAttribute(null=True)
    listing = _Listing()


class _AssetRow(_Row):
    """An asset (``ASSET``) or one of its jobs (``JOB#{job_id}``)."""

    status = UnicodeAttribute()
    updated_at = UnicodeAttribute(null=True)
    record = UnicodeAttribute()


class _MatchRow(_Row):
    """A pair, as seen from the asset in ``pk``; listed from its smaller side only."""

    a = UnicodeAttribute()
    b = UnicodeAttribute()
    verdict = UnicodeAttribute()
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()


@cache
def _asset_rows(table: str) -> type[_AssetRow]:
    class AssetRow(_AssetRow):
        class Meta:
            table_name = table

    return AssetRow


@cache
def _match_rows(table: str) -> type[_MatchRow]:
    class MatchRow(_MatchRow):
        class Meta:
            table_name = table

    return MatchRow


class DynamoLibrary:
    """`filmgate.library.ports.Library`. Every method may raise TransientError."""

    def __init__(self, assets_table: str, matches_table: str) -> None:
        self._assets = _asset_rows(assets_table)
        self._matches = _match_rows(matches_table)
        self._connection = Connection()

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

    def save(self, asset: Asset) -> None:
        """Last writer wins."""
        with transient("an asset"):
            self._asset_row(asset).save()

    def replace(self, known: Asset, asset: Asset) -> bool:
        """Store the asset if it still is as `known` was read; False if it was changed."""
        rows = self._assets
        unchanged = (rows.status == known.status.value) & (
            rows.updated_at == _instant(known.updated_at)
        )
        with transient("an asset"):
            try:
                self._asset_row(asset).save(unchanged)
            except PutError as error:
                if error.cause_response_code != "ConditionalCheckFailedException":
                    raise
                return False
        return True

    def end(self, job: Job, asset: Asset | None) -> bool:
        """Store the end of a running job, with its asset; False if it has ended before."""

        def write(transaction: TransactWrite) -> None:
            running = self._assets.status == JobStatus.RUNNING.value
            transaction.save(self._job_row(job), condition=running)
            if asset is not None:
                transaction.save(self._asset_row(asset))

        with transient("the end of a job"):
            return self._transact(write)

    def asset(self, tenant: str, asset_id: str) -> Asset:
        """Strongly consistent. Raises NotFound."""
        return Asset.model_validate_json(self._record(tenant, asset_id, _ASSET))

    def assets(self, tenant: str, ids: Sequence[str]) -> list[Asset]:
        """Those of the ids that exist, in the order asked. Strongly consistent."""
        wanted = dict.fromkeys(asset_id for asset_id in ids if _possible(asset_id))
        keys = [(_pk(tenant, asset_id), _ASSET) for asset_id in wanted]
        with transient("assets"):
            rows = {
                row.pk: row.record for row in self._assets.batch_get(keys, consistent_read=True)
            }
        found = (rows.get(_pk(tenant, asset_id)) for asset_id in ids)
        return [Asset.model_validate_json(record) for record in found if record is not None]

    def list_assets(
        self, tenant: str, *, status: AssetStatus | None, limit: int, cursor: str | None
    ) -> Page[Asset]:
        """Newest first. Raises InvalidCursor."""

        def start(asset_id: str) -> tuple[str, str]:
            return _pk(tenant, asset_id), _ASSET

        with transient("the list of assets"):
            rows = list(
                self._assets.query(
                    tenant,
                    index_name=_LISTING,
                    filter_condition=None if status is None else self._assets.status == status,
                    scan_index_forward=False,
                    limit=limit + 1,
                    last_evaluated_key=_start_key(tenant, cursor, start),
                )
            )
        return Page(
            items=[Asset.model_validate_json(row.record) for row in rows[:limit]],
            cursor=_cursor(rows[limit - 1]) if len(rows) > limit else None,
        )

    def begin(self, asset: Asset, job: Job) -> bool:
        """Store a new job and its asset in one step; False if the job is already there."""

        def write(transaction: TransactWrite) -> None:
            transaction.save(self._job_row(job), condition=self._assets.pk.does_not_exist())
            transaction.save(self._asset_row(asset))

        with transient("a job"):
            return self._transact(write)

    def save_job(self, job: Job) -> None:
        """Last writer wins."""
        with transient("a job"):
            self._job_row(job).save()

    def job(self, tenant: str, job_id: str) -> Job:
        """Strongly consistent. Raises NotFound."""
        asset_id = job_id.rpartition("-")[0] if _possible(job_id) else ""
        return Job.model_validate_json(self._record(tenant, asset_id, f"JOB#{job_id}"))

    def save_match(self, match: Match) -> None:
        """Store or replace the pair's verdict under both sides, keeping its first time."""

        def write(transaction: TransactWrite) -> None:
            for row in self._match_sides(match):
                transaction.update(row, actions=self._match_actions(match, row))

        with transient("a match"):
            self._transact(write)

    def match(self, tenant: str, match_id: str) -> Match:
        """Strongly consistent. Raises NotFound."""
        a, _, b = match_id.partition(":")
        if not (_possible(a) and _possible(b)):
            raise NotFound(f"no match {match_id}")
        with transient("a match"):
            try:
                row = self._matches.get(_pk(tenant, a), b, consistent_read=True)
            except self._matches.DoesNotExist:
                row = None
        if row is None or row.a != a:
            raise NotFound(f"no match {match_id}")
        return _match(tenant, row)

    def matches_of(self, tenant: str, asset_id: str) -> list[Match]:
        """Best first. Strongly consistent."""
        if not _possible(asset_id):
            return []
        with transient("matches"):
            rows = list(self._matches.query(_pk(tenant, asset_id), consistent_read=True))
        found = [_match(tenant, row) for row in rows]
        return sorted(found, key=lambda match: (-match.verdict.score, match.match_id))

    def list_matches(self, tenant: str, *, limit: int, cursor: str | None) -> Page[Match]:
        """Newest first. Raises InvalidCursor."""

        def start(match_id: str) -> tuple[str, str]:
            a, _, b = match_id.partition(":")
            return _pk(tenant, a), b

        with transient("the list of matches"):
            rows = list(
                self._matches.query(
                    tenant,
                    index_name=_LISTING,
                    scan_index_forward=False,
                    limit=limit + 1,
                    last_evaluated_key=_start_key(tenant, cursor, start),
                )
            )
        return Page(
            items=[_match(tenant, row) for row in rows[:limit]],
            cursor=_cursor(rows[limit - 1]) if len(rows) > limit else None,
        )

    def _record(self, tenant: str, asset_id: str, sk: str) -> str:
        if not _possible(asset_id):
            raise NotFound(f"no asset {asset_id}")
        with transient("a record"):
            try:
                row = self._assets.get(_pk(tenant, asset_id), sk, consistent_read=True)
            except self._assets.DoesNotExist:
                raise NotFound(f"no {sk.lower()} of asset {asset_id}") from None
        return row.record

    def _asset_row(self, asset: Asset) -> _AssetRow:
        return self._assets(
            _pk(asset.tenant, asset.asset_id),
            _ASSET,
            listing_pk=asset.tenant,
            listing_sk=f"{_instant(asset.created_at)}#{asset.asset_id}",
            status=asset.status.value,
            updated_at=_instant(asset.updated_at),
            record=asset.model_dump_json(),
        )

    def _job_row(self, job: Job) -> _AssetRow:
        return self._assets(
            _pk(job.tenant, job.asset_id),
            f"JOB#{job.job_id}",
            status=job.status.value,
            record=job.model_dump_json(),
        )

    def _match_sides(self, match: Match) -> tuple[_MatchRow, _MatchRow]:
        return (
            self._matches(_pk(match.tenant, match.a), match.b),
            self._matches(_pk(match.tenant, match.b), match.a),
        )

    def _match_actions(self, match: Match, row: _MatchRow) -> list[Action]:
        rows = self._matches
        created_at = _instant(match.created_at)
        updated_at = _instant(match.updated_at)
        actions: list[Action] = [
            rows.a.set(match.a),
            rows.b.set(match.b),
            rows.verdict.set(match.verdict.model_dump_json()),
            rows.created_at.set(rows.created_at | created_at),
            rows.updated_at.set(updated_at),
        ]
        if row.sk == match.b:
            actions += [
                rows.listing_pk.set(match.tenant),
                rows.listing_sk.set(f"{updated_at}#{match.match_id}"),
            ]
        return actions

    def _transact(self, write: Callable[[TransactWrite], None]) -> bool:
        """False when a condition does not hold. Waits a little where two writers meet."""
        for attempt in range(_TRIES):
            try:
                with TransactWrite(connection=self._connection) as transaction:
                    write(transaction)
                return True
            except TransactWriteError as error:
                codes = {reason.code for reason in error.cancellation_reasons if reason}
                if "ConditionalCheckFailed" in codes:
                    return False
                if "TransactionConflict" not in codes or attempt == _TRIES - 1:
                    raise
                time.sleep(random.uniform(0, _WAIT_S * 2**attempt))  # noqa: S311
        raise AssertionError("unreachable: the last try returns or raises")


def _possible(asset_id: str) -> bool:
    """DynamoDB refuses keys that are empty or too long; callers pass on what strangers sent."""
    return _ID.fullmatch(asset_id) is not None


def _pk(tenant: str, asset_id: str) -> str:
    return f"{tenant}#{asset_id}"


def _instant(moment: datetime) -> str:
    """Text that sorts as the moments do; all of them are in UTC."""
    return moment.isoformat(timespec="milliseconds")


def _match(tenant: str, row: _MatchRow) -> Match:
    return Match(
        tenant=tenant,
        a=row.a,
        b=row.b,
        verdict=Verdict.model_validate_json(row.verdict),
        created_at=datetime.fromisoformat(row.created_at),
        updated_at=datetime.fromisoformat(row.updated_at),
    )


def _cursor(row: _Row) -> str:
    return base64.urlsafe_b64encode(str(row.listing_sk).encode()).decode()


def _start_key(
    tenant: str, cursor: str | None, start: Callable[[str], tuple[str, str]]
) -> dict[str, dict[str, str]] | None:
    """The cursor holds a position only; the tenant is always the caller's."""
    if cursor is None:
        return None
    try:
        position = base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor("not a cursor of this listing") from error
    found = _POSITION.fullmatch(position)
    if found is None:
        raise InvalidCursor("not a cursor of this listing")
    pk, sk = start(found[2])
    if not sk:
        raise InvalidCursor("not a cursor of this listing")
    return {
        "listing_pk": {"S": tenant},
        "listing_sk": {"S": position},
        "pk": {"S": pk},
        "sk": {"S": sk},
    }
