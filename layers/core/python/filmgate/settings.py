"""What the functions read from their environment: small groups, each for one need.

Every field is the variable of its name in capitals with FILMGATE_ in front. Read at first use,
so a function needs only the variables of the groups it uses. A missing one is a ValidationError.
"""

from __future__ import annotations

from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict

from filmgate.dedupe.index.settings import BandSettings, IndexSettings
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate.media.limits import Limits
from filmgate.pipeline.budget import MatchBudget


class Environment(BaseSettings):
    """A group of variables."""

    model_config = SettingsConfigDict(env_prefix="FILMGATE_", frozen=True)


class AssetTableSettings(Environment):
    """The table of assets and jobs."""

    assets_table: str


class MatchTableSettings(Environment):
    """The table of matches."""

    matches_table: str


class RawSettings(Environment):
    """The bucket of what tenants upload."""

    raw_bucket: str


class ArtifactSettings(Environment):
    """The bucket of what Filmgate makes."""

    artifacts_bucket: str


class IndexTableSettings(Environment):
    """The table of the index."""

    index_table: str


class CompactionSettings(Environment):
    """The function that compacts the index: its name or ARN."""

    compact_function: str


class SearchSettings(Environment):
    """Which candidate index it is, and its constants: JSON of the classes of
    `filmgate.dedupe.index.settings`."""

    index: Literal["segments", "bands"] = "segments"
    index_settings: IndexSettings = IndexSettings()
    band_settings: BandSettings = BandSettings()


class BudgetSettings(Environment):
    """How long an asset is compared; JSON of `filmgate.pipeline.budget.MatchBudget`."""

    match_budget: MatchBudget = MatchBudget()


class WorkflowSettings(Environment):
    """The two state machines of the workflow `analyze`."""

    express_workflow_arn: str
    standard_workflow_arn: str

    @property
    def arns(self) -> dict[str, str]:
        """By the names of `filmgate.library.ports.Workflows`."""
        return {"express": self.express_workflow_arn, "standard": self.standard_workflow_arn}


class BackfillSettings(Environment):
    """The state machine `backfill`."""

    backfill_workflow_arn: str


class IdempotencySettings(Environment):
    """The table of what was done already."""

    idempotency_table: str


class IngestQueueSettings(Environment):
    """The queue of uploads, for giving a message back."""

    ingest_queue_url: str


class DeadLetterSettings(Environment):
    """The queue where messages wait for the redrive command."""

    dead_letters_url: str


class EmbeddingSettings(Environment):
    """The manifest of an embedding model: a path, or a key in the artifacts bucket; see
    `filmgate.engines.embedding.load`. Empty for none."""

    embedding_model: str = ""


class FunctionSettings(BaseSettings):
    """What Lambda itself says of the function: its memory, in MiB."""

    model_config = SettingsConfigDict(env_prefix="AWS_LAMBDA_FUNCTION_", frozen=True)

    memory_size: int


class LimitSettings(Environment):
    """Bounds on media; JSON of `filmgate.media.limits.Limits`."""

    limits: Limits = Limits()


class DecisionSettings(Environment):
    """Thresholds and weights; JSON of `filmgate.dedupe.matching.settings.MatchSettings`."""

    match_settings: MatchSettings = MatchSettings()
