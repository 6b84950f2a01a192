"""Listings: pages, cursors, filters, batch reads."""

from __future__ import annotations

import base64
import json
import random
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest
from fastapi.testclient import TestClient

from filmgate.api import matches
from filmgate.api.cursors import seal
from filmgate.dedupe.records import verdict_of
from filmgate.library.matches import Match
from filmgate.library.model import Asset, AssetStatus
from filmgate.library.ports import Page
from tests.unit.api.world import START, World


def pages(client: TestClient, path: str, **params: Any) -> list[list[dict[str, Any]]]:
    found = []
    while True:
        answer = client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["items"])
        params["cursor"] = answer.json()["cursor"]
        if params["cursor"] is None:
            return found
        assert len(found) < 50, "the listing does not end"


def test_assets_come_newest_first_in_pages(world: World, client: TestClient) -> None:
    for minute in range(7):
        world.add_asset("acme", f"{minute}.png", minute=minute)
        world.add_asset("rival", f"{minute}.png", minute=minute)
    found = pages(client, "/assets", limit=3)
    assert [len(page) for page in found] == [3, 3, 1]
    paths = [item["path"] for page in found for item in page]
    assert paths == [f"{minute}.png" for minute in range(6, -1, -1)]


def test_an_asset_is_shown_without_tenant_and_key(world: World, client: TestClient) -> None:
    asset = world.add_asset("acme", "a.png")
    shown = client.get(f"/assets/{asset.asset_id}").json()
    hidden = {"tenant", "key", "state", "version", "state_before", "purge_started_at", "stored_at"}
    hidden |= {"removed", "removing"}
    result = world.result(asset)
    own = {"tenant", "asset_id", "asset_created_at", "artifacts", "version"}
    assert shown == {
        **asset.model_dump(mode="json", exclude=hidden),
        "status": "done",
        "notes": [],
        "bytes": "stored",
        "results": [result.model_dump(mode="json", exclude=own)],
    }
    assert "artifacts/" not in json.dumps(shown)


def test_an_asset_is_as_new_as_its_newest_result(world: World, client: TestClient) -> None:
    asset = world.add_asset("acme", "a.png")
    world.change_result(asset, updated_at=START + timedelta(hours=1), notes=("It is short.",))
    shown = client.get(f"/assets/{asset.asset_id}").json()
    assert (shown["updated_at"], shown["notes"]) == ("2026-01-02T04:04:05Z", ["It is short."])


def test_assets_by_status(world: World, client: TestClient) -> None:
    world.add_asset("acme", "good.png")
    world.add_asset("acme", "bad.png", AssetStatus.REFUSED)
    (found,) = pages(client, "/assets", status="refused")
    assert [item["path"] for item in found] == ["bad.png"]


def test_assets_by_id_keep_the_order_and_leave_out_what_is_not(
    world: World, client: TestClient
) -> None:
    first, second = (world.add_asset("acme", name) for name in ("a.png", "b.png"))
    foreign = world.add_asset("rival", "a.png")
    ids = [second.asset_id, foreign.asset_id, "f" * 26, first.asset_id, second.asset_id]
    answer = client.get("/assets", params={"id": ids}).json()
    assert [item["asset_id"] for item in answer["items"]] == [second.asset_id, first.asset_id]
    assert answer["cursor"] is None


@pytest.mark.parametrize(
    ("path", "params", "field"),
    [
        ("/assets", {"limit": 0}, "query.limit"),
        ("/assets", {"limit": 101}, "query.limit"),
        ("/assets", {"limit": "x"}, "query.limit"),
        ("/assets", {"status": "lost"}, "query.status"),
        ("/assets", {"id": ["no"]}, "query.id.0"),
        ("/assets", {"id": ["a" * 26] * 101}, "query.id"),
        ("/assets", {"id": "a" * 26, "status": "done"}, "query.id"),
        ("/assets", {"cursor": "x" * 2049}, "query.cursor"),
        ("/matches", {"asset": ["a" * 26] * 51}, "query.asset"),
        ("/matches", {"asset": ["no"]}, "query.asset.0"),
        ("/matches", {"limit": 101}, "query.limit"),
    ],
)
def test_bad_parameters_are_named(
    client: TestClient, path: str, params: dict[str, Any], field: str
) -> None:
    answer = client.get(path, params=params)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_matches_come_with_both_paths(world: World, client: TestClient) -> None:
    first, second = (world.add_asset("acme", name) for name in ("a.png", "b.png"))
    match = world.add_match(first, second, 0.9)
    paths = {first.asset_id: "a.png", second.asset_id: "b.png"}
    (shown,) = client.get("/matches").json()["items"]
    assert shown == {
        "match_id": match.match_id,
        "a": match.a,
        "b": match.b,
        "a_path": paths[match.a],
        "b_path": paths[match.b],
        "verdict": verdict_of(match).model_dump(mode="json"),
        "created_at": "2026-01-02T03:04:05Z",
        "updated_at": "2026-01-02T03:04:05Z",
    }
    assert client.get(f"/matches/{match.match_id}").json() == shown
    assert client.get(f"/assets/{match.b}/matches").json()["items"] == [shown]


def test_matches_of_assets_come_once_and_best_first(world: World, client: TestClient) -> None:
    assets = [world.add_asset("acme", f"{n}.png") for n in range(6)]
    for n, other in enumerate(assets[1:]):
        # Two share a score, so that the page break falls between equals.
        world.add_match(assets[0], other, 0.8 + 0.01 * (n // 2))
    world.add_match(assets[4], assets[5], 0.99)
    everything = [asset.asset_id for asset in assets]
    found = pages(client, "/matches", asset=everything, limit=2)
    rows = [(-item["verdict"]["score"], item["match_id"]) for page in found for item in page]
    assert [len(page) for page in found] == [2, 2, 2]
    assert rows == sorted(rows)
    assert len(set(rows)) == 6
    one = pages(client, f"/assets/{assets[0].asset_id}/matches", limit=2)
    assert [len(page) for page in one] == [2, 2, 1]


@pytest.fixture
def rows_read(world: World, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of matches that each request reads, withdrawn ones included."""
    read, real = list[int](), world.library.matches_of

    def counted(*args: str, limit: int, cursor: str | None) -> Page[Match]:
        page = real(*args, limit=limit, cursor=cursor)
        read[-1] += len(page.items) + page.left_out
        return page

    monkeypatch.setattr(world.library, "matches_of", counted)
    client.event_hooks["request"].append(lambda _: read.append(0))
    return read


def test_no_page_reads_more_matches_than_its_share(
    world: World, client: TestClient, monkeypatch: pytest.MonkeyPatch, rows_read: list[int]
) -> None:
    """Of files with many matches all are listed, once, and some at a time best first."""
    monkeypatch.setattr(matches, "MOST_SORTED", 4)
    assets = [world.add_asset("acme", f"{n}.png") for n in range(8)]
    stored = {
        world.add_match(first, second, 0.8 + n / 100).match_id
        for n, (first, second) in enumerate(combinations(assets, 2))
    }
    ids = [asset.asset_id for asset in assets]
    one = pages(client, f"/assets/{ids[0]}/matches", limit=3)
    scores = [item["verdict"]["score"] for page in one for item in page]
    assert [len(page) for page in one] == [3, 1, 3]
    assert scores[:4] == sorted(scores[:4], reverse=True)
    assert scores[4:] == sorted(scores[4:], reverse=True)
    for gone in (set(), set(sorted(stored)[::2]), stored):
        for match_id in gone:
            world.library.withdraw_match("acme", match_id, START)
        listed = listed_ids(pages(client, "/matches", asset=ids, limit=3))
        assert len(listed) == len(set(listed))
        assert set(listed) == stored - gone
    assert max(rows_read) == 4


def listed_ids(found: list[list[dict[str, Any]]]) -> list[str]:
    return [item["match_id"] for page in found for item in page]


def hubs(world: World, count: int) -> tuple[list[Asset], list[Asset]]:
    """Some assets, and some more to match with them, each by id."""
    made = [world.add_asset("acme", f"{n}.png") for n in range(count)]
    made.sort(key=lambda asset: asset.asset_id)
    return made[:2], made[2:]


@pytest.mark.parametrize("comes", [True, False])
def test_a_window_stays_where_it_is(
    world: World, client: TestClient, monkeypatch: pytest.MonkeyPatch, comes: bool
) -> None:
    """Two assets have five matches each, the second the better ones, of which one is in the first
    window, and is shown first."""
    monkeypatch.setattr(matches, "MOST_SORTED", 6)
    both, others = hubs(world, 8)
    stored = [
        world.add_match(hub, other, score + 0.01 * n).match_id
        for hub, score in zip(both, (0.8, 0.9), strict=True)
        for n, other in enumerate(others[:5])
    ]
    asked = {"asset": [hub.asset_id for hub in both], "limit": 2}
    first = client.get("/matches", params=asked).json()
    assert listed_ids([first["items"]]) == [stored[5], stored[4]]
    if comes:
        stored.append(world.add_match(both[0], others[5], 0.7).match_id)
    else:
        world.library.withdraw_match("acme", stored.pop(0), START)
    rest = pages(client, "/matches", **asked, cursor=first["cursor"])
    assert sorted(listed_ids([first["items"], *rest])) == sorted(stored)


@pytest.mark.parametrize("seed", range(20))
def test_windows_that_change_between_pages_repeat_and_hide_nothing(
    world: World,
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    rows_read: list[int],
    seed: int,
) -> None:
    """Up to twice as many come as a window has, so that some can no longer be read at once."""
    monkeypatch.setattr(matches, "MOST_SORTED", 6)
    chance = random.Random(seed)
    both, others = hubs(world, 22)
    new = [(hub, other) for hub in both for other in others]
    chance.shuffle(new)
    there = {world.add_match(*new.pop(), chance.random()).match_id for _ in range(12)}
    asked = {"asset": [hub.asset_id for hub in both], "limit": 2}
    listed, stayed, cursor = list[str](), set(there), None
    while cursor is not None or not listed:
        page = client.get("/matches", params={**asked, "cursor": cursor} if cursor else asked)
        listed += [item["match_id"] for item in page.json()["items"]]
        cursor = page.json()["cursor"]
        for _ in range(min(chance.randrange(5), len(new))):
            there.add(world.add_match(*new.pop(), chance.random()).match_id)
        gone = chance.choice(sorted(there))
        world.library.withdraw_match("acme", gone, START)
        there.remove(gone)
        stayed.discard(gone)
    assert len(listed) == len(set(listed))
    assert stayed <= set(listed)
    assert max(rows_read) <= 6


def test_a_page_is_not_thrown_off_by_what_comes_and_goes(world: World, client: TestClient) -> None:
    assets = [world.add_asset("acme", f"{n}.png") for n in range(5)]
    hub = assets[0].asset_id
    matches = [world.add_match(assets[0], other, 0.9) for other in assets[1:4]]
    path = f"/assets/{hub}/matches"
    first = client.get(path, params={"limit": 1}).json()
    world.add_match(assets[0], assets[4], 0.95)
    rest = client.get(path, params={"cursor": first["cursor"]}).json()
    seen = [item["match_id"] for item in first["items"] + rest["items"]]
    assert seen == sorted(match.match_id for match in matches)


LISTINGS = [
    "/assets?limit=1",
    "/assets?limit=1&status=done",
    "/jobs?limit=1",
    "/matches?limit=1",
]


@pytest.mark.parametrize("path", LISTINGS)
def test_a_cursor_fits_one_tenant_and_one_listing(world: World, path: str) -> None:
    for tenant in ("acme", "rival"):
        assets = [world.add_asset(tenant, f"{n}.png", minute=n) for n in range(3)]
        for n, other in enumerate(assets[1:]):
            world.add_match(assets[0], other, 0.9, minute=n)
    acme, rival = world.client("acme"), world.client("rival")
    cursor = acme.get(path).json()["cursor"]
    assert cursor
    assert acme.get(f"{path}&cursor={cursor}").status_code == 200
    assert rival.get(f"{path}&cursor={cursor}").status_code == 422
    for another in LISTINGS:
        if another != path:
            assert acme.get(f"{another}&cursor={cursor}").status_code == 422


def test_every_damage_to_a_cursor_is_seen(world: World, client: TestClient) -> None:
    for n in range(3):
        world.add_asset("acme", f"{n}.png", minute=n)
    cursor = client.get("/assets", params={"limit": 1}).json()["cursor"]
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    for place in range(len(raw)):
        raw[place] ^= 1
        damaged = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        answer = client.get("/assets", params={"cursor": damaged})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "query.cursor"
        raw[place] ^= 1


FORGED = ["", "after", "0.9|", "0:/0.9|a", "0:..1:0.9|a", "x:..1:/", "0:..1:é/0.9|a"]
RANKS = ["nan|a", "1e999|a", "..|a", "0.9", "0.9|", "é"]


@pytest.mark.parametrize("position", [*FORGED, *(f"0:..1:/{rank}" for rank in RANKS)])
def test_a_forged_position_is_refused(world: World, client: TestClient, position: str) -> None:
    asset = world.add_asset("acme", "a.png")
    forged = seal("acme", f"matches/{asset.asset_id}", position)
    answer = client.get(f"/assets/{asset.asset_id}/matches", params={"cursor": forged})
    assert answer.status_code == 422
