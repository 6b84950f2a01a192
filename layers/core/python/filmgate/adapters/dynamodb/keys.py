"""API keys in DynamoDB: one item a key, under the hash of the key."""

from __future__ import annotations

from pynamodb.attributes import UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.exceptions import PutError
from pynamodb.models import Model

from filmgate.access.model import KeyRecord
from filmgate.adapters.dynamodb.errors import transient
from filmgate.adapters.dynamodb.tables import in_table
from filmgate.errors import Conflict


class _KeyItem(Model):
    key_hash = UnicodeAttribute(hash_key=True)
    tenant = UnicodeAttribute()
    label = UnicodeAttribute()
    created_at = UTCDateTimeAttribute()


class DynamoKeyStore:
    """The key store over one table. Implements `filmgate.access.ports.KeyStore`."""

    def __init__(self, table: str) -> None:
        self._items = in_table(_KeyItem, table)

    def find(self, key_hash: str) -> KeyRecord | None:
        """One strongly consistent read, so that a new key works at once."""
        with transient("an API key"):
            try:
                item = self._items.get(key_hash, consistent_read=True)
            except self._items.DoesNotExist:
                return None
        return KeyRecord(
            key_hash=item.key_hash,
            tenant=item.tenant,
            label=item.label,
            created_at=item.created_at,
        )

    def add(self, record: KeyRecord) -> None:
        """Never replaces a record."""
        item = self._items(**record.model_dump())
        with transient("an API key"):
            try:
                item.save(self._items.key_hash.does_not_exist())
            except PutError as error:
                if error.cause_response_code == "ConditionalCheckFailedException":
                    raise Conflict("that key exists") from error
                raise
