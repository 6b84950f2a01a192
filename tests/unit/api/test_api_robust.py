"""Whatever is sent, the answer is the caller's fault or a result; never ours."""

from __future__ import annotations

import json
import string
from typing import Any

from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filmgate.api.cursors import best_first, seal, unseal
from filmgate.dedupe.records import match_of
from filmgate.errors import InvalidCursor
from filmgate.library.matches import Match
from tests.unit.api.world import START, World, verdict

QUIET = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
WORLD = World()
CLIENT = WORLD.client("acme")
ASSET = WORLD.add_asset("acme", "a.png")

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["files", "path", "sha256", "want", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
files = st.fixed_dictionaries(
    {},
    optional={
        "path": scalars | st.text(min_size=1),
        "size_bytes": scalars | st.integers(min_value=0, max_value=2**70),
        "sha256": scalars | st.text("0123456789abcdef", min_size=64, max_size=64),
        "content_type": scalars | st.just("image/png"),
    },
)
ids = (
    st.text(max_size=60)
    | st.text("0123456789abcdef", min_size=26, max_size=26)
    | st.just(ASSET.asset_id)
)


def check(answer: Any) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


@QUIET
@given(
    documents
    | st.fixed_dictionaries({"files": st.lists(files, max_size=3)})
    | st.fixed_dictionaries({"want": st.lists(st.text() | st.just("dedupe"), max_size=3)})
)
def test_any_json_body(body: Any) -> None:
    content = json.dumps(body).encode()
    for path in ("/uploads", f"/assets/{ASSET.asset_id}/analyses"):
        check(CLIENT.post(path, content=content, headers={"content-type": "application/json"}))


@QUIET
@given(st.binary(max_size=200), st.sampled_from(["application/json", "text/plain", "a/b;c=\xff"]))
def test_any_bytes(body: bytes, kind: str) -> None:
    check(CLIENT.post("/uploads", content=body, headers={"content-type": kind.encode("latin-1")}))


@QUIET
@given(
    st.sampled_from(["/assets", "/jobs", "/matches", f"/assets/{ASSET.asset_id}/matches"]),
    st.dictionaries(
        st.sampled_from(["cursor", "limit", "status", "id", "asset", "x"]),
        st.lists(ids | st.text(string.printable), max_size=3),
    ),
)
def test_any_query(path: str, query: dict[str, list[str]]) -> None:
    check(CLIENT.get(path, params=query))


@QUIET
@given(st.binary(max_size=120))
def test_any_raw_query(query: bytes) -> None:
    path = b"/assets?cursor=" + bytes(c for c in query if 33 <= c < 127 and c != ord("#"))
    check(CLIENT.get(path.decode()))


@QUIET
@given(st.lists(ids, min_size=1, max_size=3), st.sampled_from(["assets", "matches", "jobs"]))
def test_any_path(parts: list[str], head: str) -> None:
    from urllib.parse import quote

    path = "/" + "/".join([head, *(quote(part, safe="") for part in parts)])
    check(CLIENT.get(path))


@QUIET
@given(st.binary(max_size=60))
def test_any_key(key: bytes) -> None:
    headers = {"x-api-key": bytes(c for c in key if c not in b"\r\n\0")}
    check(TestClient(CLIENT.app).get("/assets", headers=headers))


@given(st.text(), st.text(), st.text().filter(lambda t: t.isprintable()))
def test_a_cursor_comes_back_as_its_position(tenant: str, listing: str, position: str) -> None:
    cursor = seal(tenant, listing, position)
    assert unseal(tenant, listing, cursor) == position
    assert set(cursor) <= set(string.ascii_letters + string.digits + "-_")


@given(st.text())
def test_no_text_is_taken_for_a_cursor(text: str) -> None:
    try:
        unseal("acme", "assets/", text)
    except InvalidCursor:
        return
    raise AssertionError(text)


@given(st.lists(st.floats(0, 1), max_size=12), st.integers(1, 5))
def test_pages_hold_everything_once_and_in_order(scores: list[float], limit: int) -> None:
    matches = [
        match_of("t", "a" * 26, f"{n:026x}", verdict(score), START)
        for n, score in enumerate(scores)
    ]
    found: list[Match] = []
    after = None
    while True:
        page = best_first(matches, limit=limit, after=after)
        found += page.items
        assert len(page.items) <= limit
        after = page.cursor
        if after is None:
            break
    expected = sorted(matches, key=lambda match: (-match.score, match.match_id))
    assert found == expected
