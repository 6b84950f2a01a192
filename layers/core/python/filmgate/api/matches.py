"""Pages of matches, with the paths of both sides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from filmgate.api.cursors import best_first, seal, unseal
from filmgate.api.models import Listing, MatchView
from filmgate.errors import InvalidCursor
from filmgate.library.model import Match
from filmgate.library.ports import Library

MOST_SORTED = 1000
"""Matches that are read, and sorted, for one page: some 1.5 MB of rows, and 0.2 s."""
_POSITION = re.compile(r"(\d{1,3}):([0-9A-Za-z_-]{0,128})/(.*)")


def with_paths(library: Library, tenant: str, matches: Sequence[Match]) -> list[MatchView]:
    """The matches as the API shows them, by one batch read of their assets."""
    ids = list(dict.fromkeys(side for match in matches for side in (match.a, match.b)))
    paths = {asset.asset_id: asset.path for asset in library.assets(tenant, ids)}
    return [MatchView.of(match, paths) for match in matches]


def list_matches(
    library: Library, tenant: str, *, limit: int, cursor: str | None
) -> Listing[MatchView]:
    """All of a tenant's matches, newest first. Raises InvalidCursor."""
    page = library.list_matches(
        tenant, limit=limit, cursor=unseal(tenant, "matches", cursor) if cursor else None
    )
    return Listing(
        items=with_paths(library, tenant, page.items),
        cursor=seal(tenant, "matches", page.cursor) if page.cursor else None,
    )


def matches_of(
    library: Library, tenant: str, asset_ids: Sequence[str], *, limit: int, cursor: str | None
) -> Listing[MatchView]:
    """The matches that touch any of the assets, each once, best first.

    Of more than `MOST_SORTED` that many come first, best first, then the next as many: storage
    knows no order by score, and no page may read all matches of a file that has a library of them.

    Raises:
        InvalidCursor: not a cursor of these assets' matches.
    """
    ids = sorted(asset_ids)
    listing = "matches/" + ",".join(ids)
    start, after = _parsed(unseal(tenant, listing, cursor)) if cursor else (_Start(), None)
    found, following = _read(library, tenant, ids, start)
    page = best_first(found, limit=limit, after=after)
    position = following and f"{following}/"
    if page.cursor is not None:
        position = f"{start}/{page.cursor}"
    return Listing(
        items=with_paths(library, tenant, page.items),
        cursor=seal(tenant, listing, position) if position else None,
    )


@dataclass(frozen=True, slots=True)
class _Start:
    """Where reading begins: at which of the assets, and after which other side of its matches."""

    number: int = 0
    other: str = ""

    def __str__(self) -> str:
        return f"{self.number}:{self.other}"


def _parsed(position: str) -> tuple[_Start, str | None]:
    """Where to read, and after which of what is read there; None for before the first."""
    found = _POSITION.fullmatch(position)
    if found is None:
        raise InvalidCursor("not a cursor of this listing")
    return _Start(int(found[1]), found[2]), found[3] or None


def _read(
    library: Library, tenant: str, ids: Sequence[str], start: _Start
) -> tuple[list[Match], _Start | None]:
    """At most `MOST_SORTED` matches from `start` on, and where those after them start."""
    found: list[Match] = []
    room, cursor = MOST_SORTED, start.other or None
    for number in range(start.number, len(ids)):
        if not room:
            return found, _Start(number)
        page = library.matches_of(tenant, ids[number], limit=room, cursor=cursor)
        # A match of two of the assets comes with the one that is its first side.
        found += [match for match in page.items if match.a == ids[number] or match.a not in ids]
        if page.cursor is not None:
            return found, _Start(number, page.cursor)
        room, cursor = room - len(page.items), None
    return found, None
