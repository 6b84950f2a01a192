"""What the functions read from their environment: small groups, each for one need.

Every field is the variable of its name in capitals with FILMGATE_ in front. Read at first use,
so a function needs only the variables of the groups it uses. A missing one is a ValidationError.
"""

from __future__ import annotations

from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict

from filmgate.index.settings import BandSettings, IndexSettings
from filmgate.matching.settings import MatchSettings
from filmgate.media.limits import Limits


class _Environment(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="FILMGATE_", frozen=True)


class LibrarySettings(_Environment):
    """The tables of assets, jobs and matches."""

    assets_table: str
    matches_table: str


class ArtifactSettings(_Environment):
    """The bucket of what Filmgate makes."""

    artifacts_bucket: str


class BucketSettings(ArtifactSettings):
    """Both buckets."""

    raw_bucket: str


class IndexTableSettings(_Environment):
    """The table of fresh index entries."""

    index_table: str


class SearchSettings(_Environment):
    """Which candidate index it is, and its constants: JSON of the classes of
    `filmgate.index.settings`."""

    index: Literal["segments", "bands"] = "segments"
    index_settings: IndexSettings = IndexSettings()
    band_settings: BandSettings = BandSettings()


class WorkflowSettings(_Environment):
    """The state machines."""

    image_workflow_arn: str
    video_workflow_arn: str


class IdempotencySettings(_Environment):
    """The table of what was done already."""

    idempotency_table: str


class LimitSettings(_Environment):
    """Bounds on media; JSON of `filmgate.media.limits.Limits`."""

    limits: Limits = Limits()


class DecisionSettings(_Environment):
    """Thresholds and weights; JSON of `filmgate.matching.settings.MatchSettings`."""

    match_settings: MatchSettings = MatchSettings()
