"""What the API reads from its environment."""

from __future__ import annotations

from pydantic import Field

from filmgate.settings import (
    ArtifactSettings,
    AssetTableSettings,
    BackfillSettings,
    LimitSettings,
    MatchTableSettings,
    RawSettings,
    WorkflowSettings,
)


class ApiSettings(
    AssetTableSettings,
    MatchTableSettings,
    RawSettings,
    ArtifactSettings,
    WorkflowSettings,
    BackfillSettings,
    LimitSettings,
):
    """Those of storage and workflows, the table of API keys, the stage `/health` names, and for how
    many seconds an upload's form is signed."""

    stage: str
    keys_table: str
    upload_expires_s: int = Field(900, ge=60, le=3600)
