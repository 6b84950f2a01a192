"""Filmgate's HTTP API, typed. Files are sent straight to S3 with the URLs that the API returns."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from filmgate.api.models import (
    MAX_IDS,
    MAX_MATCH_ASSETS,
    MAX_PAGE,
    MAX_UPLOADS,
    Analyses,
    AnalysisRequest,
    AssetView,
    AuditView,
    Backfill,
    BackfillRequest,
    DownloadName,
    FileUrl,
    Health,
    HoldRequest,
    HoldView,
    JobView,
    Listing,
    MatchView,
    PolicyView,
    PresignedPost,
    Problem,
    UploadFile,
    UploadRequest,
    Uploads,
)
from filmgate.client.upload_stream import CountedFile, UploadRejected
from filmgate.engines.status import EngineReport
from filmgate.errors import FilmgateError
from filmgate.library.model import AssetStatus

MAX_POST_BYTES = 5 * 1024**3
"""S3 takes at most 5 GiB in one POST."""
_TRIES = 5
_NO_PROBLEM_TYPE = "about:blank"
"""The type of a problem that the service did not describe itself."""
_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 10.0
_RETRIED = {429, 500, 502, 503, 504}
_ABOUT_THE_FILE = {400, 403, 411, 413}
"""S3's answers if one file differs from its announcement, or its form has expired."""
_NO_ROUTE = {400, 403, 404, 405}
_XML_FIELD = re.compile("<(Code|Message)>([^<]{1,300})</")
_API_TIMEOUT = httpx.Timeout(35.0, connect=5.0)
# An upload has no total time limit, only a limit on time without progress.
_S3_TIMEOUT = httpx.Timeout(120.0, connect=10.0)

Value = TypeVar("Value", bound=BaseModel)
Progress = Callable[[int], None]
"""Called with the bytes sent since the last call; negative for those of a failed try."""


class ApiError(FilmgateError):
    """The API or S3 refused.

    Attributes:
        status: the HTTP status.
        problem: the API's description of it; made from the status where there was none.
        reason: the fields at fault with what is wrong with each, or the problem's detail.
    """

    def __init__(self, status: int, problem: Problem) -> None:
        fields = "; ".join(f"{e.field}: {e.message}" for e in problem.errors or [])
        self.reason = fields or problem.detail
        super().__init__(f"{status} {problem.title}: {self.reason}")
        self.status = status
        self.problem = problem


class NotFilmgate(FilmgateError):
    """Something answers at the address, but not a Filmgate API."""


class FilmgateClient:
    """One tenant's view of a Filmgate API. Safe to share between threads; close it after use.

    Failed connections and answers 429 and 5xx are tried again, five times in all, with growing
    random pauses, or after as long as the answer asks for. Every call can be repeated without
    harm. What stays wrong is raised: ApiError for an answer, NotFilmgate for one that no Filmgate
    gives, httpx.TransportError without one.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`transport` and `sleep` are replaced in tests."""
        headers = {"accept": "application/json"}
        self._api = httpx.Client(
            base_url=base_url,
            headers={**headers, "x-api-key": api_key},
            timeout=_API_TIMEOUT,
            transport=transport,
        )
        # A client of its own, so that the key never goes to S3.
        self._s3 = httpx.Client(timeout=_S3_TIMEOUT, transport=transport)
        self._sleep = sleep

    def __enter__(self) -> FilmgateClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._api.close()
        self._s3.close()

    def health(self) -> Health:
        """Version and stage of the service."""
        return self._get(Health, "/health")

    def engines(self) -> EngineReport:
        """Which engines the service has."""
        return self._get(EngineReport, "/engines")

    def create_uploads(self, files: Sequence[UploadFile]) -> Uploads:
        """Any number of files, in the order given; `send` those that have an upload."""
        found = Uploads(uploads=[])
        for batch in _batches(files, MAX_UPLOADS):
            body = UploadRequest(files=tuple(batch)).model_dump(mode="json")
            answer = self._call(Uploads, "POST", "/uploads", json=body)
            found.uploads.extend(answer.uploads)
        return found

    def send(self, target: PresignedPost, path: Path, progress: Progress | None = None) -> None:
        """Stream one file of at most 5 GiB (S3's limit for a POST) from disk to its place.

        Raises:
            UploadRejected: its size differs from the announced size or changed in the upload, it
                exceeds the limit, or the form has expired: request the upload again.
            ApiError: S3 refused the file for another reason.
            OSError: the file cannot be read.
        """
        if path.stat().st_size > MAX_POST_BYTES:
            raise UploadRejected("it is larger than the 5 GiB that S3 accepts in one upload")

        def post() -> httpx.Response:
            with CountedFile(path, progress) as body:
                files = {"file": ("file", body, "application/octet-stream")}
                arrived = False
                try:
                    answer = self._s3.post(target.url, data=target.fields, files=files)
                    arrived = answer.is_success
                    return answer
                finally:
                    if not arrived:
                        body.undo_progress()

        try:
            self._retrying(post)
        except ApiError as error:
            if error.status in _ABOUT_THE_FILE:
                raise UploadRejected(f"S3 answered {error.problem.detail}") from error
            raise

    def asset(self, asset_id: str) -> AssetView:
        """Raises ApiError 404."""
        return self._get(AssetView, f"/assets/{asset_id}")

    def assets(self, status: AssetStatus | None = None) -> Iterator[AssetView]:
        """All of them, newest first, read page by page as they are taken."""
        params = {"status": status.value} if status else {}
        return self._pages(Listing[AssetView], "/assets", params)

    def assets_page(
        self, *, status: AssetStatus | None, limit: int, cursor: str | None
    ) -> Listing[AssetView]:
        """At most `limit` of them, newest first, from `cursor` on."""
        params = {"status": status.value} if status else {}
        return self._slice(Listing[AssetView], "/assets", params, limit, cursor)

    def assets_by_id(self, ids: Sequence[str]) -> list[AssetView]:
        """Those that exist of any number of ids, in the order given."""
        return [
            asset
            for batch in _batches(ids, MAX_IDS)
            for asset in self._get(Listing[AssetView], "/assets", {"id": list(batch)}).items
        ]

    def matches(self) -> Iterator[MatchView]:
        """All of them, newest first, read page by page as they are taken."""
        return self._pages(Listing[MatchView], "/matches", {})

    def matches_page(self, *, limit: int, cursor: str | None) -> Listing[MatchView]:
        """At most `limit` of them, newest first, from `cursor` on."""
        return self._slice(Listing[MatchView], "/matches", {}, limit, cursor)

    def matches_of(self, asset_id: str) -> list[MatchView]:
        """Best first. Raises ApiError 404."""
        return list(self._pages(Listing[MatchView], f"/assets/{asset_id}/matches", {}))

    def matches_of_assets(self, ids: Sequence[str]) -> list[MatchView]:
        """The matches of any number of assets, each match once, best first."""
        found: dict[str, MatchView] = {}
        for batch in _batches(ids, MAX_MATCH_ASSETS):
            for match in self._pages(Listing[MatchView], "/matches", {"asset": list(batch)}):
                found[match.match_id] = match
        return sorted(found.values(), key=lambda match: (-match.verdict.score, match.match_id))

    def match(self, match_id: str) -> MatchView:
        """Raises ApiError 404."""
        return self._get(MatchView, f"/matches/{match_id}")

    def job(self, job_id: str) -> JobView:
        """Raises ApiError 404."""
        return self._get(JobView, f"/jobs/{job_id}")

    def jobs(self) -> Iterator[JobView]:
        """All of them, newest first, read page by page as they are taken."""
        return self._pages(Listing[JobView], "/jobs", {})

    def analyze(self, asset_id: str, want: Sequence[str] | None = None) -> list[JobView]:
        """Run capabilities on an asset, all that suit it by default; the jobs that were started.

        Raises ApiError 404, 409 while one of them runs, and 422 for an unknown one.
        """
        body = AnalysisRequest(want=None if want is None else tuple(want))
        path = f"/assets/{asset_id}/analyses"
        return self._call(Analyses, "POST", path, json=body.model_dump(mode="json")).jobs

    def asset_of(self, path: str, sha256: str) -> AssetView | None:
        """The asset of this name and content."""
        params = {"path": path, "sha256": sha256}
        return next(iter(self._get(Listing[AssetView], "/assets", params).items), None)

    def delete_asset(self, asset_id: str, reason: str) -> AssetView:
        """Delete an asset softly. Raises ApiError 404, and 409 under a legal hold."""
        path = f"/assets/{asset_id}"
        return self._call(AssetView, "DELETE", path, params={"reason": reason})

    def restore_asset(self, asset_id: str) -> AssetView:
        """Bring a deleted asset back. Raises ApiError 404, and 409 where it is not deleted."""
        return self._call(AssetView, "POST", f"/assets/{asset_id}/restore")

    def place_hold(self, asset_id: str, reason: str) -> HoldView:
        """Put an asset under a legal hold. Raises ApiError 404, and 409 while data is removed."""
        body = HoldRequest(reason=reason).model_dump(mode="json")
        return self._call(HoldView, "POST", f"/assets/{asset_id}/holds", json=body)

    def release_hold(self, asset_id: str, hold_id: str) -> None:
        """Raises ApiError 404."""
        path = f"/assets/{asset_id}/holds/{hold_id}"
        self._retrying(lambda: self._api.request("DELETE", path))

    def audit_events(self) -> Iterator[AuditView]:
        """All of them, oldest first, read page by page as they are taken."""
        return self._pages(Listing[AuditView], "/audit", {})

    def policy(self) -> PolicyView:
        """The retention policy."""
        return self._get(PolicyView, "/policy")

    def set_policy(self, policy: PolicyView) -> PolicyView:
        """Replace the retention policy."""
        return self._call(PolicyView, "PUT", "/policy", json=policy.model_dump(mode="json"))

    def backfill(self, want: Sequence[str] | None = None, *, everything: bool = False) -> Backfill:
        """Run all files that lack a result of the current engine, or all. Raises ApiError 422."""
        body = BackfillRequest(want=None if want is None else tuple(want), everything=everything)
        return self._call(Backfill, "POST", "/backfills", json=body.model_dump(mode="json"))

    def file_url(self, asset_id: str, name: DownloadName) -> FileUrl:
        """A URL of one file of an asset, valid for 15 minutes. Raises ApiError 404."""
        return self._get(FileUrl, f"/assets/{asset_id}/files/{name.value}")

    def file(self, asset_id: str, name: DownloadName) -> bytes:
        """One file of an asset, in memory; meant for the small ones. Raises ApiError 404."""
        url = self.file_url(asset_id, name).url
        return self._retrying(lambda: self._s3.get(url)).content

    def _pages(
        self, kind: type[Listing[Value]], path: str, params: dict[str, Any]
    ) -> Iterator[Value]:
        asked: dict[str, Any] = {**params, "limit": MAX_PAGE}
        while True:
            page = self._get(kind, path, asked)
            yield from page.items
            if page.cursor is None:
                return
            asked["cursor"] = page.cursor

    def _slice(
        self,
        kind: type[Listing[Value]],
        path: str,
        params: dict[str, Any],
        limit: int,
        cursor: str | None,
    ) -> Listing[Value]:
        """Read pages until `limit` is reached: a filtered page may have fewer items."""
        items: list[Value] = []
        while True:
            asked = {**params, "limit": min(limit - len(items), MAX_PAGE)}
            page = self._get(kind, path, asked | ({"cursor": cursor} if cursor else {}))
            items.extend(page.items)
            cursor = page.cursor
            if cursor is None or len(items) >= limit:
                return kind(items=items, cursor=cursor)

    def _get(self, kind: type[Value], path: str, params: dict[str, Any] | None = None) -> Value:
        return self._call(kind, "GET", path, params=params)

    def _call(self, kind: type[Value], method: str, path: str, **request: Any) -> Value:
        try:
            answer = self._retrying(lambda: self._api.request(method, path, **request))
            return kind.model_validate_json(answer.content)
        except ApiError as error:
            unknown = error.problem.type == _NO_PROBLEM_TYPE
            if unknown and (error.status in _NO_ROUTE or error.status < 400):
                raise self._not_filmgate(f"it answers {error.status}") from error
            raise
        except ValidationError as error:
            raise self._not_filmgate("its answers have a different format") from error

    def _not_filmgate(self, why: str) -> NotFilmgate:
        return NotFilmgate(f"What answers at {self._api.base_url} is not a Filmgate API: {why}.")

    def _retrying(self, request: Callable[[], httpx.Response]) -> httpx.Response:
        for tried in range(1, _TRIES + 1):
            asked_s = 0.0
            try:
                answer = request()
            except httpx.TransportError:
                if tried == _TRIES:
                    raise
            else:
                if answer.is_success:
                    return answer
                if tried == _TRIES or answer.status_code not in _RETRIED:
                    raise ApiError(answer.status_code, _problem(answer))
                asked_s = _retry_after_s(answer)
            grown_s = _FIRST_WAIT_S * 2**tried
            # Random within the upper half, so that clients do not all retry at the same time.
            self._sleep(max(asked_s, random.uniform(grown_s / 2, grown_s)))  # noqa: S311
        raise AssertionError("unreachable: the last try returns or raises")


def _retry_after_s(answer: httpx.Response) -> float:
    """Retry-After in seconds, within reason; 0 without one, or with a date."""
    text = answer.headers.get("retry-after", "")
    return min(float(text), _LONGEST_WAIT_S) if text.isascii() and text.isdigit() else 0.0


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _problem(answer: httpx.Response) -> Problem:
    try:
        return Problem.model_validate_json(answer.content)
    except ValidationError:
        # S3 answers in XML, gateways in any format or with no body.
        said = ": ".join(value for _, value in _XML_FIELD.findall(answer.text))
        return Problem(
            type=_NO_PROBLEM_TYPE,
            title=answer.reason_phrase or "HTTP error",
            status=answer.status_code,
            detail=said or answer.text[:500].strip() or "no details were given",
            instance=str(answer.request.url.copy_with(query=None)),
        )
