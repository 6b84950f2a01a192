"""The audit log: an unbroken chain, whoever writes at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from filmgate.errors import TransientError
from filmgate.review.audit import AuditEvent, broken_link, record
from tests.contracts.audit import AuditContract
from tests.memory_audit import MemoryAuditLog


def a_log(events: int = 5, actor: str = "key1") -> MemoryAuditLog:
    log = MemoryAuditLog()
    for number in range(events):
        record(log, "acme", actor=actor, action="asset.deleted", subject=f"a{number}")
    return log


def stored(log: MemoryAuditLog) -> list[AuditEvent]:
    return log.events("acme", limit=1000, cursor=None).items


def test_events_follow_from_each_other() -> None:
    events = stored(a_log())
    assert [event.number for event in events] == [1, 2, 3, 4, 5]
    assert broken_link(events) is None
    assert broken_link([]) is None


@pytest.mark.parametrize("number", [1, 3, 5])
@pytest.mark.parametrize(
    "change", [{"subject": "other"}, {"actor": "nobody"}, {"details": {"reason": "x"}}]
)
def test_a_changed_event_is_noticed(number: int, change: dict[str, object]) -> None:
    events = stored(a_log())
    events[number - 1] = events[number - 1].model_copy(update=change)
    assert broken_link(events) == number


def test_a_removed_and_a_moved_event_are_noticed() -> None:
    events = stored(a_log())
    assert broken_link(events[1:]) == 2
    assert broken_link(events[:2] + events[3:]) == 4
    assert broken_link([events[0], events[2], events[1], *events[3:]]) == 3


def test_an_event_of_another_chain_is_noticed() -> None:
    one, other = stored(a_log()), stored(a_log(actor="key2"))
    assert broken_link([*one[:3], *other[3:]]) == 4


def test_writers_at_the_same_time_all_get_their_place() -> None:
    log = MemoryAuditLog()

    def write(number: int) -> AuditEvent:
        return record(log, "acme", actor="key1", action="test", subject=str(number))

    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(write, range(40)))
    events = stored(log)
    assert broken_link(events) is None
    assert sorted(event.subject for event in events) == sorted(event.subject for event in written)


def test_tenants_have_chains_of_their_own() -> None:
    log = a_log(2)
    record(log, "rival", actor="key2", action="test", subject="x")
    assert [event.number for event in log.events("rival", limit=9, cursor=None).items] == [1]


def test_a_log_that_never_has_room_is_reported() -> None:
    class Full(MemoryAuditLog):
        def append(self, event: AuditEvent) -> bool:
            return False

    with pytest.raises(TransientError):
        record(Full(), "acme", actor="key1", action="test", subject="x")


class TestMemoryAuditLog(AuditContract):
    @pytest.fixture
    def log(self) -> MemoryAuditLog:
        return MemoryAuditLog()
