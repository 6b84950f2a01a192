"""The audit log in DynamoDB: a tenant's events by number. No role may change or delete one."""

from __future__ import annotations

from datetime import datetime

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError
from pynamodb.models import Model

from filmgate.adapters.dynamodb.errors import refused, transient
from filmgate.adapters.dynamodb.rows import instant
from filmgate.adapters.dynamodb.tables import in_table
from filmgate.errors import InvalidCursor
from filmgate.library.ports import Page
from filmgate.review.audit import AuditEvent


class _EventRow(Model):
    tenant = UnicodeAttribute(hash_key=True)
    number = NumberAttribute(range_key=True)
    at = UnicodeAttribute()
    actor = UnicodeAttribute()
    action = UnicodeAttribute()
    subject = UnicodeAttribute()
    details = JSONAttribute()
    previous = UnicodeAttribute()
    hash = UnicodeAttribute()

    def record(self) -> AuditEvent:
        """The event in this row."""
        values = {name: getattr(self, name) for name in AuditEvent.model_fields}
        return AuditEvent.model_validate(values | {"at": datetime.fromisoformat(self.at)})


class DynamoAuditLog:
    """`filmgate.review.audit.AuditLog`. Every method may raise TransientError."""

    def __init__(self, audit_table: str) -> None:
        self._rows = in_table(_EventRow, audit_table)

    def last(self, tenant: str) -> AuditEvent | None:
        """Strongly consistent."""
        with transient("the audit log"):
            rows = self._rows.query(tenant, scan_index_forward=False, limit=1, consistent_read=True)
            return next((row.record() for row in rows), None)

    def append(self, event: AuditEvent) -> bool:
        """False where the number is taken."""
        row = self._rows(**event.model_dump() | {"at": instant(event.at)})
        with transient("an audit event"):
            try:
                row.save(self._rows.tenant.does_not_exist())
            except PutError as error:
                if not refused(error):
                    raise
                return False
        return True

    def events(self, tenant: str, *, limit: int, cursor: str | None) -> Page[AuditEvent]:
        """Oldest first; a cursor is the number of the last event. Raises InvalidCursor."""
        if cursor is not None and not (cursor.isascii() and cursor.isdecimal()):
            raise InvalidCursor("not a cursor of the audit log")
        after = None if cursor is None else self._rows.number > int(cursor)
        with transient("the audit log"):
            rows = list(self._rows.query(tenant, after, limit=limit + 1, consistent_read=True))
        page = [row.record() for row in rows[:limit]]
        more = len(rows) > limit
        return Page(items=page, cursor=str(page[-1].number) if more else None)
