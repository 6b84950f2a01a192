"""Where the records of API keys live."""

from __future__ import annotations

from typing import Protocol

from filmgate.access.model import KeyRecord


class KeyStore(Protocol):
    """Records by the hash of their key."""

    def find(self, key_hash: str) -> KeyRecord | None:
        """Raises TransientError when the store cannot answer for now."""

    def add(self, record: KeyRecord) -> None:
        """Raises Conflict when the hash is taken, TransientError when the store cannot answer."""
