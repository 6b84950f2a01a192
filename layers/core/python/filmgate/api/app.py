"""The application: routes over services."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.routing import APIRoute

from filmgate import __version__
from filmgate.api import problems
from filmgate.api.middleware import RequestScope
from filmgate.api.routes import assets, backfills, engines, health, jobs, matches, uploads
from filmgate.api.services import Services

_DESCRIPTION = """\
Find which files are copies of which, how sure that is, and why.

Every route but `/health` needs an API key in `x-api-key`; a key belongs to one tenant, and what
is another tenant's does not exist. Errors are `application/problem+json` (RFC 9457). Listings
come in pages: pass `cursor` back, unread, until it is null. Every answer carries `x-request-id`,
under which the logs know the request.
"""


def create_app(services: Services) -> FastAPI:
    """An application over these services. Makes no call to any of them."""
    app = FastAPI(
        title="Filmgate",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    app.state.services = services
    for module in (health, engines, uploads, assets, matches, jobs, backfills):
        app.include_router(module.router)
    problems.install(app)
    app.add_middleware(RequestScope, observe=services.observe)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
