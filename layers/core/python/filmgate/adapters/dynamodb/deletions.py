"""Removing assets and matches from DynamoDB for good."""

from __future__ import annotations

from pynamodb.transactions import TransactWrite

from filmgate.adapters.dynamodb.assets import ASSET, AssetRow, OwnerRow, asset_row, owners_pk
from filmgate.adapters.dynamodb.errors import transient
from filmgate.adapters.dynamodb.matches import MatchRow
from filmgate.adapters.dynamodb.rows import BY_STATE, cursor_of, pk, possible, start_key, transact
from filmgate.adapters.dynamodb.runs import ResultRow
from filmgate.adapters.dynamodb.tables import connection, in_table
from filmgate.library.matches import match_id
from filmgate.library.model import Asset, AssetState
from filmgate.library.ports import Page


class DynamoDeletions:
    """`filmgate.library.ports.Deletions`. Every method may raise TransientError."""

    def __init__(self, assets_table: str, matches_table: str) -> None:
        self._deleted = in_table(AssetRow, assets_table)
        self._kept_results = in_table(ResultRow, assets_table)
        self._content = in_table(OwnerRow, assets_table)
        self._pairs = in_table(MatchRow, matches_table)
        self._writes = connection()

    def owners(self, tenant: str, sha256: str) -> list[str]:
        """Strongly consistent."""
        with transient("the owners of a content"):
            rows = self._content.query(owners_pk(tenant, sha256), consistent_read=True)
            return [row.sk for row in rows]

    def disown(self, tenant: str, sha256: str, asset_id: str) -> None:
        """Repeating it is harmless."""
        with transient("an owner of a content"):
            self._content(owners_pk(tenant, sha256), asset_id).delete()

    def list_deleted(self, tenant: str, *, limit: int, cursor: str | None) -> Page[Asset]:
        """The first to be purged first. Raises InvalidCursor."""
        hash_key = pk(tenant, AssetState.DELETED.value)

        def key_of(asset_id: str, sk: str) -> tuple[str, str]:
            return pk(tenant, asset_id), sk

        with transient("the list of deleted assets"):
            places = [
                str(row.state_sk)
                for row in self._deleted.query(
                    hash_key,
                    index_name=BY_STATE,
                    limit=limit + 1,
                    last_evaluated_key=start_key(BY_STATE, hash_key, cursor, key_of),
                )
            ]
            keys = [(pk(tenant, place.split("#")[1]), ASSET) for place in places[:limit]]
            rows = list(self._deleted.batch_get(keys, consistent_read=True))
        # The index may lag behind: what the record says now counts.
        assets = [row.record() for row in rows]
        deleted = [asset for asset in assets if asset.state is AssetState.DELETED]
        return Page(
            items=sorted(deleted, key=lambda asset: asset.purge_at or asset.updated_at),
            cursor=cursor_of(places[limit - 1]) if len(places) > limit else None,
        )

    def remove(self, asset: Asset) -> bool:
        """The record with its results, in one step; False if it was changed."""
        hash_key = pk(asset.tenant, asset.asset_id)
        results = self._kept_results.sk.startswith("RESULT#")
        with transient("an asset"):
            rows = list(self._kept_results.query(hash_key, results, consistent_read=True))

            def write(transaction: TransactWrite) -> None:
                transaction.delete(asset_row(self._deleted, asset))
                for row in rows:
                    transaction.delete(row)

            return transact(self._writes, write)

    def match_ids_of(
        self, tenant: str, asset_id: str, *, limit: int, cursor: str | None
    ) -> Page[str]:
        """By the other side's id, withdrawn ones too. Strongly consistent."""
        if not possible(asset_id):
            return Page(items=[])
        after = None if cursor is None else self._pairs.sk > cursor
        with transient("matches"):
            others = [
                row.sk
                for row in self._pairs.query(
                    pk(tenant, asset_id),
                    after,
                    limit=limit + 1,
                    consistent_read=True,
                    attributes_to_get=["pk", "sk"],
                )
            ]
        return Page(
            items=[match_id(asset_id, other) for other in others[:limit]],
            cursor=others[limit - 1] if len(others) > limit else None,
        )

    def remove_match(self, tenant: str, match_id: str) -> None:
        """Both rows of the pair."""
        a, _, b = match_id.partition(":")

        def write(transaction: TransactWrite) -> None:
            transaction.delete(self._pairs(pk(tenant, a), b))
            transaction.delete(self._pairs(pk(tenant, b), a))

        with transient("a match"):
            transact(self._writes, write)
