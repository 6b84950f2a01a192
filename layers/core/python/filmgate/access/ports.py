"""Where the records of API keys live."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from filmgate.access.model import KeyRecord


class KeyStore(Protocol):
    """Records by the hash of their key."""

    def find(self, key_hash: str) -> KeyRecord | None:
        """Raises TransientError when the store cannot answer for now."""

    def records(self, tenant: str | None = None) -> list[KeyRecord]:
        """All of them, or a tenant's, oldest first. Reads the whole table: for operators. Raises
        TransientError."""

    def revoke(self, key_hash: str, at: datetime) -> None:
        """Mark a key as revoked, keeping the first time. Raises NotFound where there is none,
        TransientError when the store cannot answer."""

    def add(self, record: KeyRecord) -> None:
        """Raises Conflict when the hash is taken, TransientError when the store cannot answer."""
