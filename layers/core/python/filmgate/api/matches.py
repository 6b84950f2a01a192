"""Pages of matches, with the paths of both sides."""

from __future__ import annotations

from collections.abc import Sequence

from filmgate.api.cursors import best_first, seal, unseal
from filmgate.api.models import Listing, MatchView
from filmgate.library.model import Match
from filmgate.library.ports import Library


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
    """The matches that touch any of the assets, each once, best first. Raises InvalidCursor."""
    listing = "matches/" + ",".join(sorted(asset_ids))
    after = unseal(tenant, listing, cursor) if cursor else None
    found = {
        match.match_id: match
        for asset_id in asset_ids
        for match in library.matches_of(tenant, asset_id)
    }
    page = best_first(list(found.values()), limit=limit, after=after)
    return Listing(
        items=with_paths(library, tenant, page.items),
        cursor=seal(tenant, listing, page.cursor) if page.cursor else None,
    )
