"""The key store in memory, for tests."""

from __future__ import annotations

from dataclasses import dataclass, field

from filmgate.access.model import KeyRecord
from filmgate.errors import Conflict


@dataclass
class MemoryKeyStore:
    """Counts its look-ups, so that tests can see what was cached."""

    records: dict[str, KeyRecord] = field(default_factory=dict)
    lookups: int = 0

    def find(self, key_hash: str) -> KeyRecord | None:
        self.lookups += 1
        return self.records.get(key_hash)

    def add(self, record: KeyRecord) -> None:
        if record.key_hash in self.records:
            raise Conflict("that key exists")
        self.records[record.key_hash] = record
