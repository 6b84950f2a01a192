"""Fresh index entries and manifests in DynamoDB.

One item an entry; a body above the chunk size takes several, and is there when all of them are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError
from pynamodb.models import Model

from filmgate.adapters.dynamodb.errors import transient
from filmgate.adapters.dynamodb.tables import in_table
from filmgate.dedupe.index.stores import FreshItem, FreshKey, Manifest, first_items
from filmgate.errors import Conflict

# An item holds 400 KB at most, names and keys included.
_CHUNK_BYTES = 350 * 1024
_TENANTS = "TENANTS"
_MANIFEST = "MANIFEST"


class _IndexRow(Model):
    """A chunk of an entry, a manifest or a tenant's name, told apart by ``pk``."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    asset_id = UnicodeAttribute(null=True)
    digest = UnicodeAttribute(null=True)
    size_bytes = NumberAttribute(null=True)
    body = BinaryAttribute(legacy_encoding=False, null=True)
    version = NumberAttribute(null=True)
    record = UnicodeAttribute(null=True)


class DynamoFreshStore:
    """`filmgate.dedupe.index.stores.FreshStore`. Every method may raise TransientError."""

    def __init__(self, index_table: str) -> None:
        self._rows = in_table(_IndexRow, index_table)
        self._known: set[str] = set()

    def tenants(self) -> list[str]:
        """Those who ever put an entry."""
        with transient("the tenants of the index"):
            return [row.sk for row in self._rows.query(_TENANTS, consistent_read=True)]

    def put(self, tenant: str, item: FreshItem) -> None:
        """Idempotent; seen by every read that starts after this returned."""
        with transient("a fresh entry"):
            if tenant not in self._known:
                self._rows(_TENANTS, tenant).save()
                self._known.add(tenant)
            for number, sk in enumerate(_chunk_names(item.key)):
                at = number * _CHUNK_BYTES
                self._rows(
                    _fresh(tenant),
                    sk,
                    asset_id=item.key.asset_id,
                    digest=item.key.digest,
                    size_bytes=item.key.size_bytes,
                    body=item.body[at : at + _CHUNK_BYTES],
                ).save()

    def read(self, tenant: str, at_most_bytes: int | None = None) -> list[FreshItem]:
        """All whole items, in order of their keys, or the first of them. Strongly consistent."""
        with transient("the fresh entries"):
            rows = self._rows.query(_fresh(tenant), consistent_read=True)
            return first_items(_whole(rows), at_most_bytes)

    def remove(self, tenant: str, keys: Iterable[FreshKey]) -> None:
        """Those that are not there are passed over."""
        with transient("fresh entries"), self._rows.batch_write() as batch:
            for key in keys:
                for sk in _chunk_names(key):
                    batch.delete(self._rows(_fresh(tenant), sk))

    def manifest(self, tenant: str) -> Manifest:
        """Strongly consistent; an empty one of version 0 where there is none."""
        with transient("the index manifest"):
            try:
                row = self._rows.get(f"{tenant}#{_MANIFEST}", _MANIFEST, consistent_read=True)
            except self._rows.DoesNotExist:
                return Manifest()
        return Manifest.model_validate_json(row.record)

    def replace_manifest(self, tenant: str, manifest: Manifest) -> None:
        """Store it over version ``manifest.version - 1``. Raises Conflict if another did first."""
        row = self._rows(
            f"{tenant}#{_MANIFEST}",
            _MANIFEST,
            version=manifest.version,
            record=manifest.model_dump_json(),
        )
        before = (
            self._rows.pk.does_not_exist()
            if manifest.version == 1
            else self._rows.version == manifest.version - 1
        )
        with transient("the index manifest"):
            try:
                row.save(before)
            except PutError as error:
                if error.cause_response_code != "ConditionalCheckFailedException":
                    raise
                raise Conflict("the manifest was changed by another") from error


def _fresh(tenant: str) -> str:
    return f"{tenant}#FRESH"


def _chunk_names(key: FreshKey) -> list[str]:
    chunks = -(-key.size_bytes // _CHUNK_BYTES)
    return [f"{key.asset_id}#{key.digest}#{number:04d}" for number in range(chunks)]


def _whole(rows: Iterable[_IndexRow]) -> Iterator[FreshItem]:
    """Rows come ordered by name, so the chunks of an item stand together and in order."""

    def key(row: _IndexRow) -> FreshKey:
        return FreshKey(row.asset_id, row.digest, int(row.size_bytes))

    for found, chunks in groupby(rows, key):
        body = b"".join(row.body for row in chunks)
        # A shorter one is being written or removed this moment.
        if len(body) == found.size_bytes:
            yield FreshItem(found, body)
