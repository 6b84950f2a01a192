"""Pairs of assets that share content."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from filmgate.api import matches
from filmgate.api.auth import Api, Tenant
from filmgate.api.models import DEFAULT_PAGE, MAX_MATCH_ASSETS, Listing, MatchView
from filmgate.api.routes.params import AssetIdText, Cursor, Limit, MatchId, problems
from filmgate.errors import NotFound

router = APIRouter(tags=["matches"])


@router.get("/matches", responses=problems(401, 422, 503))
def list_matches(
    services: Api,
    tenant: Tenant,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_PAGE,
    assets: Annotated[
        list[AssetIdText] | None,
        Query(alias="asset", max_length=MAX_MATCH_ASSETS, description="Touching any of these"),
    ] = None,
) -> Listing[MatchView]:
    """Newest first; or, with `asset` (up to 50 times), those that touch any of them, best first.

    Of more than 1,000 that touch them, at most a thousand come best first, then as many of the
    next. A page may hold fewer than `limit`, even none, and still have a cursor.
    """
    if assets:
        chosen = list(dict.fromkeys(assets))
        return matches.matches_of(services.library, tenant, chosen, limit=limit, cursor=cursor)
    return matches.list_matches(services.library, tenant, limit=limit, cursor=cursor)


@router.get("/matches/{match_id}", responses=problems(401, 404, 503))
def get_match(services: Api, tenant: Tenant, match_id: MatchId) -> MatchView:
    """One pair, with its verdict and evidence."""
    found = services.library.match(tenant, match_id)
    shown = matches.with_paths(services.library, tenant, [found])
    if not shown:
        raise NotFound("one of its assets is deleted")
    return shown[0]
