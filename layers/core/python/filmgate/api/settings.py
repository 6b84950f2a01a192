"""What the API reads from its environment."""

from __future__ import annotations

from pydantic_settings import BaseSettings, SettingsConfigDict

from filmgate.media.limits import Limits


class ApiSettings(BaseSettings):
    """Environment variables of the same names with FILMGATE_ in front; LIMITS is JSON."""

    model_config = SettingsConfigDict(env_prefix="FILMGATE_", frozen=True)

    stage: str
    raw_bucket: str
    artifacts_bucket: str
    assets_table: str
    matches_table: str
    keys_table: str
    image_workflow_arn: str
    video_workflow_arn: str
    limits: Limits = Limits()
