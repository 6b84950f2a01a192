"""What the tables of assets and matches share: keys, listings and transactions."""

from __future__ import annotations

import base64
import binascii
import random
import re
import time
from collections.abc import Callable
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.exceptions import TransactWriteError
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from filmgate.errors import InvalidCursor

LISTING = "listing"
_TRIES = 8
_WAIT_S = 0.05
_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")
_POSITION = re.compile(r"([0-9T:.+-]{10,40})#([0-9a-zA-Z:_-]{1,200})")


class Listing(GlobalSecondaryIndex[Model]):
    class Meta:
        index_name = LISTING
        projection = AllProjection()

    listing_pk = UnicodeAttribute(hash_key=True)
    listing_sk = UnicodeAttribute(range_key=True)


class Row(Model):
    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    listing_pk = UnicodeAttribute(null=True)
    listing_sk = UnicodeAttribute(null=True)
    listing = Listing()


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


def start_key(
    tenant: str, cursor: str | None, start: Callable[[str], tuple[str, str]]
) -> dict[str, dict[str, str]] | None:
    """The cursor holds a position only; the tenant is always the caller's."""
    if cursor is None:
        return None
    try:
        position = base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor("not a cursor of this listing") from error
    found = _POSITION.fullmatch(position)
    if found is None:
        raise InvalidCursor("not a cursor of this listing")
    hash_key, range_key = start(found[2])
    if not range_key:
        raise InvalidCursor("not a cursor of this listing")
    return {
        "listing_pk": {"S": tenant},
        "listing_sk": {"S": position},
        "pk": {"S": hash_key},
        "sk": {"S": range_key},
    }
