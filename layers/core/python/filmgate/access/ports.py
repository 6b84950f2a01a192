"""The port to the storage of API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from filmgate.access.model import KeyRecord


class KeyStore(Protocol):
    """Records of API keys, by the hash of the key."""

    def find(self, key_hash: str) -> KeyRecord | None:
        """Return the record, or None. Raises TransientError if the store does not answer."""

    def records(self, tenant: str | None = None) -> list[KeyRecord]:
        """Return all records, or those of one tenant, oldest first. Raises TransientError.

        This reads the whole table and is meant for operators.
        """

    def revoke(self, key_hash: str, at: datetime) -> None:
        """Mark a key as revoked. If it was revoked before, the first time is kept.

        Raises NotFound if there is no such key, TransientError if the store does not answer.
        """

    def add(self, record: KeyRecord) -> None:
        """Store a new record.

        Raises Conflict if the hash exists already, TransientError if the store does not answer.
        """
