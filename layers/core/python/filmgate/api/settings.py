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
    """Those of storage and workflows, the table of API keys, and the stage `/health` names."""

    stage: str
    keys_table: str
