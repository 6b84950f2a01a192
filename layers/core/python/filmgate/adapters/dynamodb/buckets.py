"""Buckets in DynamoDB: one item each, holding a set.

One item and not one a member: a hundred buckets are then read in one request, and missing ones
cost no more than found ones.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pynamodb.attributes import BinarySetAttribute, UnicodeAttribute
from pynamodb.exceptions import UpdateError
from pynamodb.expressions.condition import size as size_of
from pynamodb.models import Model

from filmgate.adapters.dynamodb.errors import transient
from filmgate.adapters.dynamodb.tables import in_table

# DynamoDB's limit for one BatchGetItem.
_BATCH = 100
_BUCKET = "BUCKET"

One = TypeVar("One")
Answer = TypeVar("Answer")


class _Bucket(Model):
    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    members = BinarySetAttribute(legacy_encoding=False, null=True)


class DynamoBucketStore:
    """`filmgate.dedupe.index.stores.BucketStore`. Every method may raise TransientError.

    Args:
        workers: requests at one time.
    """

    def __init__(self, index_table: str, workers: int) -> None:
        self._buckets = in_table(_Bucket, index_table, connections=workers)
        self._workers = workers

    def add(self, tenant: str, members: Mapping[str, bytes], full: int) -> None:
        """One update a bucket; a full bucket stays as it is."""
        room = self._buckets.members.does_not_exist() | (size_of("members") < full)

        def put(one: tuple[str, bytes]) -> None:
            name, member = one
            bucket = self._buckets(_key(tenant, name), _BUCKET)
            try:
                bucket.update([self._buckets.members.add({member})], condition=room)
            except UpdateError as error:
                if error.cause_response_code != "ConditionalCheckFailedException":
                    raise

        self._at_once(put, members.items())

    def remove(self, tenant: str, members: Mapping[str, Collection[bytes]]) -> None:
        """One update a bucket; a bucket that does not exist is not created."""
        exists = self._buckets.members.exists()

        def take_out(one: tuple[str, Collection[bytes]]) -> None:
            name, some = one
            bucket = self._buckets(_key(tenant, name), _BUCKET)
            try:
                bucket.update([self._buckets.members.delete(set(some))], condition=exists)
            except UpdateError as error:
                if error.cause_response_code != "ConditionalCheckFailedException":
                    raise

        self._at_once(take_out, members.items())

    def read(self, tenant: str, buckets: Collection[str]) -> dict[str, frozenset[bytes]]:
        """A hundred buckets a request, strongly consistent."""
        names = sorted(buckets)
        prefix = len(_key(tenant, ""))

        def get(some: list[str]) -> list[tuple[str, frozenset[bytes]]]:
            keys = [(_key(tenant, name), _BUCKET) for name in some]
            rows = self._buckets.batch_get(keys, consistent_read=True)
            # An item that lost its last member stays, without the attribute.
            return [(row.pk[prefix:], frozenset(row.members)) for row in rows if row.members]

        batches = [names[at : at + _BATCH] for at in range(0, len(names), _BATCH)]
        return {name: held for batch in self._at_once(get, batches) for name, held in batch}

    def _at_once(self, work: Callable[[One], Answer], ones: Iterable[One]) -> list[Answer]:
        with transient("the index's buckets"), ThreadPoolExecutor(self._workers) as pool:
            return list(pool.map(work, ones))


def _key(tenant: str, name: str) -> str:
    return f"{tenant}#{name}"
