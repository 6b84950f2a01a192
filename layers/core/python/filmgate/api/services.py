"""The dependencies of the API. The function provides AWS, tests provide memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from filmgate.access.service import KeyRing
from filmgate.library.ports import Library, ObjectStore, Signer, Workflows
from filmgate.media.limits import Limits
from filmgate.review.audit import AuditLog


@dataclass(frozen=True, slots=True)
class Observed:
    """One answered request. Holds no path, query, body, header or address of the caller.

    Attributes:
        route: the route's template, such as ``/assets/{asset_id}``; empty where none matched.
        tenant: None without a valid key.
        error: what went wrong inside, for status 500 and above.
    """

    request_id: str
    method: str
    route: str
    status: int
    duration_ms: float
    tenant: str | None
    error: Exception | None


def _unobserved(_: Observed) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Services:
    """Ports and settings of one running API.

    Attributes:
        upload_expires_s: how long an upload form is valid. It expires earlier if the credentials
            that signed it do; then a client requests another one.
        observe: called after every request.
    """

    library: Library
    objects: ObjectStore
    signer: Signer
    workflows: Workflows
    keys: KeyRing
    audit: AuditLog
    stage: str
    limits: Limits = field(default_factory=Limits)
    upload_expires_s: int = 900
    observe: Callable[[Observed], None] = _unobserved
