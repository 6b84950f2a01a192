"""Retention policies: for how many days a tenant keeps each kind of data."""

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
"""None to keep the data for ever."""


class TenantPolicy(FrozenModel):
    """Days until data of each kind is removed.

    For uploaded bytes, the days count from the upload; for all other data, from the last run of an
    engine on the asset. Records, results and matches are always kept.
    """

    raw: Days = None
    frames: Days = None
    sound: Days = None
    fingerprints: Days = None
    embeddings: Days = None
    findings: Days = None
    outputs: Days = None

    def days(self, kind: DataKind) -> int | None:
        """Return the days for this kind of data; None if it is kept."""
        days: int | None = getattr(self, kind.value)
        return days

    @property
    def keeps_everything(self) -> bool:
        return all(self.days(kind) is None for kind in DataKind)


def policy_of(objects: ObjectStore, tenant: str) -> TenantPolicy:
    """Return the policy of a tenant, which by default keeps everything. Raises TransientError."""
    try:
        return TenantPolicy.model_validate_json(objects.get("artifacts", _address(tenant)))
    except NotFound:
        return TenantPolicy()


def set_policy(
    objects: ObjectStore, audit: AuditLog, tenant: str, policy: TenantPolicy, *, actor: str
) -> None:
    """Record the change in the audit log, then replace the policy. Raises TransientError."""
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
