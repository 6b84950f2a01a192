"""Environment variables of the functions, in small groups.

Each field is read from the variable with its name in capitals and the prefix FILMGATE_. A group
is read when it is first used, so a function needs only the variables of the groups that it uses.
A missing variable raises ValidationError.

The groups here name parts of a deployment. A group with the constants of a package is defined in
that package, so that a function loads only the packages that it uses.
"""

from __future__ import annotations

from pydantic_settings import BaseSettings, SettingsConfigDict


class Environment(BaseSettings):
    """A group of variables."""

    model_config = SettingsConfigDict(env_prefix="FILMGATE_", frozen=True)


class AssetTableSettings(Environment):
    """The table of assets and jobs."""

    assets_table: str


class MatchTableSettings(Environment):
    """The table of matches."""

    matches_table: str


class KeyTableSettings(Environment):
    """The table of API keys."""

    keys_table: str


class AuditTableSettings(Environment):
    """The table of the audit log."""

    audit_table: str


class RawSettings(Environment):
    """The bucket of uploads."""

    raw_bucket: str


class ArtifactSettings(Environment):
    """The bucket of derived files."""

    artifacts_bucket: str


class IndexTableSettings(Environment):
    """The table of the index."""

    index_table: str


class CompactionSettings(Environment):
    """The function that compacts the index: its name or ARN."""

    compact_function: str


class WorkflowSettings(Environment):
    """The two state machines of the workflow `analyze`."""

    express_workflow_arn: str
    standard_workflow_arn: str

    @property
    def arns(self) -> dict[str, str]:
        """ARNs by the names in `filmgate.library.ports.Workflows`."""
        return {"express": self.express_workflow_arn, "standard": self.standard_workflow_arn}


class BackfillSettings(Environment):
    """The state machine `backfill`."""

    backfill_workflow_arn: str


class IdempotencySettings(Environment):
    """The table of requests that were already processed."""

    idempotency_table: str


class IngestQueueSettings(Environment):
    """The queue of uploads, to return messages to it."""

    ingest_queue_url: str


class DeadLetterSettings(Environment):
    """The queue where messages wait for the redrive command."""

    dead_letters_url: str


class EmbeddingSettings(Environment):
    """The manifest of an embedding model: a path, or a key in the artifacts bucket; see
    `filmgate.engines.embedding.load`. Empty if there is no model."""

    embedding_model: str = ""


class FunctionSettings(BaseSettings):
    """Set by Lambda itself: the memory of the function, in MiB."""

    model_config = SettingsConfigDict(env_prefix="AWS_LAMBDA_FUNCTION_", frozen=True)

    memory_size: int
