"""The audit log: append-only, and each event carries the hash of the one before.

Whoever changes, removes or reorders stored events breaks the chain, which `broken_link` finds. The
newest events can still be cut off; export the log, or its last hash, to notice that as well.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from pydantic import Field, JsonValue

from filmgate.clock import now
from filmgate.errors import TransientError
from filmgate.library.ports import Page
from filmgate.model import FrozenModel

FIRST = "0" * 64
"""What the first event of a tenant has for the hash of the one before."""
_TRIES = 20
_WAIT_S = 0.01


class AuditEvent(FrozenModel):
    """Something that was done to a tenant's library.

    Attributes:
        number: 1 for the tenant's first event, without gaps.
        actor: who did it: the id of an API key, ``operator``, or ``policy``.
        action: such as ``asset.deleted``.
        subject: the id of what it was done to.
        previous: the hash of the event before.
        hash: SHA-256 in hex over all other fields.
    """

    tenant: str
    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, JsonValue] = Field(default_factory=dict)
    previous: str
    hash: str


class AuditLog(Protocol):
    """Events of all tenants. Nothing here changes or removes one."""

    def last(self, tenant: str) -> AuditEvent | None:
        """Strongly consistent. Raises TransientError."""

    def append(self, event: AuditEvent) -> bool:
        """False, with nothing stored, if the tenant has an event of this number. Raises
        TransientError."""

    def events(self, tenant: str, *, limit: int, cursor: str | None) -> Page[AuditEvent]:
        """Oldest first. Raises InvalidCursor, TransientError."""


def record(
    log: AuditLog,
    tenant: str,
    *,
    actor: str,
    action: str,
    subject: str,
    details: dict[str, JsonValue] | None = None,
) -> AuditEvent:
    """Append an event. Raises TransientError."""
    for tried in range(_TRIES):
        last = log.last(tenant)
        event = _sealed(
            AuditEvent(
                tenant=tenant,
                number=last.number + 1 if last else 1,
                at=now(),
                actor=actor,
                action=action,
                subject=subject,
                details=details or {},
                previous=last.hash if last else FIRST,
                hash="",
            )
        )
        if log.append(event):
            return event
        # Writers that met once part ways.
        time.sleep(random.uniform(0, _WAIT_S * (tried + 1)))  # noqa: S311
    raise TransientError("others wrote to the audit log again and again")


def broken_link(events: Iterable[AuditEvent]) -> int | None:
    """The number of the first event, of a tenant's from the first on, that does not follow from
    the one before or was changed; None where all hold."""
    number, previous = 1, FIRST
    for event in events:
        if event.number != number or event.previous != previous or _sealed(event) != event:
            return event.number
        number, previous = number + 1, event.hash
    return None


def _sealed(event: AuditEvent) -> AuditEvent:
    content = event.model_dump(mode="json", exclude={"hash"})
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return event.model_copy(update={"hash": hashlib.sha256(text.encode()).hexdigest()})
