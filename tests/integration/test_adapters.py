"""The adapters keep, on the local AWS, the contracts that memory keeps in the unit tests."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pynamodb.pagination import PageIterator

from filmgate.adapters import s3, stepfunctions
from filmgate.adapters.dynamodb import assets
from filmgate.adapters.dynamodb.buckets import DynamoBucketStore
from filmgate.adapters.dynamodb.index import DynamoDeltaStore
from filmgate.adapters.dynamodb.library import DynamoLibrary
from filmgate.adapters.s3 import S3Objects, S3SegmentStore
from filmgate.adapters.stepfunctions import StepFunctionsWorkflows
from filmgate.dedupe.index.bands import BandIndex
from filmgate.dedupe.index.port import IndexEntry, IndexQuery
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.index.settings import IndexSettings
from filmgate.errors import TransientError
from filmgate.library.model import AssetStatus
from tests.contracts.library import LibraryContract, an_asset
from tests.contracts.stores import (
    BucketStoreContract,
    CandidateIndexContract,
    DeltaStoreContract,
    ObjectStoreContract,
    SegmentStoreContract,
    a_tombstone,
    an_item,
)
from tests.stack import RunningStack, environment

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module", autouse=True)
def aws(local: RunningStack) -> Iterator[None]:
    """Clients made here go to the stack as its root user."""
    clients = (s3._client, stepfunctions._client)
    for client in clients:
        client.cache_clear()
    with environment(
        AWS_ENDPOINT_URL=local.info.endpoint_url,
        AWS_DEFAULT_REGION=local.info.region,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
    ):
        yield
    for client in clients:
        client.cache_clear()


@contextmanager
def counted(pages: type, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many pages were read meanwhile."""
    reads, read = [0], pages.__next__

    def reading(self: Any) -> Any:
        reads[0] += 1
        return read(self)

    with monkeypatch.context() as patched:
        patched.setattr(pages, "__next__", reading)
        yield reads


class TestDynamoLibrary(LibraryContract):
    @pytest.fixture
    def library(self, local: RunningStack) -> DynamoLibrary:
        return DynamoLibrary(local.info.tables["assets"], local.info.tables["matches"])

    def test_a_listing_of_rare_ones_reads_a_bounded_part(
        self, library: DynamoLibrary, tenant: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(assets, "_MOST_READS", 3)
        monkeypatch.setattr(assets, "_ROWS_A_READ", 10)
        for i in range(60):
            rare = i in (0, 41)
            status = AssetStatus.FAILED if rare else AssetStatus.DONE
            library.create(an_asset(tenant, f"a{i:02d}", minutes=i, status=status))
        pages: list[list[str]] = []
        cursor = None
        while not pages or cursor is not None:
            with counted(PageIterator, monkeypatch) as reads:
                page = library.list_assets(
                    tenant, status=AssetStatus.FAILED, limit=4, cursor=cursor
                )
            assert reads[0] <= 3
            pages.append([asset.asset_id for asset in page.items])
            cursor = page.cursor
        # 5, 10 and 10 are read a call, so the oldest is reached in the third.
        assert pages == [["a41"], [], ["a00"]]

    def test_what_cannot_be_reached_is_transient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        library = DynamoLibrary(f"unreached-{uuid.uuid4().hex}", "unreached")
        with pytest.raises(TransientError):
            library.create(an_asset("t", "a1"))


class TestDynamoDeltaStore(DeltaStoreContract):
    @pytest.fixture
    def delta(self, local: RunningStack) -> DynamoDeltaStore:
        return DynamoDeltaStore(local.info.tables["index"])

    def test_a_tombstone_is_read_before_what_it_hides(
        self, delta: DynamoDeltaStore, tenant: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Compaction removes the entry and then the tombstone, here between two pages of a read."""
        entry, tombstone = an_item(1, "a"), a_tombstone(2, "a")
        for item in (entry, tombstone):
            delta.put(tenant, item)
        following = PageIterator.__next__

        def page_by_page(pages: PageIterator[Any]) -> Any:
            pages.page_size = 1
            page = following(pages)
            if page["Items"]:
                delta.remove(tenant, [entry.key])
                delta.remove(tenant, [tombstone.key])
            return page

        monkeypatch.setattr(PageIterator, "__next__", page_by_page)
        keys = delta.keys(tenant)
        assert entry.key not in keys or tombstone.key in keys
        assert tombstone.key in keys, "the first page was read before the removal"


class TestDynamoBucketStore(BucketStoreContract):
    @pytest.fixture
    def buckets(self, local: RunningStack) -> DynamoBucketStore:
        return DynamoBucketStore(local.info.tables["index"], workers=8)

    def test_copies_that_arrive_together_find_each_other(
        self, buckets: DynamoBucketStore, tenant: str
    ) -> None:
        frames = np.random.default_rng(4).integers(0, 256, (20, 32), dtype=np.uint8)
        marks = np.arange(90, dtype=np.uint32)
        together = threading.Barrier(2)

        def arrive(name: str) -> list[str]:
            index = BandIndex(buckets)
            entry = IndexEntry(name, name * 64, frames, frames[:3], marks, marks.view(np.int32))
            query = IndexQuery(
                name, name * 64, frames[None], frames[:3], marks, marks.view(np.int32)
            )
            together.wait(10)
            index.add(tenant, entry)
            return [candidate.asset_id for candidate in index.search(tenant, query, limit=5)]

        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(arrive, "ab"))
        assert found in ([["b"], ["a"]], [["b"], []], [[], ["a"]])


class TestSegmentIndex(CandidateIndexContract):
    @pytest.fixture
    def index(self, local: RunningStack, tmp_path: Path) -> SegmentIndex:
        return SegmentIndex(
            DynamoDeltaStore(local.info.tables["index"]),
            S3SegmentStore(local.info.artifacts_bucket),
            IndexSettings(compact_entries=1),
            cache_dir=tmp_path,
        )


class TestBandIndex(CandidateIndexContract):
    @pytest.fixture
    def index(self, local: RunningStack) -> BandIndex:
        return BandIndex(DynamoBucketStore(local.info.tables["index"], workers=8))


class TestS3SegmentStore(SegmentStoreContract):
    @pytest.fixture
    def segments(self, local: RunningStack) -> S3SegmentStore:
        return S3SegmentStore(local.info.artifacts_bucket)


class TestS3Objects(ObjectStoreContract):
    @pytest.fixture
    def prefix(self) -> str:
        # Outside of raw/, so that no upload is announced.
        return f"contract/t-{uuid.uuid4().hex[:10]}"

    @pytest.fixture
    def objects(self, local: RunningStack) -> S3Objects:
        return S3Objects(local.info.raw_bucket, local.info.artifacts_bucket)

    def test_versions_are_told_apart(
        self, objects: S3Objects, local: RunningStack, prefix: str, tmp_path: Path
    ) -> None:
        client = local.aws.client("s3")
        first = client.put_object(Bucket=local.info.raw_bucket, Key=prefix, Body=b"one")
        client.put_object(Bucket=local.info.raw_bucket, Key=prefix, Body=b"second")
        version = first["VersionId"]
        assert objects.size("raw", prefix, version) == 3
        objects.download("raw", prefix, tmp_path / "file", version_id=version)
        assert (tmp_path / "file").read_bytes() == b"one"
        assert objects.size("raw", prefix) == 6

    def test_a_signed_url_reads_the_object(self, objects: S3Objects, prefix: str) -> None:
        objects.put("artifacts", f"{prefix}/a.txt", b"hello", "text/plain")
        with urllib.request.urlopen(objects.presign_get("artifacts", f"{prefix}/a.txt", 60)) as at:
            assert at.read() == b"hello"
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(objects.presign_get("artifacts", f"{prefix}/gone", 60))

    def test_a_bucket_the_function_has_not_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="no raw bucket"):
            S3Objects(None, "artifacts").exists("raw", "key")


def test_a_job_starts_once_as_a_standard_workflow(local: RunningStack) -> None:
    arns = local.info.workflows
    job_id = f"{uuid.uuid4().hex[:26]}-1"
    payload = {"tenant": "t", "asset_id": "gone", "job_id": job_id, "correlation_id": "c"}
    workflows = StepFunctionsWorkflows(arns["image"], arns["video"])
    workflows.start("video", job_id, payload)
    workflows.start("video", job_id, payload)
    listed = local.aws.client("stepfunctions").list_executions(stateMachineArn=arns["video"])
    assert [run["name"] for run in listed["executions"]].count(job_id) == 1
