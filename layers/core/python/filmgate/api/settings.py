"""What the API reads from its environment."""

from __future__ import annotations

from filmgate.settings import (
    ArtifactSettings,
    AssetTableSettings,
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
    LimitSettings,
):
    """Those of storage and workflows, the tables of API keys and of the audit log, and the stage that
    `/health` names."""

    stage: str
    keys_table: str
    audit_table: str
