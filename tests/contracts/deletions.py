"""Removing assets and matches for good, and finding what has to be removed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from filmgate.errors import InvalidCursor, NotFound
from filmgate.library.model import Asset, AssetState, AssetStatus, DataKind, Hold
from filmgate.library.ports import Library, Page
from tests.contracts.records import (
    START,
    LibraryTests,
    a_job,
    a_match,
    a_result,
    an_asset,
    begun,
    ended,
)

SHA = "ab" * 32


def every(page_of: Callable[[str | None], Page[str]]) -> list[str]:
    """The items of all pages."""
    found: list[str] = []
    cursor = None
    for _ in range(50):
        page = page_of(cursor)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found
    raise AssertionError("the listing does not end")


def deleted(library: Library, asset: Asset, days: int) -> Asset:
    stored = library.create(asset)
    gone = library.compare_and_set(
        stored.changed(
            state=AssetState.DELETED,
            state_before=AssetState.STORED,
            deleted_at=START,
            purge_at=START + timedelta(days=days),
        )
    )
    assert gone is not None
    return gone


class DeletionsContract(LibraryTests):
    def test_what_deletion_keeps_comes_back_as_it_was_saved(
        self, library: Library, tenant: str
    ) -> None:
        hold = Hold(hold_id="h1", reason="case 7", placed_by="key1", placed_at=START)
        asset = deleted(library, an_asset(tenant, "a1", holds=(hold,), stored_at=START), 30)
        changed = library.compare_and_set(
            asset.changed(
                purge_started_at=START,
                removed={DataKind.RAW: START, DataKind.FRAMES: START},
                removing=(DataKind.FRAMES,),
            )
        )
        assert changed is not None
        assert library.asset(tenant, "a1") == changed
        assert changed.bytes_gone

    def test_an_asset_owns_its_content_from_its_first_run_until_it_is_disowned(
        self, library: Library, tenant: str
    ) -> None:
        assert library.owners(tenant, SHA) == []
        for name in ("a2", "a1"):
            begun(library, an_asset(tenant, name, sha256=SHA))
        begun(library, an_asset(tenant, "a3", sha256="cd" * 32))
        begun(library, an_asset(f"{tenant}-x", "a4", sha256=SHA))
        assert sorted(library.owners(tenant, SHA)) == ["a1", "a2"]
        library.disown(tenant, SHA, "a1")
        library.disown(tenant, SHA, "a1")
        assert library.owners(tenant, SHA) == ["a2"]

    def test_a_deleted_asset_is_removed_with_its_results(
        self, library: Library, tenant: str
    ) -> None:
        asset, (job, _), (result, _) = begun(library, an_asset(tenant, "a1"), "dedupe", "logos")
        assert library.end(ended(job), result)
        assert library.remove(library.asset(tenant, "a1"))
        with pytest.raises(NotFound):
            library.asset(tenant, "a1")
        assert library.results(tenant, "a1") == []
        listed = library.list_analyzed(tenant, status=None, limit=9, cursor=None)
        assert listed.items == []
        assert not library.remove(asset), "it is gone already"
        assert library.create(an_asset(tenant, "a1")).version == 1, "it may come again"

    def test_nothing_is_removed_of_an_asset_that_was_changed(
        self, library: Library, tenant: str
    ) -> None:
        asset, _, _ = begun(library, an_asset(tenant, "a1"))
        assert library.compare_and_set(asset.changed(path="other.mp4"))
        assert not library.remove(asset)
        assert len(library.results(tenant, "a1")) == 1

    def test_an_asset_of_many_engines_is_removed_as_a_whole(
        self, library: Library, tenant: str
    ) -> None:
        asset = library.create(an_asset(tenant, "a1"))
        for batch in range(4):
            jobs = [a_job(asset, f"c{batch}-{number}") for number in range(30)]
            results = [a_result(asset, job) for job in jobs]
            assert library.begin(asset, jobs, results)
            asset = library.asset(tenant, "a1")
        assert len(library.results(tenant, "a1")) == 120
        stale = asset.model_copy(update={"version": asset.version - 1})
        assert not library.remove(stale)
        assert len(library.results(tenant, "a1")) == 120
        assert library.remove(asset)
        assert library.results(tenant, "a1") == []

    @pytest.mark.parametrize("limit", [1, 2, 5, 9])
    def test_deleted_assets_are_listed_by_when_they_are_purged(
        self, library: Library, tenant: str, limit: int
    ) -> None:
        for name, days in (("a1", 9), ("a2", 3), ("a3", 30), ("a4", 5), ("a5", 1)):
            deleted(library, an_asset(tenant, name), days)
        library.create(an_asset(tenant, "a6"))
        back = library.asset(tenant, "a3")
        restored = back.changed(state=AssetState.STORED, purge_at=None)
        assert library.compare_and_set(restored)

        def page(cursor: str | None) -> Page[str]:
            found = library.list_deleted(tenant, limit=limit, cursor=cursor)
            assert len(found.items) <= limit
            return Page(items=[asset.asset_id for asset in found.items], cursor=found.cursor)

        assert every(page) == ["a5", "a2", "a4", "a1"]

    @pytest.mark.parametrize("limit", [1, 2, 9])
    def test_withdrawn_matches_are_among_the_ids(
        self, library: Library, tenant: str, limit: int
    ) -> None:
        for other in ("a2", "a3", "a4"):
            library.save_match(a_match(tenant, "a1", other))
        library.save_match(a_match(tenant, "a2", "a3"))
        library.withdraw_match(tenant, "a1:a3", START)

        def page(cursor: str | None) -> Page[str]:
            return library.match_ids_of(tenant, "a1", limit=limit, cursor=cursor)

        assert every(page) == ["a1:a2", "a1:a3", "a1:a4"]
        assert library.match_ids_of(tenant, "a9", limit=9, cursor=None).items == []
        assert library.match_ids_of(f"{tenant}-x", "a1", limit=9, cursor=None).items == []

    def test_a_removed_match_leaves_nothing_on_either_side(
        self, library: Library, tenant: str
    ) -> None:
        for name in ("a2", "a3"):
            library.save_match(a_match(tenant, "a1", name))
        library.withdraw_match(tenant, "a1:a3", START)
        for match_id in ("a1:a2", "a1:a3", "a1:a2", "a8:a9"):
            library.remove_match(tenant, match_id)
        for asset_id in ("a1", "a2", "a3"):
            assert library.match_ids_of(tenant, asset_id, limit=9, cursor=None).items == []
        assert library.list_matches(tenant, limit=9, cursor=None).items == []

    @pytest.mark.parametrize("limit", [1, 2, 9])
    def test_what_is_overdue_is_listed_oldest_first(
        self, library: Library, tenant: str, limit: int
    ) -> None:
        for name, minutes in (("a1", 5), ("a2", 3), ("a3", 60)):
            library.create(an_asset(tenant, name, minutes=minutes))
        for name, minutes in (("b1", 4), ("b2", 2), ("b3", 60)):
            begun(library, an_asset(tenant, name, minutes=minutes))
        before = START + timedelta(minutes=30)

        def pages(status: AssetStatus) -> list[str]:
            return every(
                lambda cursor: library.overdue(tenant, status, before, limit=limit, cursor=cursor)
            )

        assert pages(AssetStatus.WAITING) == ["a2", "a1"]
        assert pages(AssetStatus.PROCESSING) == ["b2", "b1"]

    def test_only_what_can_be_overdue_is_asked_for(self, library: Library, tenant: str) -> None:
        with pytest.raises(ValueError, match="overdue"):
            library.overdue(tenant, AssetStatus.DONE, START, limit=9, cursor=None)

    def test_cursors_of_others_are_refused(self, library: Library, tenant: str) -> None:
        with pytest.raises(InvalidCursor):
            library.list_deleted(tenant, limit=9, cursor="%%%")
        with pytest.raises(InvalidCursor):
            library.overdue(tenant, AssetStatus.WAITING, START, limit=9, cursor="%%%")
