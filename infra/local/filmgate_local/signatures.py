"""Verifies the AWS signature (version 4) of a request to the local AWS.

ministack verifies the signatures of roles and users but never those of its root keys, which it
also accepts under well-known names. Here every signed request is verified, before ministack sees
it, with ministack's own implementation of the arithmetic.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ministack.core import iam_evaluator, sigv4
from ministack.core.router import extract_access_key_id

from filmgate_local.layout import ACCOUNT

ALGORITHM = "AWS4-HMAC-SHA256"
STREAMED = "STREAMING-AWS4-HMAC-SHA256"
MAX_PRESIGNED_S = 7 * 24 * 3600
CLOCK_SKEW = timedelta(minutes=15)


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused: AWS's error code and its text."""

    code: str
    message: str


_MISSING = Refusal("MissingAuthenticationToken", "Missing Authentication Token")
_UNSUPPORTED = Refusal(
    "IncompleteSignature", f"The request must have exactly one signature, by {ALGORITHM}."
)
_UNKNOWN_KEY = Refusal(
    "UnrecognizedClientException", "The security token included in the request is invalid."
)


@dataclass(frozen=True)
class Request:
    """An HTTP request without its body.

    Attributes:
        raw_path: the path as it was sent, still percent-encoded.
        query: all values by name.
        headers: by lower-case name; several of one name are joined by a comma.
    """

    method: str
    path: str
    raw_path: str
    query: dict[str, list[str]]
    headers: dict[str, str]

    @property
    def presigned(self) -> bool:
        """Whether the signature is in the query string."""
        return "X-Amz-Signature" in self.query

    @property
    def signed(self) -> bool:
        """Whether it carries any kind of AWS credentials, valid or not."""
        names = {name.lower() for name in self.query}
        return "authorization" in self.headers or not names.isdisjoint(
            {"x-amz-signature", "x-amz-credential", "x-amz-algorithm", "awsaccesskeyid"}
        )


class Verifier:
    """Verifies one request: ``check_head`` first, then ``check_signature``."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._signature: sigv4.HeaderSignature | None = None
        self._secret = ""

    def check_head(self) -> Refusal | None:
        """Refuse a request without a signature by a known key of this time."""
        request = self._request
        if not request.signed:
            return _MISSING
        algorithm = (
            request.query.get("X-Amz-Algorithm", [""])[0]
            if request.presigned
            else request.headers.get("authorization", "").partition(" ")[0]
        )
        if algorithm != ALGORITHM or request.presigned == ("authorization" in request.headers):
            return _UNSUPPORTED
        signature = (
            sigv4.parse_query_signature(request.query)
            if request.presigned
            else sigv4.parse_header_signature(request.headers)
        )
        if isinstance(signature, tuple):
            return Refusal(*signature)
        if extract_access_key_id(request.headers, request.query) != signature.access_key_id:
            # ministack would act for another caller than the one that signed.
            return _UNSUPPORTED
        refusal = self._check_time(signature) or self._find_secret(signature.access_key_id)
        self._signature = signature
        return refusal

    @property
    def needs_body(self) -> bool:
        """Whether the signature covers the body itself, not a hash or a marker in a header."""
        if self._signature is not None and self._signature.service == "s3":
            if self._request.presigned:
                return False
            payload = self._request.headers.get("x-amz-content-sha256", "")
            return not payload or payload.startswith(STREAMED)
        return True

    def check_signature(self, body: bytes) -> Refusal | None:
        """Refuse a wrong signature; ``body`` is looked at when ``needs_body``."""
        if self._signature is None:
            return _MISSING
        request = self._request
        failure = sigv4.header_signature_failure(
            self._signature,
            self._secret,
            request.method,
            request.raw_path,
            request.query,
            request.headers,
            body,
            presigned=request.presigned,
        )
        return Refusal(*failure) if failure else None

    def _check_time(self, signature: sigv4.HeaderSignature) -> Refusal | None:
        if not self._request.presigned:
            failure = sigv4.request_time_failure(signature)
            return Refusal(*failure) if failure else None
        try:
            seconds = int(self._request.query.get("X-Amz-Expires", [""])[0])
            signed_at = datetime.strptime(signature.amz_date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            return Refusal("AuthorizationQueryParametersError", "X-Amz-Expires is missing.")
        now = datetime.now(UTC)
        lasts = timedelta(seconds=min(seconds, MAX_PRESIGNED_S))
        if not signed_at - CLOCK_SKEW <= now <= signed_at + lasts:
            return Refusal("AccessDenied", "Request has expired")
        return None

    def _find_secret(self, access_key_id: str) -> Refusal | None:
        root = os.environ["AWS_ACCESS_KEY_ID"]
        if iam_evaluator.is_root_access_key(access_key_id) and access_key_id != root:
            # "test", a 12-digit account number or nothing: ministack's other names for root.
            return _UNKNOWN_KEY
        token = self._request.headers.get("x-amz-security-token", "")
        if self._request.presigned:
            token = self._request.query.get("X-Amz-Security-Token", [""])[0]
        found: Any = iam_evaluator.resolve_credential(access_key_id, ACCOUNT, token)
        if isinstance(found, iam_evaluator.CredentialResolutionError):
            return Refusal(found.code, found.message)
        self._secret = found.secret_access_key
        return None
