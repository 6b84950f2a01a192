"""Make API keys and find whose they are."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from filmgate.access.model import (
    MAX_LABEL_CHARACTERS,
    KeyRecord,
    hash_key,
    new_key,
    valid_tenant,
    well_formed,
)
from filmgate.access.ports import KeyStore
from filmgate.clock import now

MAX_AGE_S = 60.0
_MAX_CACHED = 1024


def create_key(store: KeyStore, tenant: str, label: str) -> str:
    """Make an API key for a tenant and return it; it cannot be shown again.

    Raises:
        ValueError: the tenant is not 1 to 63 of a-z, 0-9 and inner hyphens, or the label is empty
            or longer than 200 characters.
        TransientError: the store cannot answer for now.
    """
    if not valid_tenant(tenant):
        raise ValueError(
            f"{tenant!r} cannot name a tenant: use 1 to 63 of a-z, 0-9 and hyphens inside"
        )
    if not 1 <= len(label) <= MAX_LABEL_CHARACTERS:
        raise ValueError(f"a label has 1 to {MAX_LABEL_CHARACTERS} characters")
    key = new_key()
    store.add(KeyRecord(key_hash=hash_key(key), tenant=tenant, label=label, created_at=now()))
    return key


@dataclass(slots=True)
class KeyRing:
    """Finds the tenant of a key, remembering found keys in this process for `max_age_s` seconds.

    A key that was taken away works until then. Unknown keys are not remembered, so a new one
    works at once. Safe to share between threads.
    """

    store: KeyStore
    max_age_s: float = MAX_AGE_S
    clock: Callable[[], float] = time.monotonic
    _known: OrderedDict[str, tuple[float, str]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def tenant_of(self, key: str) -> str | None:
        """The tenant this key belongs to, or None. Raises TransientError."""
        if not well_formed(key):
            return None
        key_hash = hash_key(key)
        with self._lock:
            found = self._known.get(key_hash)
            if found is not None and self.clock() - found[0] < self.max_age_s:
                return found[1]
        asked_at = self.clock()
        record = self.store.find(key_hash)
        with self._lock:
            self._known.pop(key_hash, None)
            if record is None:
                return None
            self._known[key_hash] = (asked_at, record.tenant)
            if len(self._known) > _MAX_CACHED:
                self._known.popitem(last=False)
        return record.tenant
