"""The audit log's contract. Subclass, and give a `log` fixture."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import JsonValue

from filmgate.errors import InvalidCursor
from filmgate.review.audit import AuditEvent, AuditLog, broken_link, record

DETAILS: dict[str, JsonValue] = {
    "reason": "asked to: \u00e9, \U0001f3ac",
    "days": 30,
    "share": 0.1,
    "nothing": None,
    "list": [1, {"deep": True}],
}


def every(log: AuditLog, tenant: str, limit: int = 100) -> list[AuditEvent]:
    found: list[AuditEvent] = []
    cursor = None
    for _ in range(100):
        page = log.events(tenant, limit=limit, cursor=cursor)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found
    raise AssertionError("the log does not end")


class AuditContract:
    @pytest.fixture
    def tenant(self) -> str:
        return f"t-{uuid.uuid4().hex[:10]}"

    def write(self, log: AuditLog, tenant: str, subject: str) -> AuditEvent:
        return record(
            log,
            tenant,
            actor="key1",
            action="asset.deleted",
            subject=subject,
            details=DETAILS,
        )

    def test_events_come_back_as_they_were_written(self, log: AuditLog, tenant: str) -> None:
        assert log.last(tenant) is None
        written = [self.write(log, tenant, f"a{number}") for number in range(3)]
        assert every(log, tenant) == written
        assert log.last(tenant) == written[-1]
        assert broken_link(every(log, tenant)) is None

    @pytest.mark.parametrize("limit", [1, 3, 7, 100])
    def test_pages_hold_all_in_order(self, log: AuditLog, tenant: str, limit: int) -> None:
        for number in range(12):
            self.write(log, tenant, f"a{number}")
        assert [event.number for event in every(log, tenant, limit)] == list(range(1, 13))

    def test_a_number_is_given_once(self, log: AuditLog, tenant: str) -> None:
        first = self.write(log, tenant, "a1")
        assert not log.append(first.model_copy(update={"subject": "other"}))
        assert every(log, tenant) == [first]

    def test_writers_at_the_same_time_keep_one_chain(self, log: AuditLog, tenant: str) -> None:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda n: self.write(log, tenant, str(n)), range(12)))
        events = every(log, tenant)
        assert broken_link(events) is None
        assert sorted(int(event.subject) for event in events) == list(range(12))

    def test_tenants_have_logs_of_their_own(self, log: AuditLog, tenant: str) -> None:
        self.write(log, tenant, "a1")
        assert every(log, f"{tenant}-x") == []
        assert self.write(log, f"{tenant}-x", "a2").number == 1

    @pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "\u00b2"])
    def test_what_is_no_cursor_is_refused(self, log: AuditLog, tenant: str, cursor: str) -> None:
        with pytest.raises(InvalidCursor):
            log.events(tenant, limit=9, cursor=cursor)
