"""All records of a library in DynamoDB, for the API, which needs both tables."""

from __future__ import annotations

from filmgate.adapters.dynamodb.deletions import DynamoDeletions
from filmgate.adapters.dynamodb.matches import DynamoMatches
from filmgate.adapters.dynamodb.runs import DynamoAssetRuns


class DynamoLibrary(DynamoAssetRuns, DynamoMatches, DynamoDeletions):
    """`filmgate.library.ports.Library`. Every method may raise TransientError."""

    def __init__(self, assets_table: str, matches_table: str) -> None:
        DynamoAssetRuns.__init__(self, assets_table)
        DynamoMatches.__init__(self, matches_table)
        DynamoDeletions.__init__(self, assets_table, matches_table)
