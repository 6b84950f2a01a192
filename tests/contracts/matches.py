"""What a library promises of matches."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from filmgate.errors import NotFound
from filmgate.library.ports import Library
from tests.contracts.records import (
    START,
    LibraryTests,
    a_match,
)


class MatchContract(LibraryTests):
    def test_a_match_is_found_from_both_sides(self, library: Library, tenant: str) -> None:
        match = a_match(tenant, "a1", "a2")
        library.save_match(match)
        assert library.match(tenant, "a1:a2") == match
        assert library.matches_of(tenant, "a1", limit=9, cursor=None).items == [match]
        assert library.matches_of(tenant, "a2", limit=9, cursor=None).items == [match]
        with pytest.raises(NotFound):
            library.match(tenant, "a2:a1")

    def test_a_match_keeps_its_first_time(self, library: Library, tenant: str) -> None:
        library.save_match(a_match(tenant, "a1", "a2", score=0.9))
        library.save_match(a_match(tenant, "a1", "a2", score=0.8, minutes=5))
        match = library.match(tenant, "a1:a2")
        assert match.payload == a_match(tenant, "a1", "a2", score=0.8).payload
        assert match.created_at == START
        assert match.updated_at == START + timedelta(minutes=5)
        assert match.score == 0.8
        assert len(library.matches_of(tenant, "a2", limit=9, cursor=None).items) == 1
        assert len(library.list_matches(tenant, limit=5, cursor=None).items) == 1

    def test_matches_of_an_asset_come_page_by_page(self, library: Library, tenant: str) -> None:
        for other in ("a2", "a1", "a5", "a4", "a6"):
            library.save_match(a_match(tenant, *sorted(("a3", other))))
        library.save_match(a_match(tenant, "a1", "a2"))
        found: list[list[str]] = []
        cursor = None
        while cursor is not None or not found:
            page = library.matches_of(tenant, "a3", limit=2, cursor=cursor)
            found.append([match.match_id for match in page.items])
            cursor = page.cursor
        assert found == [["a1:a3", "a2:a3"], ["a3:a4", "a3:a5"], ["a3:a6"]]
        library.withdraw_match(tenant, "a3:a4", START)
        page = library.matches_of(tenant, "a3", limit=4, cursor="a2")
        assert [match.b for match in page.items] == ["a5", "a6"]
        assert (page.cursor, page.left_out) == (None, 1)
        page = library.matches_of(tenant, "a3", limit=1, cursor="a2")
        assert (page.items, page.cursor, page.left_out) == ([], "a4", 1)
        page = library.matches_of(tenant, "a3", limit=1, cursor="a4")
        assert ([match.b for match in page.items], page.left_out) == (["a5"], 0)

    def test_matches_are_read_by_their_ids(self, library: Library, tenant: str) -> None:
        for other in ("a2", "a3", "a4"):
            library.save_match(a_match(tenant, "a1", other))
        library.withdraw_match(tenant, "a1:a3", START)
        asked = ["a1:a4", "a1:a3", "a2:a1", "a1:a9", "", "a1:", "a1:a2"]
        assert [match.b for match in library.matches(tenant, asked)] == ["a4", "a2"]
        assert library.matches(f"{tenant}-x", asked) == []

    def test_matches_are_listed_once_newest_first(self, library: Library, tenant: str) -> None:
        for i in range(5):
            library.save_match(a_match(tenant, "a1", f"b{i}", minutes=i))
        first = library.list_matches(tenant, limit=3, cursor=None)
        rest = library.list_matches(tenant, limit=3, cursor=first.cursor)
        assert [match.b for match in [*first.items, *rest.items]] == ["b4", "b3", "b2", "b1", "b0"]
        assert rest.cursor is None

    def test_a_withdrawn_match_is_found_nowhere(self, library: Library, tenant: str) -> None:
        for b in ("b1", "b2"):
            library.save_match(a_match(tenant, "a1", b))
        for _ in range(2):
            library.withdraw_match(tenant, "a1:b1", START + timedelta(minutes=1))
        with pytest.raises(NotFound):
            library.match(tenant, "a1:b1")
        assert library.matches_of(tenant, "b1", limit=9, cursor=None).items == []
        assert [
            match.b for match in library.matches_of(tenant, "a1", limit=9, cursor=None).items
        ] == ["b2"]
        page = library.list_matches(tenant, limit=5, cursor=None)
        assert [match.b for match in page.items] == ["b2"]

    def test_a_withdrawn_match_may_come_back(self, library: Library, tenant: str) -> None:
        library.save_match(a_match(tenant, "a1", "b1"))
        library.withdraw_match(tenant, "a1:b1", START + timedelta(minutes=1))
        library.save_match(a_match(tenant, "a1", "b1", score=0.8, minutes=2))
        match = library.match(tenant, "a1:b1")
        assert (match.score, match.created_at) == (0.8, START)
        assert library.matches_of(tenant, "b1", limit=9, cursor=None).items == [match]
        assert library.list_matches(tenant, limit=5, cursor=None).items == [match]

    def test_withdrawing_what_was_never_stored_stores_nothing(
        self, library: Library, tenant: str
    ) -> None:
        library.withdraw_match(tenant, "a1:b1", START)
        assert library.matches_of(tenant, "a1", limit=9, cursor=None).items == []
        library.save_match(a_match(tenant, "a1", "b1", minutes=1))
        assert library.match(tenant, "a1:b1").created_at == START + timedelta(minutes=1)

    def test_both_sides_may_write_a_match_at_once(self, library: Library, tenant: str) -> None:
        def write(_: int) -> None:
            for other in ("a2", "a3", "a4"):
                library.save_match(a_match(tenant, "a1", other))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, range(4)))
        assert len(library.matches_of(tenant, "a1", limit=9, cursor=None).items) == 3
