"""What the tables of assets and matches share: keys, listings and transactions."""

from __future__ import annotations

import base64
import binascii
import random
import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.exceptions import TransactWriteError
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from filmgate.errors import InvalidCursor

LISTING = "listing"
BY_STATE = "by_state"
_TRIES = 8
_WAIT_S = 0.05
_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")
_POSITION = re.compile(r"([0-9T:.+-]{10,40})#([0-9a-zA-Z:_-]{1,200})(?:#([\w#./-]{1,200}))?")

TableKey = Callable[[str, str], tuple[str, str]]
"""The table's key (pk, sk) of the row at a position, by the name and the rest in it."""


class Listing(GlobalSecondaryIndex[Model]):
    """Records of one kind of a tenant, by time."""

    class Meta:
        index_name = LISTING
        projection = AllProjection()

    listing_pk = UnicodeAttribute(hash_key=True)
    listing_sk = UnicodeAttribute(range_key=True)


class ByState(GlobalSecondaryIndex[Model]):
    """Records that somebody may have to look at, by state and time; all others are not in it."""

    class Meta:
        index_name = BY_STATE
        projection = KeysOnlyProjection()

    state_pk = UnicodeAttribute(hash_key=True)
    state_sk = UnicodeAttribute(range_key=True)


class Row(Model):
    """A row of a table with a listing."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    listing_pk = UnicodeAttribute(null=True)
    listing_sk = UnicodeAttribute(null=True)
    listing = Listing()


class StatefulRow(Row):
    """A row that can be found by its state."""

    state_pk = UnicodeAttribute(null=True)
    state_sk = UnicodeAttribute(null=True)
    by_state = ByState()


def transact(connection: Connection, write: Callable[[TransactWrite], None]) -> bool:
    """Write in one step; False when a condition does not hold. Waits where two writers meet."""
    for attempt in range(_TRIES):
        try:
            with TransactWrite(connection=connection) as transaction:
                write(transaction)
            return True
        except TransactWriteError as error:
            codes = {reason.code for reason in error.cancellation_reasons if reason}
            if "ConditionalCheckFailed" in codes:
                return False
            if "TransactionConflict" not in codes or attempt == _TRIES - 1:
                raise
            time.sleep(random.uniform(0, _WAIT_S * 2**attempt))  # noqa: S311
    raise AssertionError("unreachable: the last try returns or raises")


def possible(asset_id: str) -> bool:
    """DynamoDB refuses keys that are empty or too long; callers pass on what strangers sent."""
    return _ID.fullmatch(asset_id) is not None


def pk(tenant: str, asset_id: str) -> str:
    return f"{tenant}#{asset_id}"


def instant(moment: datetime) -> str:
    """Text that sorts as the moments do; all of them are in UTC."""
    return moment.isoformat(timespec="milliseconds")


def cursor_of(position: str) -> str:
    return base64.urlsafe_b64encode(position.encode()).decode()


def expected(version: int) -> dict[str, Any]:
    """The version that a write has to find; none, so that there must be no such row, for 0."""
    return {"version": version} if version else {}


def position(at: str, name: str, sk: str) -> str:
    """A place in an index that sorts by time and leads back to the row."""
    return f"{at}#{name}#{sk}"


def start_key(
    index: str, hash_key: str, cursor: str | None, table_key: TableKey
) -> dict[str, dict[str, str]] | None:
    """Where to continue in an index. The cursor holds a position only; the hash key, with the
    tenant in it, is always the caller's. Raises InvalidCursor."""
    if cursor is None:
        return None
    try:
        place = base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor("not a cursor of this listing") from error
    parts = _POSITION.fullmatch(place)
    if parts is None:
        raise InvalidCursor("not a cursor of this listing")
    pk_value, sk_value = table_key(parts[2], parts[3] or "")
    if not sk_value:
        raise InvalidCursor("not a cursor of this listing")
    prefix = "state" if index == BY_STATE else "listing"
    return {
        f"{prefix}_pk": {"S": hash_key},
        f"{prefix}_sk": {"S": place},
        "pk": {"S": pk_value},
        "sk": {"S": sk_value},
    }
