"""Opaque cursors, each valid for one listing of one tenant.

A cursor is the base64url of a checksum and a position. The checksum includes tenant and listing, so
damaged cursors and cursors of other listings are rejected before they reach the storage. It is not
a secret and protects nothing: every read is limited to the tenant of the key, whatever the
position."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from math import isfinite

from filmgate.errors import InvalidCursor
from filmgate.library.matches import Match
from filmgate.library.ports import Page

MAX_CURSOR_CHARACTERS = 2048
_MARK_BYTES = 9
_POSITION = re.compile(r"([0-9.e+-]{1,32})\|([0-9a-f:]{1,100})")


def seal(tenant: str, listing: str, position: str) -> str:
    """Return the cursor of a position in a listing; `listing` names the route and the filter."""
    body = position.encode()
    return base64.urlsafe_b64encode(_mark(tenant, listing, body) + body).decode().rstrip("=")


def unseal(tenant: str, listing: str, cursor: str) -> str:
    """Return the position in a cursor. Raises InvalidCursor for a cursor of another listing."""
    try:
        # The length of base64 is a multiple of 4; the padding was cut off in `seal`.
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        mark, body = raw[:_MARK_BYTES], raw[_MARK_BYTES:]
        if mark != _mark(tenant, listing, body):
            raise InvalidCursor("not a cursor of this listing")
        return body.decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor("not a cursor of this listing") from error


def _mark(tenant: str, listing: str, body: bytes) -> bytes:
    head = "\0".join((tenant, listing, "")).encode()
    return hashlib.blake2b(head + body, digest_size=_MARK_BYTES).digest()


def best_first(matches: Sequence[Match], *, limit: int, after: str | None) -> Page[Match]:
    """Return a page of matches in descending order of score, after the position `after`.

    A position is a score and an id, not a count, so matches that appear or disappear between two
    pages do not shift others. Raises InvalidCursor for an invalid position.
    """
    ordered = sorted(matches, key=_rank)
    if after is not None:
        last = _parse(after)
        ordered = [match for match in ordered if _rank(match) > last]
    page = ordered[:limit]
    more = len(ordered) > limit
    return Page(
        items=page,
        cursor=f"{page[-1].score!r}|{page[-1].match_id}" if more else None,
    )


def _rank(match: Match) -> tuple[float, str]:
    return (-match.score, match.match_id)


def _parse(position: str) -> tuple[float, str]:
    found = _POSITION.fullmatch(position)
    if found is None:
        raise InvalidCursor("not a cursor of this listing")
    try:
        score = float(found[1])
    except ValueError as error:
        raise InvalidCursor("not a cursor of this listing") from error
    if not isfinite(score):
        raise InvalidCursor("not a cursor of this listing")
    return (-score, found[2])
