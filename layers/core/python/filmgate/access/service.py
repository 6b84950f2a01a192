"""Create, revoke and look up API keys."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from filmgate.access.model import (
    KEY_ID_CHARACTERS,
    MAX_LABEL_CHARACTERS,
    KeyRecord,
    hash_key,
    new_key,
    valid_tenant,
    well_formed,
)
from filmgate.access.ports import KeyStore
from filmgate.clock import now
from filmgate.errors import NotFound

MAX_AGE_S = 60.0
_MAX_CACHED = 1024


def create_key(store: KeyStore, tenant: str, label: str, expires_at: datetime | None = None) -> str:
    """Create an API key for a tenant and return it; it cannot be shown again.

    Raises:
        ValueError: the tenant does not have 1 to 63 characters of a-z, 0-9 and inner hyphens, or
            the label is empty or longer than 200 characters, or the expiry is not in the future.
        TransientError: the store did not answer.
    """
    if not valid_tenant(tenant):
        raise ValueError(
            f"{tenant!r} cannot name a tenant: use 1 to 63 of a-z, 0-9 and hyphens inside"
        )
    if not 1 <= len(label) <= MAX_LABEL_CHARACTERS:
        raise ValueError(f"a label has 1 to {MAX_LABEL_CHARACTERS} characters")
    moment = now()
    if expires_at is not None and expires_at <= moment:
        raise ValueError("a key has to expire in the future")
    key = new_key()
    store.add(
        KeyRecord(
            key_hash=hash_key(key),
            tenant=tenant,
            label=label,
            created_at=moment,
            expires_at=expires_at,
        )
    )
    return key


def revoke_key(store: KeyStore, key_id: str) -> KeyRecord:
    """Revoke a key and return its record.

    Workers that have the key in memory accept it for at most `MAX_AGE_S` seconds more.

    Args:
        key_id: `KeyRecord.key_id`, or the whole hash.

    Raises:
        NotFound: no key has this id.
        ValueError: several keys have this id, or it has fewer than 12 digits.
        TransientError: the store did not answer.
    """
    if len(key_id) < KEY_ID_CHARACTERS:
        raise ValueError(f"the id of a key has {KEY_ID_CHARACTERS} digits")
    named = [record for record in store.records() if record.key_hash.startswith(key_id)]
    if not named:
        raise NotFound(f"there is no key {key_id}")
    if len(named) > 1:
        raise ValueError(f"several keys have the id {key_id}: give more of its digits")
    at = named[0].revoked_at or now()
    store.revoke(named[0].key_hash, at)
    return named[0].model_copy(update={"revoked_at": at})


@dataclass(slots=True)
class KeyRing:
    """Finds the record of a key, and caches it in this process for `max_age_s` seconds.

    A revoked key works until its cache entry expires; a key with an expiry stops on time. Unknown
    keys are not cached, so a new key works at once. Thread-safe.
    """

    store: KeyStore
    max_age_s: float = MAX_AGE_S
    clock: Callable[[], float] = time.monotonic
    _cache: OrderedDict[str, tuple[float, KeyRecord]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def record_of(self, key: str) -> KeyRecord | None:
        """Return the record of a valid key, otherwise None. Raises TransientError."""
        if not well_formed(key):
            return None
        key_hash = hash_key(key)
        with self._lock:
            cached = self._cache.get(key_hash)
            if cached is not None and self.clock() - cached[0] < self.max_age_s:
                return cached[1] if cached[1].works(now()) else None
        asked_at = self.clock()
        record = self.store.find(key_hash)
        with self._lock:
            self._cache.pop(key_hash, None)
            if record is None or not record.works(now()):
                return None
            self._cache[key_hash] = (asked_at, record)
            if len(self._cache) > _MAX_CACHED:
                self._cache.popitem(last=False)
        return record
