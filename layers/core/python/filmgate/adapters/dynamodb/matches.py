"""Matches in DynamoDB: a pair has one row under each of its sides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from filmgate.adapters.dynamodb.errors import transient
from filmgate.adapters.dynamodb.rows import (
    LISTING,
    Row,
    cursor_of,
    instant,
    pk,
    possible,
    start_key,
    transact,
)
from filmgate.adapters.dynamodb.tables import connection, in_table
from filmgate.errors import NotFound
from filmgate.library.matches import Match
from filmgate.library.ports import Page


class MatchRow(Row):
    """A pair, as seen from the asset in ``pk``; listed from its smaller side only."""

    a = UnicodeAttribute()
    b = UnicodeAttribute()
    capability = UnicodeAttribute()
    label = UnicodeAttribute()
    score = NumberAttribute()
    probability = NumberAttribute(null=True)
    engine = UnicodeAttribute()
    payload = JSONAttribute()
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()
    withdrawn_at = UnicodeAttribute(null=True)


class DynamoMatches:
    """`filmgate.library.ports.Matches`. Every method may raise TransientError."""

    def __init__(self, matches_table: str) -> None:
        self._matches = in_table(MatchRow, matches_table)
        self._connection = connection()

    def save_match(self, match: Match) -> None:
        """Store or replace the pair's verdict under both sides, keeping its first time."""

        def write(transaction: TransactWrite) -> None:
            for row in self._sides(match.tenant, match.a, match.b):
                transaction.update(row, actions=self._match_actions(match, row))

        with transient("a match"):
            transact(self._connection, write)

    def withdraw_match(self, tenant: str, match_id: str, at: datetime) -> None:
        """Hide the pair from all reads; nothing where no match is stored.

        The rows stay, with what was said: no role has to be able to delete a tenant's matches.
        """
        a, _, b = match_id.partition(":")
        rows = self._matches

        def write(transaction: TransactWrite) -> None:
            for row in self._sides(tenant, a, b):
                actions: list[Action] = [rows.withdrawn_at.set(instant(at))]
                if row.sk == b:
                    actions += [rows.listing_pk.remove(), rows.listing_sk.remove()]
                transaction.update(row, actions=actions, condition=rows.pk.exists())

        with transient("a match"):
            transact(self._connection, write)

    def match(self, tenant: str, match_id: str) -> Match:
        """Strongly consistent. Raises NotFound."""
        a, _, b = match_id.partition(":")
        if not (possible(a) and possible(b)):
            raise NotFound(f"no match {match_id}")
        with transient("a match"):
            try:
                row = self._matches.get(pk(tenant, a), b, consistent_read=True)
            except self._matches.DoesNotExist:
                row = None
        if row is None or row.a != a or row.withdrawn_at is not None:
            raise NotFound(f"no match {match_id}")
        return _match(tenant, row)

    def matches(self, tenant: str, ids: Sequence[str]) -> list[Match]:
        """Those of the ids that are stored, in the order asked. Strongly consistent."""
        sides = (match_id.partition(":") for match_id in dict.fromkeys(ids))
        keys = [(pk(tenant, a), b) for a, _, b in sides if possible(a) and possible(b)]
        with transient("matches"):
            rows = {
                match.match_id: match
                for row in self._matches.batch_get(keys, consistent_read=True)
                if (match := _match(tenant, row)) and row.withdrawn_at is None
            }
        return [rows[match_id] for match_id in ids if match_id in rows]

    def matches_of(
        self, tenant: str, asset_id: str, *, limit: int, cursor: str | None
    ) -> Page[Match]:
        """By the other side's id. Strongly consistent.

        Withdrawn ones count towards `limit`, so no page reads more than one row beyond it.
        """
        if not possible(asset_id) or (cursor is not None and not possible(cursor)):
            return Page(items=[])
        after = None if cursor is None else self._matches.sk > cursor
        with transient("matches"):
            rows = list(
                self._matches.query(
                    pk(tenant, asset_id), after, limit=limit + 1, consistent_read=True
                )
            )
        items = [_match(tenant, row) for row in rows[:limit] if row.withdrawn_at is None]
        return Page(
            items=items,
            cursor=rows[limit - 1].sk if len(rows) > limit else None,
            left_out=len(rows[:limit]) - len(items),
        )

    def list_matches(self, tenant: str, *, limit: int, cursor: str | None) -> Page[Match]:
        """Newest first. Raises InvalidCursor."""

        def key_of(match_id: str, _: str) -> tuple[str, str]:
            a, _, b = match_id.partition(":")
            return pk(tenant, a), b

        with transient("the list of matches"):
            rows = list(
                self._matches.query(
                    tenant,
                    index_name=LISTING,
                    scan_index_forward=False,
                    limit=limit + 1,
                    last_evaluated_key=start_key(LISTING, tenant, cursor, key_of),
                )
            )
        return Page(
            items=[_match(tenant, row) for row in rows[:limit]],
            cursor=cursor_of(str(rows[limit - 1].listing_sk)) if len(rows) > limit else None,
        )

    def _sides(self, tenant: str, a: str, b: str) -> tuple[MatchRow, MatchRow]:
        return self._matches(pk(tenant, a), b), self._matches(pk(tenant, b), a)

    def _match_actions(self, match: Match, row: MatchRow) -> list[Action]:
        rows = self._matches
        created_at = instant(match.created_at)
        updated_at = instant(match.updated_at)
        actions: list[Action] = [
            rows.a.set(match.a),
            rows.b.set(match.b),
            rows.capability.set(match.capability),
            rows.label.set(match.label),
            rows.score.set(match.score),
            rows.probability.remove()
            if match.probability is None
            else rows.probability.set(match.probability),
            rows.engine.set(match.engine),
            rows.payload.set(match.payload),
            rows.created_at.set(rows.created_at | created_at),
            rows.updated_at.set(updated_at),
            rows.withdrawn_at.remove(),
        ]
        if row.sk == match.b:
            actions += [
                rows.listing_pk.set(match.tenant),
                rows.listing_sk.set(f"{updated_at}#{match.match_id}"),
            ]
        return actions


def _match(tenant: str, row: MatchRow) -> Match:
    return Match(
        tenant=tenant,
        a=row.a,
        b=row.b,
        capability=row.capability,
        label=row.label,
        score=float(row.score),
        probability=None if row.probability is None else float(row.probability),
        engine=row.engine,
        payload=row.payload,
        created_at=datetime.fromisoformat(row.created_at),
        updated_at=datetime.fromisoformat(row.updated_at),
    )
