"""API keys: made once, stored hashed, found fast."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmgate.access.model import hash_key, new_key, valid_tenant, well_formed
from filmgate.access.service import KeyRing, create_key
from tests.memory_keys import MemoryKeyStore


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_store_never_sees_the_key() -> None:
    store = MemoryKeyStore()
    key = create_key(store, "acme", "laptop")
    assert key not in repr(store.records)
    (record,) = store.records.values()
    assert record.tenant == "acme"
    assert record.label == "laptop"
    assert record.key_hash == hash_key(key)


def test_two_keys_of_a_tenant_differ_and_both_work() -> None:
    store = MemoryKeyStore()
    ring = KeyRing(store)
    first, second = (create_key(store, "acme", "laptop") for _ in range(2))
    assert first != second
    assert ring.tenant_of(first) == ring.tenant_of(second) == "acme"


@pytest.mark.parametrize("tenant", ["", "A", "a#b", "a/b", "-a", "a-", "a" * 64, "å", "a\n", "a b"])
def test_a_tenant_that_could_break_a_table_key_is_refused(tenant: str) -> None:
    store = MemoryKeyStore()
    with pytest.raises(ValueError, match="cannot name a tenant"):
        create_key(store, tenant, "laptop")
    assert not store.records


@pytest.mark.parametrize("label", ["", "x" * 201])
def test_a_label_has_bounds(label: str) -> None:
    with pytest.raises(ValueError, match="label"):
        create_key(MemoryKeyStore(), "acme", label)


def test_a_found_key_is_remembered_for_a_minute_and_no_longer() -> None:
    store, clock = MemoryKeyStore(), Clock()
    ring = KeyRing(store, clock=clock)
    key = create_key(store, "acme", "laptop")
    assert ring.tenant_of(key) == "acme"
    store.records.clear()
    clock.now = 59.9
    assert ring.tenant_of(key) == "acme"
    assert store.lookups == 1
    clock.now = 60.0
    assert ring.tenant_of(key) is None
    assert store.lookups == 2


def test_an_unknown_key_is_not_remembered() -> None:
    store = MemoryKeyStore()
    ring = KeyRing(store)
    key = create_key(store, "acme", "laptop")
    record = store.records.pop(hash_key(key))
    assert ring.tenant_of(key) is None
    store.add(record)
    assert ring.tenant_of(key) == "acme"


def test_what_cannot_be_a_key_costs_no_look_up() -> None:
    store = MemoryKeyStore()
    ring = KeyRing(store)
    for text in ("", "fg_", "x" * 100_000, new_key() + "\n", "fg_" + "é" * 43):
        assert ring.tenant_of(text) is None
    assert store.lookups == 0


def test_memory_stays_bounded() -> None:
    store = MemoryKeyStore()
    ring = KeyRing(store)
    keys = [create_key(store, "acme", "many") for _ in range(1100)]
    for key in keys:
        ring.tenant_of(key)
    assert len(ring._known) == 1024
    ring.tenant_of(keys[0])
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
