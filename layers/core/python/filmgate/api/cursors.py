"""Opaque cursors that fit one tenant's one listing.

A cursor is base64url of a mark and a position. The mark binds the position to tenant and listing,
so a cursor that was damaged, or belongs elsewhere, is told from a good one before it reaches the
storage. It is no secret and guards nothing: every read is by the tenant of the key, whatever the
position says.
"""

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
    """The cursor for a position in a tenant's listing. `listing` names route and filter."""
    body = position.encode()
    return base64.urlsafe_b64encode(_mark(tenant, listing, body) + body).decode().rstrip("=")


def unseal(tenant: str, listing: str, cursor: str) -> str:
    """The position in a cursor. Raises InvalidCursor for any other."""
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
    """A page of matches by falling score, from the position `after` on.

    A position is a score and an id, not a count, so matches that come and go between two pages
    neither repeat nor hide others. Raises InvalidCursor for a position that is none.
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
