"""Middleware for every request: its id, its record for logs and metrics, and unhandled errors."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from filmgate.api.problems import from_exception, respond
from filmgate.api.services import Observed

REQUEST_ID = "x-request-id"
_ID = re.compile(r"[A-Za-z0-9_=+/.-]{1,128}")


class RequestScope:
    """Gives each request an id, answers unhandled errors, and informs the observer.

    The id is the header `x-request-id` when a proxy in front set one, and is returned under the
    same name.
    """

    def __init__(self, app: ASGIApp, observe: Callable[[Observed], None]) -> None:
        self.app = app
        self.observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _ID.fullmatch(given) else str(uuid.uuid4())
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                headers["cache-control"] = "no-store"
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001  whatever it is, the caller gets a problem
            state["error"] = error
            if status == 0:
                problem = respond(from_exception(error), request_id)
                await problem(scope, receive, send_with_id)
        failure = state.get("error")
        self.observe(
            Observed(
                request_id=request_id,
                method=scope["method"],
                route=getattr(scope.get("route"), "path", ""),
                status=status,
                duration_ms=(time.perf_counter() - started) * 1000,
                tenant=state.get("tenant"),
                error=failure if status >= 500 else None,
            )
        )
