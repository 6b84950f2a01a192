"""The scheduled purge over memory: every tenant, revoked keys too, in bounded time."""

from __future__ import annotations

import pytest

from filmgate.access.service import create_key, revoke_key
from filmgate.errors import TransientError
from filmgate.review.policy import TenantPolicy, set_policy
from tests.memory_keys import MemoryKeyStore
from tests.unit.functions.context import Context
from tests.unit.functions.test_handlers import emitted, event, module
from tests.unit.review.world import TWO, World, later

NOTHING = {"stuck": 0, "forgotten": 0, "purged": 0, "removed": 0}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def keys() -> MemoryKeyStore:
    store = MemoryKeyStore()
    create_key(store, "acme", "test")
    (record,) = store.records("acme")
    revoke_key(store, record.key_id)
    return store


def test_everything_due_is_done_for_tenants_without_a_key_too(
    world: World,
    keys: MemoryKeyStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    purge = module("purge")
    monkeypatch.setattr(purge, "_wired", lambda: (keys, world.purging))
    world.delete(world.add("a.png"))
    world.add("b.png", TWO)
    world.add("c.png", "ef" * 32, done=False)
    set_policy(world.objects, world.audit, "acme", TenantPolicy(raw=30), actor="key1")
    later(monkeypatch)
    assert purge.handler(event("purge"), Context(remaining_ms=50_000)) == NOTHING
    done = purge.handler(event("purge"), Context())
    assert done == {"stuck": 1, "forgotten": 0, "purged": 1, "removed": 2}
    assert world.objects.keys("raw") == []
    metrics = emitted(capsys.readouterr().out)
    assert metrics["AssetsPurged"] == [1.0]
    assert purge.handler(event("purge"), Context()) == NOTHING


def test_a_step_that_fails_holds_up_no_other(
    world: World, keys: MemoryKeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    purge = module("purge")
    create_key(keys, "other", "test")
    monkeypatch.setattr(purge, "_wired", lambda: (keys, world.purging))
    world.delete(world.add("a.png"))
    later(monkeypatch)

    def down(*_: object, **__: object) -> None:
        raise TransientError("DynamoDB did not answer")

    monkeypatch.setattr(world.library, "overdue", down)
    assert purge.handler(event("purge"), Context()) == NOTHING | {"purged": 1}
