"""Parameters that several routes take."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from filmgate.api.cursors import MAX_CURSOR_CHARACTERS
from filmgate.api.models import DEFAULT_PAGE, MAX_PAGE
from filmgate.api.problems import phrase
from filmgate.engines.spec import NAME

_ASSET = r"[0-9a-f]{26}"

AssetId = Annotated[str, Path(pattern=f"^{_ASSET}$", description="26 hex digits")]
MatchId = Annotated[
    str, Path(pattern=f"^{_ASSET}:{_ASSET}$", description="Both asset ids, the smaller first")
]
JobId = Annotated[str, Path(pattern="^[0-9A-HJKMNP-TV-Z]{26}$", description="A ULID")]
HoldId = Annotated[str, Path(pattern="^[0-9A-HJKMNP-TV-Z]{26}$", description="A ULID")]
Capability = Annotated[str, Path(pattern=NAME, description="A capability, such as dedupe")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description=f"Default {DEFAULT_PAGE}")]
Cursor = Annotated[
    str | None,
    Query(
        max_length=MAX_CURSOR_CHARACTERS,
        description="The cursor of the page before, as it was given; none for the first page",
    ),
]
AssetIdText = Annotated[str, Query(pattern=f"^{_ASSET}$")]


def problems(*statuses: int) -> dict[int | str, dict[str, object]]:
    """OpenAPI entries for the errors a route answers with, and for any other."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    entries: dict[int | str, dict[str, object]] = {
        status: {"description": phrase(status), "content": content} for status in statuses
    }
    entries["default"] = {"description": "Any other error", "content": content}
    return entries
