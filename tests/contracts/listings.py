"""What a library promises of its lists of assets and jobs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from filmgate.errors import InvalidCursor
from filmgate.library.model import AssetState, AssetStatus
from filmgate.library.ports import Library
from filmgate.library.results import ResultState
from tests.contracts.records import (
    START,
    LibraryTests,
    an_asset,
    begun,
    ended,
    every_page,
    listed,
    stored_as,
)


class ListingContract(LibraryTests):
    def test_assets_are_listed_newest_first_in_pages(self, library: Library, tenant: str) -> None:
        for i in range(7):
            library.create(an_asset(tenant, f"a{i}", minutes=i * 0.01))
        pages = list(every_page(library, tenant, None, 3))
        assert [len(page.items) for page in pages] == [3, 3, 1]
        assert listed(library, tenant, None) == [f"a{i}" for i in range(6, -1, -1)]

    def test_a_listing_brings_every_result_with_its_asset(
        self, library: Library, tenant: str
    ) -> None:
        """However the pages cut the rows."""
        for i in range(5):
            begun(library, an_asset(tenant, f"a{i}", minutes=i), *"abcdefg"[: 1 + 2 * (i % 4)])
        asked = [f"a{i}" for i in range(4, -1, -1)]
        expected = library.analyzed(tenant, asked)
        for limit in (1, 2, 3, 4, 5, 6):
            pages = every_page(library, tenant, None, limit)
            assert [record for page in pages for record in page.items] == expected

    def test_a_full_last_page_has_no_cursor(self, library: Library, tenant: str) -> None:
        for i in range(4):
            begun(library, an_asset(tenant, f"a{i}", minutes=i), "dedupe", "shots")
        for status in (None, AssetStatus.PROCESSING):
            found = [page.items for page in every_page(library, tenant, status, 8)]
            assert [len(items) for items in found] == [4]
        assert library.list_analyzed(tenant, status=None, limit=4, cursor=None).cursor is None

    @pytest.mark.parametrize("status", list(AssetStatus))
    def test_every_status_is_listed_to_its_end(
        self, library: Library, tenant: str, status: AssetStatus
    ) -> None:
        statuses = [*AssetStatus, *AssetStatus, *AssetStatus]
        for i, one in enumerate(statuses):
            stored_as(library, an_asset(tenant, f"a{i:02d}", minutes=i), one)
        expected = [f"a{i:02d}" for i, one in enumerate(statuses) if one is status]
        for limit in (1, 2, 50):
            assert listed(library, tenant, status, limit) == expected[::-1]

    def test_refused_uploads_are_listed_beside_refused_content(
        self, library: Library, tenant: str
    ) -> None:
        refusal = {"state": AssetState.REFUSED, "reason_code": "empty", "reason": "It is empty."}
        library.create(an_asset(tenant, "a1", minutes=1, **refusal))
        stored_as(library, an_asset(tenant, "a2", minutes=2), AssetStatus.REFUSED)
        stored_as(library, an_asset(tenant, "a3", minutes=3), AssetStatus.DONE)
        assert listed(library, tenant, AssetStatus.REFUSED, 1) == ["a2", "a1"]

    def test_an_asset_with_several_results_of_a_state_is_listed_once(
        self, library: Library, tenant: str
    ) -> None:
        """In whichever page, although each result has a row of its own."""
        for i in range(4):
            _, jobs, results = begun(library, an_asset(tenant, f"a{i}", minutes=i), "x", "y", "z")
            for n, (job, result) in enumerate(zip(jobs, results, strict=True)):
                state = ResultState.DONE if n == 0 else ResultState.FAILED
                at = START + timedelta(hours=n, minutes=i)
                update = {"state": state, "updated_at": at}
                assert library.end(ended(job), result.model_copy(update=update))
        for limit in (1, 2, 3, 20):
            assert listed(library, tenant, AssetStatus.FAILED, limit) == ["a3", "a2", "a1", "a0"]
            for empty in (AssetStatus.DONE, AssetStatus.PROCESSING, AssetStatus.REFUSED):
                assert listed(library, tenant, empty, limit) == []

    def test_what_runs_again_leaves_the_list_of_the_failed(
        self, library: Library, tenant: str
    ) -> None:
        stored_as(library, an_asset(tenant, "a1"), AssetStatus.FAILED)
        begun(library, an_asset(tenant, "a1"), number=2)
        assert listed(library, tenant, AssetStatus.FAILED) == []
        assert listed(library, tenant, AssetStatus.PROCESSING) == ["a1"]

    def test_jobs_are_listed_newest_first_and_not_as_assets(
        self, library: Library, tenant: str
    ) -> None:
        for i in range(5):
            begun(library, an_asset(tenant, f"a{i}", minutes=i))
        assert listed(library, tenant, None) == [f"a{i}" for i in range(4, -1, -1)]
        seen: list[str] = []
        cursor = None
        while not seen or cursor is not None:
            page = library.list_jobs(tenant, limit=2, cursor=cursor)
            seen += [job.asset_id for job in page.items]
            cursor = page.cursor
        assert seen == [f"a{i}" for i in range(4, -1, -1)]

    @pytest.mark.parametrize("cursor", ["", "x", "%%%", "bm90IGEgcG9zaXRpb24=", "é", "A" * 5000])
    def test_strange_cursors_are_refused(self, library: Library, tenant: str, cursor: str) -> None:
        for status in (None, *AssetStatus):
            with pytest.raises(InvalidCursor):
                library.list_analyzed(tenant, status=status, limit=3, cursor=cursor)
        with pytest.raises(InvalidCursor):
            library.list_jobs(tenant, limit=3, cursor=cursor)
        with pytest.raises(InvalidCursor):
            library.list_matches(tenant, limit=3, cursor=cursor)
