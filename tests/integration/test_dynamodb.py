"""The library in DynamoDB keeps, on the local AWS, the contract that memory keeps in unit tests."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pynamodb.connection import Connection

from filmgate.adapters.dynamodb.library import DynamoLibrary
from filmgate.errors import TransientError
from filmgate.library.model import AssetStatus
from tests.contracts.interleaving import (
    CAPABILITIES,
    Attempt,
    Catch,
    Ledger,
    Turns,
    Upload,
    Worker,
    stored_asset,
    three_capabilities,
)
from tests.contracts.library import LibraryContract
from tests.contracts.records import an_asset, every_page, stored_as
from tests.integration.emulator import create_table, emulator

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def tables() -> Iterator[tuple[str, str]]:
    """The tables of assets and of matches, on an emulator of their own."""
    mark = uuid.uuid4().hex[:8]
    with emulator() as aws:
        yield (
            create_table(aws, "AssetsTable", f"assets-{mark}"),
            create_table(aws, "MatchesTable", f"matches-{mark}"),
        )


@pytest.fixture
def rows_read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many rows each query brought."""
    read: list[int] = []
    query = Connection.query

    def counted(self: Connection, *args: Any, **named: Any) -> Any:
        answer = query(self, *args, **named)
        read.append(len(answer["Items"]))
        return answer

    monkeypatch.setattr(Connection, "query", counted)
    return read


def _worker(tenant: str, number: int, chance: random.Random) -> Worker:
    match number:
        case 0:
            return Upload(tenant, "v2")
        case 1:
            return Catch(tenant)
        case _:
            wanted = frozenset(chance.sample(CAPABILITIES, chance.randint(1, 3)))
            times, dies = chance.randint(1, 2), chance.random() < 0.3
            return Attempt(tenant, wanted, chance.randrange(4), times, dies)


class TestDynamoLibrary(LibraryContract):
    @pytest.fixture
    def library(self, tables: tuple[str, str]) -> DynamoLibrary:
        return DynamoLibrary(*tables)

    def test_a_page_of_rare_ones_reads_few_rows(
        self, library: DynamoLibrary, tenant: str, rows_read: list[int]
    ) -> None:
        for i in range(60):
            status = AssetStatus.FAILED if i in (0, 41) else AssetStatus.DONE
            stored_as(library, an_asset(tenant, f"a{i:02d}", minutes=i), status)
        del rows_read[:]
        (page,) = every_page(library, tenant, AssetStatus.FAILED, 4)
        assert [record.asset.asset_id for record in page.items] == ["a41", "a00"]
        assert sum(rows_read) == 2 + 2 * 2, "two in the index, then each with its result"

    def test_a_page_reads_few_more_rows_than_it_shows(
        self, library: DynamoLibrary, tenant: str, rows_read: list[int]
    ) -> None:
        for i in range(40):
            stored_as(library, an_asset(tenant, f"a{i:02d}", minutes=i), AssetStatus.DONE)
        del rows_read[:]
        page = library.list_analyzed(tenant, status=None, limit=4, cursor=None)
        assert len(page.items) == 4
        assert sum(rows_read) <= 2 * (4 + 1)

    @pytest.mark.parametrize("seed", range(8))
    def test_concurrent_capabilities_never_overwrite_each_other(
        self, library: DynamoLibrary, tenant: str, seed: int
    ) -> None:
        chance = random.Random(seed)
        with three_capabilities():
            stored_asset(library, tenant)
            ledger = Ledger(tenant)
            workers = [_worker(tenant, number, chance) for number in range(6)]
            Turns(library, ledger.note).run(workers, chance.randrange)
            ledger.check(library)

    def test_what_cannot_be_reached_is_transient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        library = DynamoLibrary(f"unreached-{uuid.uuid4().hex}", "unreached")
        with pytest.raises(TransientError):
            library.create(an_asset("t", "a1"))
