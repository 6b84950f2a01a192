"""The tenant behind a request."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from filmgate.access.model import KeyRecord
from filmgate.api.problems import ApiError
from filmgate.api.services import Services

_header = APIKeyHeader(
    name="x-api-key",
    scheme_name="apiKey",
    description="An API key, bound to one tenant.",
    auto_error=False,
)


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Api = Annotated[Services, Depends(_services)]
"""The services of the running application."""


def _record(
    request: Request, services: Api, key: Annotated[str | None, Security(_header)]
) -> KeyRecord:
    record = services.keys.record_of(key) if key else None
    if record is None:
        raise ApiError(
            HTTPStatus.UNAUTHORIZED,
            "unauthorized",
            "Send a valid API key in the header x-api-key.",
            headers={"WWW-Authenticate": 'ApiKey realm="filmgate"'},
        )
    request.state.tenant = record.tenant
    return record


_Key = Annotated[KeyRecord, Depends(_record)]


def _tenant(record: _Key) -> str:
    return record.tenant


def _actor(record: _Key) -> str:
    return record.key_id


Tenant = Annotated[str, Depends(_tenant)]
"""The tenant of the request's key; 401 without a valid one."""
Actor = Annotated[str, Depends(_actor)]
"""Who asks, for the audit log: the id of the request's key."""
