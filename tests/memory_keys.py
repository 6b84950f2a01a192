"""The key store in memory, for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from filmgate.access.model import KeyRecord
from filmgate.errors import Conflict, NotFound


@dataclass
class MemoryKeyStore:
    """Counts its look-ups, so that tests can see what was cached."""

    stored: dict[str, KeyRecord] = field(default_factory=dict)
    lookups: int = 0

    def find(self, key_hash: str) -> KeyRecord | None:
        self.lookups += 1
        return self.stored.get(key_hash)

    def records(self, tenant: str | None = None) -> list[KeyRecord]:
        chosen = (record for record in self.stored.values() if tenant in (None, record.tenant))
        return sorted(chosen, key=lambda record: (record.created_at, record.key_hash))

    def revoke(self, key_hash: str, at: datetime) -> None:
        if key_hash not in self.stored:
            raise NotFound("there is no such key")
        if self.stored[key_hash].revoked_at is None:
            revoked = self.stored[key_hash].model_copy(update={"revoked_at": at})
            self.stored[key_hash] = revoked

    def add(self, record: KeyRecord) -> None:
        if record.key_hash in self.stored:
            raise Conflict("that key exists")
        self.stored[record.key_hash] = record
