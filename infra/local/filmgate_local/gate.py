"""The gate in front of the local AWS: decides which requests ministack gets to see.

Every program and every web page on this machine can send requests to the loopback interface. Only
a caller that can read the stack's folder has keys to sign with, so a signature is required. There
are three exceptions, as on AWS: the HTTP API (its function checks the API key), the preflight of a
bucket, and a presigned form upload (the signature is in the form, and S3 checks it).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from enum import Enum
from typing import Any
from urllib.parse import parse_qs, quote
from xml.sax.saxutils import escape

from ministack import app as ministack_app
from ministack.core.router import detect_service
from ministack.core.sigv4 import decode_header_value
from ministack.services import apigateway, s3

from filmgate_local.layout import IDENTITY_PATH
from filmgate_local.signatures import Refusal, Request, Verifier
from filmgate_local.space import DiskFullError, Space

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

API_PATH = "/_aws/execute-api/"
MAX_SIGNED_BODY = 256 * 1024 * 1024
"""Bytes of a body that is read into memory to verify its signature; S3 objects are not."""
DRAINED_BYTES = 1024 * 1024
"""Bytes of a refused request that are read; closing earlier could hide the answer."""

_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)
_LOCAL_NAME = re.compile(r"([a-z0-9_-]+\.)+localhost(:\d+)?", re.IGNORECASE)


class AuthKind(Enum):
    """What authenticates a request."""

    NONE = "none"
    """Nothing: it asks which stack this is."""
    PREFLIGHT = "preflight"
    """Nothing: a browser asks for the CORS rules of a bucket."""
    API_KEY = "api-key"
    """An API key, which the function behind the HTTP API checks."""
    FORM = "form"
    """The signed policy in an upload form, which S3 checks."""
    SIGNATURE = "signature"
    """The signature of the request."""


class Refused(Exception):
    """The request is not passed on; ``answer`` is (status, headers, body)."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__(status)
        self.answer = status, headers, body


class Disconnected(Exception):
    """The client closed the connection before its request was complete."""


class Body:
    """The body of a request. After ``read``, ``receive`` still delivers all of it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read: bytes | None = None
        self._complete = False

    async def receive(self) -> Message:
        """The next ASGI message, as ministack expects it."""
        if self._read is not None:
            content, self._read = self._read, None
            return {"type": "http.request", "body": content, "more_body": False}
        message = await self._receive()
        self._complete = not message.get("more_body", False)
        return message

    async def read(self, limit: int) -> bytes:
        """All of it. Raises Refused beyond ``limit`` bytes, Disconnected when it ends early."""
        chunks: list[bytes] = []
        size = 0
        while not self._complete:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > limit:
                raise s3_refusal(413, "RequestEntityTooLarge", "The body is too large.")
        self._read = b"".join(chunks)
        return self._read

    async def drain(self, limit: int | None = None) -> None:
        """Read and drop the rest of it, but not much more than ``limit`` bytes."""
        size = 0
        while not self._complete and (limit is None or size < limit):
            size += len((await self.receive()).get("body", b""))


class Gate:
    """The ASGI application around ministack's.

    Args:
        identity: JSON that says which stack this is.
        changed: called for each request that is passed on.
    """

    def __init__(
        self, app: App, space: Space, identity: bytes, changed: Callable[[], None]
    ) -> None:
        self._app = app
        self._space = space
        self._identity = identity
        self._changed = changed

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            body = Body(receive)
            try:
                await self._serve(scope, body, send)
            except Refused as refused:
                await body.drain(DRAINED_BYTES)
                await _answer(send, *refused.answer)
            except Disconnected:
                pass
        else:
            # No part of the product uses WebSockets.
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Message, body: Body, send: Send) -> None:
        request = read_request(scope)
        check_host(request)
        kind = auth_kind(request)
        check_origin(request, kind)
        if kind is AuthKind.NONE:
            await _answer(send, 200, {"content-type": "application/json"}, self._identity)
            return
        if kind is AuthKind.SIGNATURE:
            await verify(request, body)
        self._changed()
        to_bucket = _bucket_of(request) is not None
        if kind is not AuthKind.API_KEY and not to_bucket:
            send = _without_cors(send)
        writes = request.method in {"PUT", "POST"} and "delete" not in request.query
        if not (to_bucket and writes):
            await self._app(scope, body.receive, send)
            return
        try:
            with self._space.held(_content_length(request)):
                await self._app(scope, body.receive, send)
        except DiskFullError as error:
            await body.drain()
            raise s3_refusal(507, "InsufficientStorage", str(error)) from error


def read_request(scope: Message) -> Request:
    """The head of an ASGI request. Raises Refused when it has not exactly one Host."""
    headers: dict[str, str] = {}
    hosts = 0
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), decode_header_value(raw_value)
        hosts += name == "host"
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    if hosts != 1:
        raise s3_refusal(400, "InvalidRequest", "The request needs exactly one Host header.")
    raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
    query = parse_qs(scope["query_string"].decode("utf-8", "replace"), keep_blank_values=True)
    return Request(scope["method"], scope["path"], raw_path.decode("latin-1"), query, headers)


def check_host(request: Request) -> None:
    """Raises Refused unless the request was sent to a name of this machine's loopback interface.

    A web page whose own name resolves to 127.0.0.1 (DNS rebinding) sends that name.
    """
    host = request.headers["host"]
    if not _LOOPBACK.fullmatch(host) and not _LOCAL_NAME.fullmatch(host):
        raise s3_refusal(403, "AccessDenied", "This Host is not a name of the loopback interface.")


def auth_kind(request: Request) -> AuthKind:
    """What has to authenticate the request: a signature, unless it is one of the exceptions."""
    if not _LOOPBACK.fullmatch(request.headers["host"]):
        return AuthKind.SIGNATURE
    if request.path == IDENTITY_PATH and request.method == "GET":
        return AuthKind.NONE
    if request.path.startswith(API_PATH) and _api_of(request) is not None:
        return AuthKind.API_KEY
    return AuthKind.SIGNATURE if _bucket_of(request) is None else _bucket_auth_kind(request)


def _bucket_auth_kind(request: Request) -> AuthKind:
    if request.method == "OPTIONS":
        # Of a presigned URL too, whose signature is for another method.
        return AuthKind.PREFLIGHT
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = request.method == "POST" and media_type == "multipart/form-data"
    plain = not request.query and not request.signed
    return AuthKind.FORM if form and plain else AuthKind.SIGNATURE


def check_origin(request: Request, kind: AuthKind) -> None:
    """Raises Refused when a web page sends the request and no CORS rule allows the page to.

    AWS answers such a request and leaves it to the browser to hide the answer. Here, only the API
    and the buckets are for web pages, and only for those that the template names.
    """
    origin = request.headers.get("origin")
    if origin is None or kind is AuthKind.PREFLIGHT or _allows(request, kind, origin):
        return
    raise s3_refusal(403, "AccessDenied", "No CORS rule allows this Origin.")


def _allows(request: Request, kind: AuthKind, origin: str) -> bool:
    if kind is AuthKind.API_KEY:
        if origin == f"http://{request.headers['host']}":
            return True
        return bool(apigateway._cors_response_headers(_cors_rules(_api_of(request)), origin))
    bucket = _bucket_of(request)
    return bucket is not None and bool(
        s3.cors_response_headers(bucket, request.method, request.headers)
    )


async def verify(request: Request, body: Body) -> None:
    """Raises Refused unless the request has a valid signature; Disconnected when it ends early."""
    verifier = Verifier(request)
    if refusal := verifier.check_head():
        raise auth_refusal(request, refusal)
    content = await body.read(MAX_SIGNED_BODY) if verifier.needs_body else b""
    if refusal := verifier.check_signature(content):
        raise auth_refusal(request, refusal)


def auth_refusal(request: Request, refusal: Refusal) -> Refused:
    """The refusal in the protocol of the service that the request is for."""
    service = detect_service(request.method, request.path, request.headers, request.query)
    status, headers, body = ministack_app._credential_failure(
        service, "", str(uuid.uuid4()), refusal, request.headers
    )
    return Refused(status, headers, body)


def s3_refusal(status: int, code: str, message: str) -> Refused:
    """A refusal in the words of S3."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    )
    return Refused(status, {"content-type": "application/xml"}, body.encode())


def _api_of(request: Request) -> str | None:
    parsed = ministack_app._parse_execute_api_url(request.headers["host"], request.path)
    return None if parsed is None else str(parsed[0])


def _cors_rules(api_id: str | None) -> Any:
    owner = apigateway.find_api_scope(api_id)
    api = apigateway._apis.get_scoped(*owner, api_id) if owner else None
    return (api or {}).get("corsConfiguration")


def _bucket_of(request: Request) -> str | None:
    """The existing bucket that a request to S3 addresses."""
    service = detect_service(request.method, request.path, request.headers, request.query)
    if service != "s3" or request.path.startswith(API_PATH):
        return None
    target = ministack_app._s3_cors_target(request.headers["host"], request.path)
    return None if target is None else str(target[0])


def _content_length(request: Request) -> int:
    given = request.headers.get("content-length", "")
    return int(given) if given.isascii() and given.isdigit() else 0


async def _answer(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    listed = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    listed.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body})


def _without_cors(send: Send) -> Send:
    """Drop the headers by which ministack lets every web page read its answers."""

    async def send_plain(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [
                (name, value)
                for name, value in message["headers"]
                if not name.lower().startswith(b"access-control-")
            ]
            message = {**message, "headers": headers}
        await send(message)

    return send_plain
