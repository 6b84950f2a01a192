"""Pages of matches, with the paths of both sides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from filmgate.api.cursors import best_first, seal, unseal
from filmgate.api.models import Listing, MatchView
from filmgate.errors import InvalidCursor
from filmgate.library.matches import Match
from filmgate.library.model import AssetState
from filmgate.library.ports import Library

MOST_SORTED = 1000
"""Maximum number of rows that are read and sorted for one page: about 1.5 MB and 0.2 s."""
_PLACE = r"(\d{1,3}):([0-9A-Za-z_-]{0,128})"
_POSITION = re.compile(rf"{_PLACE}\.\.{_PLACE}/(.*)")


def with_paths(library: Library, tenant: str, matches: Sequence[Match]) -> list[MatchView]:
    """Return matches with paths, without those of deleted assets. Reads the assets in one batch."""
    ids = list(dict.fromkeys(side for match in matches for side in (match.a, match.b)))
    assets = library.assets(tenant, ids)
    deleted = {asset.asset_id for asset in assets if asset.state is AssetState.DELETED}
    paths = {asset.asset_id: asset.path for asset in assets}
    return [MatchView.of(match, paths) for match in matches if not {match.a, match.b} & deleted]


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

    Of more than `MOST_SORTED` rows that many come first, best first, then the next as many: storage
    knows no order by score, and no page may read all matches of a file that has a library of them.
    Rows of withdrawn matches count, and a match of two of the assets has two.

    Raises:
        InvalidCursor: not a cursor of these assets' matches.
    """
    ids = sorted(asset_ids)
    listing = "matches/" + ",".join(ids)
    whole = _Rest(_Place(), _Place(len(ids)))
    rest = _parsed(unseal(tenant, listing, cursor), whole.end) if cursor else whole
    found, reached = _read(library, tenant, ids, rest)
    following: _Rest | None
    if rest.after is not None and reached < rest.end:
        items, following = _crowded(ids, found, reached, rest, limit)
    else:
        page = best_first(found, limit=limit, after=rest.after)
        items, following = page.items, None
        if page.cursor is not None:
            following = _Rest(rest.start, reached, page.cursor)
        elif reached < whole.end:
            following = _Rest(reached, whole.end)
    return Listing(
        items=with_paths(library, tenant, items),
        cursor=seal(tenant, listing, str(following)) if following else None,
    )


class _Place(NamedTuple):
    """A row, by the number of its asset and the other side's id; "" is before all of the asset's.

    A match has one place, however many come and go, so the rows between two places are a window
    that nothing moves.
    """

    number: int = 0
    other: str = ""

    def __str__(self) -> str:
        return f"{self.number}:{self.other}"


@dataclass(frozen=True, slots=True)
class _Rest:
    """What is left to list: the matches past `start`, up to `end`, that rank past `after`; then
    all past `end`. With no `after` none of them was shown, and `end` is the last place of all."""

    start: _Place
    end: _Place
    after: str | None = None

    def __str__(self) -> str:
        return f"{self.start}..{self.end}/{self.after or ''}"


def _parsed(position: str, last: _Place) -> _Rest:
    found = _POSITION.fullmatch(position)
    if found is None:
        raise InvalidCursor("not a cursor of this listing")
    end = min(_Place(int(found[3]), found[4]), last)
    return _Rest(_Place(int(found[1]), found[2]), end, found[5] or None)


def _place(ids: Sequence[str], match: Match) -> _Place:
    """A match of two of the assets comes with the one that is its first side."""
    if match.a in ids:
        return _Place(ids.index(match.a), match.b)
    return _Place(ids.index(match.b), match.a)


def _read(
    library: Library, tenant: str, ids: Sequence[str], rest: _Rest
) -> tuple[list[Match], _Place]:
    """The matches in the first `MOST_SORTED` rows from `rest.start` to `rest.end`, by place, and
    the place up to which these are all."""
    found: list[Match] = []
    room, cursor = MOST_SORTED, rest.start.other or None
    for number in range(rest.start.number, rest.end.number + bool(rest.end.other)):
        if not room:
            return found, _Place(number)
        page = library.matches_of(tenant, ids[number], limit=room, cursor=cursor)
        places = ((_place(ids, match), match) for match in page.items)
        found += [match for at, match in places if at.number == number and at <= rest.end]
        if page.cursor is not None and _Place(number, page.cursor) < rest.end:
            return found, _Place(number, page.cursor)
        room, cursor = room - len(page.items) - page.left_out, None
    return found, rest.end


def _crowded(
    ids: Sequence[str], found: Sequence[Match], reached: _Place, rest: _Rest, limit: int
) -> tuple[list[Match], _Rest]:
    """A page of a window into which more has come than one page may read, and what is left then.

    It can no longer be sorted as a whole, so its matches come by place, which needs no memory of
    those shown beyond `rest.after`.
    """
    ranked = best_first(found, limit=len(found), after=rest.after).items
    remaining = sorted(ranked, key=lambda match: _place(ids, match))
    if len(remaining) > limit:
        reached = _place(ids, remaining[limit - 1])
    page = best_first(remaining[:limit], limit=limit, after=None)
    return page.items, _Rest(reached, rest.end, rest.after)
