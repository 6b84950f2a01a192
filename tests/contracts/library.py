"""The library port's contract. Subclass `LibraryContract`, and give a `library` fixture."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from filmgate.errors import NotFound
from filmgate.library.model import Asset, AssetStatus
from filmgate.library.ports import Library
from tests.contracts.listings import ListingContract
from tests.contracts.matches import MatchContract
from tests.contracts.records import (
    INFO,
    LibraryTests,
    a_match,
    an_asset,
    begun,
    listed,
)
from tests.contracts.runs import RunContract


class AssetContract(LibraryTests):
    def test_an_asset_comes_back_as_it_was_saved(self, library: Library, tenant: str) -> None:
        asset = an_asset(tenant, "a1", info=INFO, sha256="ab" * 32, size_bytes=2**40)
        made = library.create(asset)
        assert made == asset.model_copy(update={"version": 1})
        assert library.asset(tenant, "a1") == made

    def test_create_keeps_the_first(self, library: Library, tenant: str) -> None:
        first = library.create(an_asset(tenant, "a1"))
        assert library.create(an_asset(tenant, "a1", path="other.mp4")) == first
        assert library.asset(tenant, "a1") == first

    def test_one_of_many_creates(self, library: Library, tenant: str) -> None:
        def create(number: int) -> Asset:
            return library.create(an_asset(tenant, "a1", path=f"{number}.mp4"))

        with ThreadPoolExecutor(6) as pool:
            assert len({asset.path for asset in pool.map(create, range(6))}) == 1

    def test_unknown_ids_are_not_found(self, library: Library, tenant: str) -> None:
        for call in (
            lambda: library.asset(tenant, "nope"),
            lambda: library.job(tenant, "nope"),
            lambda: library.match(tenant, "a:b"),
            lambda: library.match(tenant, "a"),
            lambda: library.match(tenant, ""),
            lambda: library.asset(tenant, ""),
            lambda: library.asset(tenant, "x" * 5000),
            lambda: library.job(tenant, "x" * 5000),
            lambda: library.job(tenant, ""),
        ):
            with pytest.raises(NotFound):
                call()
        strange = ["", "x" * 5000, "a#b"]
        assert library.assets(tenant, strange) == []
        assert library.analyzed(tenant, strange) == []
        assert [library.results(tenant, asset_id) for asset_id in strange] == [[], [], []]
        assert library.matches_of(tenant, "", limit=9, cursor=None).items == []

    def test_tenants_do_not_see_each_other(self, library: Library, tenant: str) -> None:
        other = f"{tenant}-x"
        _, (job,), _ = begun(library, an_asset(tenant, "a1"))
        library.save_match(a_match(tenant, "a1", "a2"))
        for call in (
            lambda: library.asset(other, "a1"),
            lambda: library.job(other, job.job_id),
            lambda: library.match(other, "a1:a2"),
        ):
            with pytest.raises(NotFound):
                call()
        assert library.assets(other, ["a1"]) == []
        assert library.analyzed(other, ["a1"]) == []
        assert library.results(other, "a1") == []
        assert library.matches_of(other, "a1", limit=9, cursor=None).items == []
        for status in (None, *AssetStatus):
            assert listed(library, other, status) == []
        assert library.list_jobs(other, limit=5, cursor=None).items == []
        assert library.list_matches(other, limit=5, cursor=None).items == []

    def test_assets_come_in_the_order_asked(self, library: Library, tenant: str) -> None:
        for name in ("a1", "a2", "a3"):
            library.create(an_asset(tenant, name))
        asked = ["a3", "gone", "a1", "a3"]
        found = library.assets(tenant, asked)
        assert [asset.asset_id for asset in found] == ["a3", "a1", "a3"]
        records = library.analyzed(tenant, asked)
        assert [record.asset.asset_id for record in records] == ["a3", "a1", "a3"]
        assert library.assets(tenant, []) == []
        assert library.analyzed(tenant, []) == []

    def test_many_assets_at_once(self, library: Library, tenant: str) -> None:
        names = [f"a{i:03d}" for i in range(130)]
        for name in names:
            library.create(an_asset(tenant, name))
        assert [asset.asset_id for asset in library.assets(tenant, names)] == names
        records = library.analyzed(tenant, names)
        assert [record.asset.asset_id for record in records] == names

    def test_what_another_changed_is_not_replaced(self, library: Library, tenant: str) -> None:
        known = library.create(an_asset(tenant, "a1"))
        changed = library.compare_and_set(known.model_copy(update={"path": "first"}))
        assert changed is not None
        assert (changed.path, changed.version) == ("first", 2)
        assert library.compare_and_set(known.model_copy(update={"path": "second"})) is None
        assert library.asset(tenant, "a1") == changed
        again = library.compare_and_set(changed.model_copy(update={"path": "third"}))
        assert again is not None
        assert library.asset(tenant, "a1") == again

    def test_one_of_many_replaces(self, library: Library, tenant: str) -> None:
        known = library.create(an_asset(tenant, "a1"))

        def change(number: int) -> bool:
            asset = known.model_copy(update={"path": f"{number}"})
            return library.compare_and_set(asset) is not None

        with ThreadPoolExecutor(6) as pool:
            assert sorted(pool.map(change, range(6))) == [False] * 5 + [True]


class LibraryContract(AssetContract, RunContract, ListingContract, MatchContract):
    """All of it."""
