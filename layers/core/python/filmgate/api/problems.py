"""Error responses as application/problem+json, as defined by RFC 9457."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from filmgate.api.models import FieldError, Problem
from filmgate.errors import Conflict, FilmgateError, InvalidCursor, NotFound, TransientError

MEDIA_TYPE = "application/problem+json"
_MAX_FIELD_ERRORS = 50
_MAX_TEXT = 200
_PHRASES = {413: "Content Too Large", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}


def phrase(status: int) -> str:
    """The name of a status as RFC 9110 has it; some of Python's differ from version to version."""
    return _PHRASES.get(status) or HTTPStatus(status).phrase


class ApiError(FilmgateError):
    """Answered as a problem of this status and slug."""

    def __init__(
        self,
        status: HTTPStatus,
        slug: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: list[FieldError] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = errors


def invalid(errors: list[FieldError]) -> ApiError:
    """422 that names the fields at fault."""
    return ApiError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid-request",
        "The request does not have the shape this route takes; see errors.",
        errors=errors,
    )


def not_found() -> ApiError:
    """404, for what does not exist as well as for what belongs to another tenant."""
    return ApiError(HTTPStatus.NOT_FOUND, "not-found", "There is nothing here under that id.")


def respond(error: ApiError, request_id: str) -> Response:
    """The problem document. Text from the caller is cut short and made valid Unicode."""
    problem = Problem(
        type=f"urn:filmgate:problem:{error.slug}",
        title=phrase(error.status),
        status=error.status.value,
        detail=error.detail,
        instance=f"urn:filmgate:request:{quote(request_id, safe='')}",
        errors=error.errors,
    )
    body = json.dumps(problem.model_dump(mode="json", exclude_none=True)).encode()
    return Response(body, error.status.value, error.headers, MEDIA_TYPE)


def from_exception(error: Exception) -> ApiError:
    """Return the problem for an exception; 500 for an unexpected one."""
    match error:
        case FilmgateError():
            return _from_domain(error)
        case RequestValidationError():
            return _from_validation(error)
        case HTTPException():
            return _from_http(error)
        case _:
            return _internal()


def _from_domain(error: FilmgateError) -> ApiError:
    match error:
        case ApiError():
            return error
        case NotFound():
            return not_found()
        case InvalidCursor():
            message = "not a cursor of this listing"
            return invalid([FieldError(field="query.cursor", message=message)])
        case Conflict():
            return ApiError(HTTPStatus.CONFLICT, "conflict", str(error))
        case TransientError():
            return _unavailable()
        case _:
            return _internal()


def _unavailable() -> ApiError:
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "A part of the service did not answer. Try again in a moment.",
        headers={"Retry-After": "2"},
    )


def _internal() -> ApiError:
    return ApiError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal",
        "The service failed. The failure is logged under the id in instance.",
    )


def _from_validation(error: RequestValidationError) -> ApiError:
    found = list(error.errors())
    if found and all(item["loc"][:1] == ("path",) for item in found):
        # An id of the wrong shape names nothing, just as a well-formed unknown one.
        return not_found()
    return invalid(
        [
            FieldError(
                field=_plain(".".join(str(part) for part in item["loc"])),
                message=_plain(str(item["msg"])),
            )
            for item in found[:_MAX_FIELD_ERRORS]
        ]
    )


def _from_http(error: HTTPException) -> ApiError:
    status = HTTPStatus(error.status_code)
    details = {
        HTTPStatus.NOT_FOUND: ("not-found", "There is no such route."),
        HTTPStatus.METHOD_NOT_ALLOWED: (
            "method-not-allowed",
            "This route does not take that method; see the Allow header.",
        ),
        HTTPStatus.BAD_REQUEST: ("bad-request", "The body could not be read as JSON."),
    }
    slug, detail = details.get(status, ("http-error", status.description or phrase(status)))
    return ApiError(status, slug, detail, headers=error.headers)


def _plain(text: str) -> str:
    return text[:_MAX_TEXT].encode("utf-8", "replace").decode()


def install(app: FastAPI) -> None:
    """Answer the framework's and the domain's errors as problems."""

    async def answer(request: Request, error: Exception) -> Response:
        request.state.error = error
        return respond(from_exception(error), request.state.request_id)

    for kind in (FilmgateError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer)
