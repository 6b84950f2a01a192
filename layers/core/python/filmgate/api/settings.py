"""What the API reads from its environment."""

from __future__ import annotations

from pydantic import Field

from filmgate.media.settings import LimitSettings
from filmgate.settings import (
    ArtifactSettings,
    AssetTableSettings,
    AuditTableSettings,
    BackfillSettings,
    KeyTableSettings,
    MatchTableSettings,
    RawSettings,
    WorkflowSettings,
)


class ApiSettings(
    AssetTableSettings,
    MatchTableSettings,
    KeyTableSettings,
    AuditTableSettings,
    RawSettings,
    ArtifactSettings,
    WorkflowSettings,
    BackfillSettings,
    LimitSettings,
):
    """Those of storage and workflows, the stage that `/health` names, and for how many seconds an
    upload's form is signed."""

    stage: str
    upload_expires_s: int = Field(900, ge=60, le=3600)
