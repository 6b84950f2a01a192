"""API keys in DynamoDB: one item a key, under the hash of the key."""

from __future__ import annotations

from datetime import datetime

from pynamodb.attributes import UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.exceptions import PutError, UpdateError
from pynamodb.models import Model

from filmgate.access.model import KeyRecord
from filmgate.adapters.dynamodb.errors import refused, transient
from filmgate.adapters.dynamodb.tables import in_table
from filmgate.errors import Conflict, NotFound


class _KeyItem(Model):
    key_hash = UnicodeAttribute(hash_key=True)
    tenant = UnicodeAttribute()
    label = UnicodeAttribute()
    created_at = UTCDateTimeAttribute()
    expires_at = UTCDateTimeAttribute(null=True)
    revoked_at = UTCDateTimeAttribute(null=True)

    def record(self) -> KeyRecord:
        """The key in this item."""
        return KeyRecord(**{name: getattr(self, name) for name in KeyRecord.model_fields})


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
        return item.record()

    def records(self, tenant: str | None = None) -> list[KeyRecord]:
        """All of them, or a tenant's, oldest first."""
        chosen = None if tenant is None else self._items.tenant == tenant
        with transient("the API keys"):
            records = [item.record() for item in self._items.scan(chosen, consistent_read=True)]
        return sorted(records, key=lambda record: (record.created_at, record.key_hash))

    def revoke(self, key_hash: str, at: datetime) -> None:
        """The first time stands. Raises NotFound."""
        items = self._items
        with transient("an API key"):
            try:
                items(key_hash).update(
                    [items.revoked_at.set(items.revoked_at | at)],
                    condition=items.key_hash.exists(),
                )
            except UpdateError as error:
                if not refused(error):
                    raise
                raise NotFound("there is no such key") from None

    def add(self, record: KeyRecord) -> None:
        """Never replaces a record."""
        item = self._items(**record.model_dump())
        with transient("an API key"):
            try:
                item.save(self._items.key_hash.does_not_exist())
            except PutError as error:
                if refused(error):
                    raise Conflict("that key exists") from error
                raise
