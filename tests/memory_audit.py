"""The audit log in memory, for tests."""

from __future__ import annotations

import threading

from filmgate.errors import InvalidCursor
from filmgate.library.ports import Page
from filmgate.review.audit import AuditEvent


class MemoryAuditLog:
    """`filmgate.review.audit.AuditLog`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[str, list[AuditEvent]] = {}

    def last(self, tenant: str) -> AuditEvent | None:
        with self._lock:
            return next(reversed(self._events.get(tenant, [])), None)

    def append(self, event: AuditEvent) -> bool:
        with self._lock:
            events = self._events.setdefault(event.tenant, [])
            if event.number != len(events) + 1:
                return False
            events.append(event)
            return True

    def events(self, tenant: str, *, limit: int, cursor: str | None) -> Page[AuditEvent]:
        if cursor is not None and not (cursor.isascii() and cursor.isdecimal()):
            raise InvalidCursor("not a cursor of the audit log")
        with self._lock:
            left = self._events.get(tenant, [])[int(cursor or 0) :]
        page = left[:limit]
        more = len(left) > limit
        return Page(items=page, cursor=str(page[-1].number) if more else None)
