"""API keys: made once, stored hashed, found fast."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmgate.access import service
from filmgate.access.model import hash_key, new_key, valid_tenant, well_formed
from filmgate.access.service import KeyRing, create_key, revoke_key
from filmgate.clock import now
from filmgate.errors import NotFound
from tests.memory_keys import MemoryKeyStore


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def tenant_of(ring: KeyRing, key: str) -> str | None:
    record = ring.record_of(key)
    return record.tenant if record else None


def test_the_store_never_sees_the_key() -> None:
    store = MemoryKeyStore()
    key = create_key(store, "acme", "laptop")
    assert key not in repr(store.stored)
    (record,) = store.stored.values()
    assert record.tenant == "acme"
    assert record.label == "laptop"
    assert record.key_hash == hash_key(key)


def test_two_keys_of_a_tenant_differ_and_both_work() -> None:
    store = MemoryKeyStore()
    ring = KeyRing(store)
    first, second = (create_key(store, "acme", "laptop") for _ in range(2))
    assert first != second
    assert tenant_of(ring, first) == tenant_of(ring, second) == "acme"


@pytest.mark.parametrize("tenant", ["", "A", "a#b", "a/b", "-a", "a-", "a" * 64, "å", "a\n", "a b"])
def test_a_tenant_that_could_break_a_table_key_is_refused(tenant: str) -> None:
    store = MemoryKeyStore()
    with pytest.raises(ValueError, match="cannot name a tenant"):
        create_key(store, tenant, "laptop")
    assert not store.stored


@pytest.mark.parametrize("label", ["", "x" * 201])
def test_a_label_has_bounds(label: str) -> None:
    with pytest.raises(ValueError, match="label"):
        create_key(MemoryKeyStore(), "acme", label)


def test_a_found_key_is_remembered_for_a_minute_and_no_longer() -> None:
    store, clock = MemoryKeyStore(), Clock()
    ring = KeyRing(store, clock=clock)
    key = create_key(store, "acme", "laptop")
    assert tenant_of(ring, key) == "acme"
    store.stored.clear()
    clock.now = 59.9
    assert tenant_of(ring, key) == "acme"
    assert store.lookups == 1
    clock.now = 60.0
    assert tenant_of(ring, key) is None
    assert store.lookups == 2


def test_an_unknown_key_is_not_remembered() -> None:
    store = MemoryKeyStore()
    ring = KeyRing(store)
    key = create_key(store, "acme", "laptop")
    record = store.stored.pop(hash_key(key))
    assert tenant_of(ring, key) is None
    store.add(record)
    assert tenant_of(ring, key) == "acme"


def test_what_cannot_be_a_key_costs_no_look_up() -> None:
    store = MemoryKeyStore()
    ring = KeyRing(store)
    for text in ("", "fg_", "x" * 100_000, new_key() + "\n", "fg_" + "é" * 43):
        assert tenant_of(ring, text) is None
    assert store.lookups == 0


def test_memory_stays_bounded() -> None:
    store = MemoryKeyStore()
    ring = KeyRing(store)
    keys = [create_key(store, "acme", "many") for _ in range(1100)]
    for key in keys:
        tenant_of(ring, key)
    assert len(ring._cache) == 1024
    tenant_of(ring, keys[0])
    assert store.lookups == 1101


@given(st.text())
def test_only_our_shape_is_well_formed(text: str) -> None:
    assert well_formed(text) == bool(re.fullmatch(r"fg_[A-Za-z0-9_-]{43}", text))


@given(st.text(max_size=70))
def test_a_valid_tenant_is_safe_in_keys(text: str) -> None:
    if valid_tenant(text):
        assert re.fullmatch(r"[a-z0-9-]{1,63}", text)


def test_new_keys_are_well_formed() -> None:
    assert all(well_formed(new_key()) for _ in range(100))


def test_a_key_stops_at_its_expiry_even_where_it_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = MemoryKeyStore()
    ring = KeyRing(store)
    soon = now() + timedelta(hours=1)
    key = create_key(store, "acme", "guest", expires_at=soon)
    assert tenant_of(ring, key) == "acme"
    monkeypatch.setattr(service, "now", lambda: soon)
    assert tenant_of(ring, key) is None
    assert tenant_of(KeyRing(store), key) is None


def test_a_key_cannot_be_made_that_never_works() -> None:
    with pytest.raises(ValueError, match="in the future"):
        create_key(MemoryKeyStore(), "acme", "late", expires_at=now())


def test_a_revoked_key_stops_within_a_minute_and_others_work_on() -> None:
    store, clock = MemoryKeyStore(), Clock()
    ring = KeyRing(store, clock=clock)
    kept, gone = (create_key(store, "acme", name) for name in ("kept", "gone"))
    assert tenant_of(ring, gone) == "acme"
    first = revoke_key(store, hash_key(gone)[:12])
    assert first.revoked_at is not None
    assert revoke_key(store, hash_key(gone)).revoked_at == first.revoked_at
    assert tenant_of(KeyRing(store), gone) is None
    clock.now = 60.0
    assert tenant_of(ring, gone) is None
    assert tenant_of(ring, kept) == "acme"


@pytest.mark.parametrize(
    ("key_id", "error"), [("0" * 12, NotFound), ("abc", ValueError), ("", ValueError)]
)
def test_only_a_key_that_exists_is_revoked(key_id: str, error: type[Exception]) -> None:
    store = MemoryKeyStore()
    create_key(store, "acme", "laptop")
    with pytest.raises(error):
        revoke_key(store, key_id)
    assert all(record.revoked_at is None for record in store.records())


def test_keys_are_listed_by_tenant_and_age() -> None:
    store = MemoryKeyStore()
    for tenant in ("acme", "rival", "acme"):
        create_key(store, tenant, f"of {tenant}")
    assert [record.tenant for record in store.records("acme")] == ["acme", "acme"]
    assert len(store.records()) == 3
