"""Retention: for how many days a tenant keeps each kind of data."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from filmgate.errors import NotFound
from filmgate.library.model import DataKind
from filmgate.library.ports import ObjectStore
from filmgate.model import FrozenModel
from filmgate.review.audit import AuditLog, record

MAX_DAYS = 36_500
Days = Annotated[int, Field(ge=1, le=MAX_DAYS, strict=True)] | None
"""None keeps for ever."""


class TenantPolicy(FrozenModel):
    """Days until data of each kind is removed: uploaded bytes from when they came, all else from
    when an engine last ran on the asset. Records, results and matches stay in any case.
    """

    raw: Days = None
    frames: Days = None
    sound: Days = None
    fingerprints: Days = None
    embeddings: Days = None
    findings: Days = None
    outputs: Days = None

    def days(self, kind: DataKind) -> int | None:
        """None where data of this kind is kept."""
        found: int | None = getattr(self, kind.value)
        return found

    @property
    def keeps_everything(self) -> bool:
        return all(self.days(kind) is None for kind in DataKind)


def policy_of(objects: ObjectStore, tenant: str) -> TenantPolicy:
    """The tenant's policy; one that keeps everything where none was set. Raises TransientError."""
    try:
        return TenantPolicy.model_validate_json(objects.get("artifacts", _address(tenant)))
    except NotFound:
        return TenantPolicy()


def set_policy(
    objects: ObjectStore, audit: AuditLog, tenant: str, policy: TenantPolicy, *, actor: str
) -> None:
    """Replace the tenant's policy; recorded first. Raises TransientError."""
    before = policy_of(objects, tenant)
    record(
        audit,
        tenant,
        actor=actor,
        action="policy.changed",
        subject=tenant,
        details={"before": before.model_dump(), "after": policy.model_dump()},
    )
    body = policy.model_dump_json().encode()
    objects.put("artifacts", _address(tenant), body, "application/json")


def _address(tenant: str) -> str:
    return f"settings/tenants/{tenant}.json"
