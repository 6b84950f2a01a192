"""Assets, jobs and matches in DynamoDB, for who needs both tables."""

from __future__ import annotations

from filmgate.adapters.dynamodb.assets import DynamoAssets
from filmgate.adapters.dynamodb.matches import DynamoMatches


class DynamoLibrary(DynamoAssets, DynamoMatches):
    """`filmgate.library.ports.Library`. Every method may raise TransientError."""

    def __init__(self, assets_table: str, matches_table: str) -> None:
        DynamoAssets.__init__(self, assets_table)
        DynamoMatches.__init__(self, matches_table)
