"""The append-only audit log, in which each event contains the hash of the previous one.

Changing, removing or reordering stored events breaks the chain, and `broken_link` detects that. The
newest events could still be cut off; export the log, or its last hash, to detect that as well.
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
"""The previous hash of the first event of a tenant."""
_TRIES = 20
_WAIT_S = 0.01


class AuditEvent(FrozenModel):
    """An action on a tenant's library.

    Attributes:
        number: 1 for the tenant's first event, without gaps.
        actor: the id of an API key, ``operator``, or ``policy``.
        action: such as ``asset.deleted``.
        subject: the id of the object of the action.
        previous: the hash of the previous event.
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
    """The events of all tenants, which cannot be changed or removed."""

    def last(self, tenant: str) -> AuditEvent | None:
        """Return the latest event of a tenant. Strongly consistent. Raises TransientError."""

    def append(self, event: AuditEvent) -> bool:
        """Store an event. Returns False, with nothing stored, if its number exists already.

        Raises TransientError.
        """

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
        # A random delay separates concurrent writers.
        time.sleep(random.uniform(0, _WAIT_S * (tried + 1)))  # noqa: S311
    raise TransientError("other writers kept writing to the audit log")


def broken_link(events: Iterable[AuditEvent]) -> int | None:
    """Return the number of the first event that was changed or does not follow the previous one.

    Returns None if all are intact.

    Args:
        events: all events of a tenant, oldest first.
    """
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
