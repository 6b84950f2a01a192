"""Assets, their matches and their files."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request

from filmgate.api.analyses import analyze
from filmgate.api.auth import Api, Tenant
from filmgate.api.cursors import seal, unseal
from filmgate.api.files import file_url, findings_url
from filmgate.api.matches import matches_of
from filmgate.api.models import (
    DEFAULT_PAGE,
    MAX_IDS,
    Analyses,
    AnalysisRequest,
    AssetView,
    DownloadName,
    FieldError,
    FileUrl,
    JobView,
    Listing,
    MatchView,
)
from filmgate.api.problems import invalid
from filmgate.api.routes.params import AssetId, AssetIdText, Capability, Cursor, Limit, problems
from filmgate.errors import NotFound, NothingToRun
from filmgate.library.model import AnalyzedAsset, AssetStatus

router = APIRouter(tags=["assets"])


@router.get("/assets", responses=problems(401, 422, 503))
def list_assets(
    services: Api,
    tenant: Tenant,
    *,
    status: AssetStatus | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_PAGE,
    ids: Annotated[
        list[AssetIdText] | None,
        Query(alias="id", max_length=MAX_IDS, description="Only these, in this order"),
    ] = None,
) -> Listing[AssetView]:
    """Newest first, a page at a time; or, with `id` (up to 100 times), those that exist of them.

    With `status`, a page may hold fewer than `limit`, even none, and still have a cursor; with any
    but `done`, those that came into this state last are first.
    """
    if ids:
        if status is not None or cursor is not None:
            raise invalid(
                [FieldError(field="query.id", message="cannot be combined with status or cursor")]
            )
        records = services.library.analyzed(tenant, list(dict.fromkeys(ids)))
        return Listing(items=[AssetView.of(record) for record in records])
    listing = f"assets/{status or ''}"
    page = services.library.list_analyzed(
        tenant,
        status=status,
        limit=limit,
        cursor=unseal(tenant, listing, cursor) if cursor else None,
    )
    return Listing(
        items=[AssetView.of(record) for record in page.items],
        cursor=seal(tenant, listing, page.cursor) if page.cursor else None,
    )


@router.get("/assets/{asset_id}", responses=problems(401, 404, 503))
def get_asset(services: Api, tenant: Tenant, asset_id: AssetId) -> AssetView:
    """One asset, as of now."""
    return AssetView.of(_record(services, tenant, asset_id))


@router.get("/assets/{asset_id}/matches", responses=problems(401, 404, 422, 503))
def list_asset_matches(
    services: Api,
    tenant: Tenant,
    asset_id: AssetId,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_PAGE,
) -> Listing[MatchView]:
    """What shares content with this asset, best first; of more than 1,000, some at a time."""
    services.library.asset(tenant, asset_id)
    return matches_of(services.library, tenant, [asset_id], limit=limit, cursor=cursor)


@router.get("/assets/{asset_id}/files/{name}", responses=problems(401, 404, 503))
def get_asset_file(services: Api, tenant: Tenant, asset_id: AssetId, name: DownloadName) -> FileUrl:
    """Where to fetch one of its files: a presigned URL, good for 15 minutes."""
    return file_url(services, _record(services, tenant, asset_id), name)


@router.get("/assets/{asset_id}/findings/{capability}", responses=problems(401, 404, 503))
def get_findings(
    services: Api, tenant: Tenant, asset_id: AssetId, capability: Capability
) -> FileUrl:
    """Where to fetch what a capability found: a presigned URL, good for 15 minutes."""
    return findings_url(services, _record(services, tenant, asset_id), capability)


@router.post(
    "/assets/{asset_id}/analyses",
    status_code=HTTPStatus.ACCEPTED,
    responses=problems(401, 404, 409, 422, 503),
)
def create_analyses(
    services: Api, tenant: Tenant, asset_id: AssetId, request: Request, body: AnalysisRequest
) -> Analyses:
    """Run capabilities on an asset, for the first time or again. 409 while one is running."""
    wanted = None if body.want is None else frozenset(body.want)
    try:
        jobs = analyze(services, tenant, asset_id, wanted, request.state.request_id)
    except NothingToRun as error:
        raise invalid([FieldError(field="body.want", message=str(error))]) from error
    return Analyses(jobs=[JobView.of(job) for job in jobs])


def _record(services: Api, tenant: str, asset_id: str) -> AnalyzedAsset:
    """Raises NotFound."""
    records = services.library.analyzed(tenant, [asset_id])
    if not records:
        raise NotFound(f"no asset {asset_id}")
    return records[0]
