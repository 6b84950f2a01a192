"""The delta of the index and its manifests in DynamoDB.

A delta item has a key row and, unless it is a tombstone, body rows of at most `_CHUNK_BYTES`. The
key rows of a tenant are spread over `_SHARDS` partition keys and are small, so a search that knows
the bodies already reads little. Every body has a partition key of its own.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError
from pynamodb.models import Model

from filmgate.adapters.dynamodb.errors import transient
from filmgate.adapters.dynamodb.tables import in_table
from filmgate.dedupe.index.stores import DeltaItem, DeltaKey, Manifest
from filmgate.errors import Conflict

_CHUNK_BYTES = 350 * 1024
"""Of a body row: an item holds 400 KB at most, names and keys included."""
_SHARDS = 8
"""Partition keys of a tenant's key rows. Each takes 1,000 writes and 3,000 reads a second."""
_BATCH = 100
"""DynamoDB's limit for one BatchGetItem."""
_TENANTS = "TENANTS"
_MANIFEST = "MANIFEST"
_SEQUENCE = "SEQUENCE"

One = TypeVar("One")
Answer = TypeVar("Answer")


class _IndexRow(Model):
    """A delta key, a chunk of a body, a counter, a manifest or a tenant's name, by ``pk``."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    sequence = NumberAttribute(null=True)
    asset_id = UnicodeAttribute(null=True)
    digest = UnicodeAttribute(null=True)
    size_bytes = NumberAttribute(null=True)
    body = BinaryAttribute(legacy_encoding=False, null=True)
    version = NumberAttribute(null=True)
    record = UnicodeAttribute(null=True)


class DynamoDeltaStore:
    """`filmgate.dedupe.index.stores.DeltaStore`. Every method may raise TransientError."""

    def __init__(self, index_table: str) -> None:
        self._rows = in_table(_IndexRow, index_table, connections=_SHARDS)
        self._known: set[str] = set()

    def tenants(self) -> list[str]:
        """The tenants that ever put an item."""
        with transient("the tenants of the index"):
            return [row.sk for row in self._rows.query(_TENANTS, consistent_read=True)]

    def next_sequence(self, tenant: str) -> int:
        """One more than the last."""
        counter = self._rows(f"{tenant}#{_SEQUENCE}", _SEQUENCE)
        with transient("a sequence number"):
            counter.update(actions=[self._rows.sequence.add(1)])
        return int(counter.sequence)

    def put(self, tenant: str, item: DeltaItem) -> None:
        """Idempotent; every read that starts after this returned sees the item."""
        key = item.key
        with transient("a delta item"):
            if tenant not in self._known:
                self._rows(_TENANTS, tenant).save()
                self._known.add(tenant)
            # The key first: a writer that dies leaves no body that nobody finds.
            self._rows(
                _shard(tenant, key.asset_id),
                _key_name(key),
                sequence=key.sequence,
                asset_id=key.asset_id,
                digest=key.digest or None,
                size_bytes=key.size_bytes,
            ).save()
            for number, (pk, sk) in enumerate(_chunks(tenant, key)):
                first = number * _CHUNK_BYTES
                self._rows(pk, sk, body=item.body[first : first + _CHUNK_BYTES]).save()

    def keys(self, tenant: str) -> list[DeltaKey]:
        """All keys, in order of their sequence. Strongly consistent."""

        def read(shard: str) -> list[DeltaKey]:
            # The latest first. Compaction removes a tombstone after what it hides, so a page read
            # later cannot show an entry whose tombstone was gone in a page read before.
            rows = self._rows.query(shard, consistent_read=True, scan_index_forward=False)
            return [
                DeltaKey(int(row.sequence), row.asset_id, row.digest or "", int(row.size_bytes))
                for row in rows
            ]

        shards = [_shard_name(tenant, number) for number in range(_SHARDS)]
        return sorted(key for some in self._at_once(read, shards) for key in some)

    def read(self, tenant: str, keys: Sequence[DeltaKey]) -> list[DeltaItem]:
        """The complete items, a hundred rows a request. Strongly consistent."""
        names = [name for key in keys for name in _chunks(tenant, key)]

        def get(some: list[tuple[str, str]]) -> list[tuple[str, str, bytes]]:
            return [
                (row.pk, row.sk, row.body)
                for row in self._rows.batch_get(some, consistent_read=True)
            ]

        batches = [names[first : first + _BATCH] for first in range(0, len(names), _BATCH)]
        chunks: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
        for batch in self._at_once(get, batches):
            for pk, sk, body in batch:
                chunks[pk][sk] = body
        items = []
        for key in keys:
            parts = chunks[_body_name(tenant, key)]
            body = b"".join(parts[sk] for sk in sorted(parts))
            # A shorter one is being written or removed at this moment.
            if len(body) == key.size_bytes:
                items.append(DeltaItem(key, body))
        return items

    def remove(self, tenant: str, keys: Sequence[DeltaKey]) -> None:
        """Keys without an item are ignored."""
        with transient("delta items"):
            with self._rows.batch_write() as batch:
                for key in keys:
                    for pk, sk in _chunks(tenant, key):
                        batch.delete(self._rows(pk, sk))
            with self._rows.batch_write() as batch:
                for key in keys:
                    batch.delete(self._rows(_shard(tenant, key.asset_id), _key_name(key)))

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

    @staticmethod
    def _at_once(work: Callable[[One], Answer], ones: Iterable[One]) -> list[Answer]:
        with transient("the delta of the index"), ThreadPoolExecutor(_SHARDS) as pool:
            return list(pool.map(work, ones))


def _shard_name(tenant: str, number: int) -> str:
    return f"{tenant}#DELTA#{number:02d}"


def _shard(tenant: str, asset_id: str) -> str:
    """All keys of an asset lie in one shard."""
    return _shard_name(tenant, zlib.crc32(asset_id.encode()) % _SHARDS)


def _key_name(key: DeltaKey) -> str:
    return f"{key.sequence:020d}#{key.asset_id}"


def _body_name(tenant: str, key: DeltaKey) -> str:
    return f"{tenant}#BODY#{key.asset_id}#{key.sequence}"


def _chunks(tenant: str, key: DeltaKey) -> list[tuple[str, str]]:
    """The primary keys of the rows of a body."""
    count = -(-key.size_bytes // _CHUNK_BYTES)
    return [(_body_name(tenant, key), f"{number:04d}") for number in range(count)]
