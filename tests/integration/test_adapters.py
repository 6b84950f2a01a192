"""The adapters keep, on the local AWS, the contracts that memory keeps in the unit tests."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pynamodb.pagination import PageIterator

from filmgate.adapters import s3, stepfunctions
from filmgate.adapters.dynamodb.buckets import DynamoBucketStore
from filmgate.adapters.dynamodb.index import DynamoDeltaStore
from filmgate.adapters.s3 import S3Objects, S3SegmentStore
from filmgate.adapters.stepfunctions import StepFunctionsWorkflows
from filmgate.dedupe.index.bands import BandIndex
from filmgate.dedupe.index.port import IndexEntry, IndexQuery
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.index.settings import IndexSettings
from filmgate.library.jobs import new_id
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
    with environment(**local.variables):
        yield
    for client in clients:
        client.cache_clear()


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


def test_a_run_starts_once_as_a_standard_workflow(local: RunningStack) -> None:
    arns = local.info.workflows
    run_id = new_id()
    payload = {"tenant": "t", "asset_id": "gone", "run_id": run_id, "correlation_id": "c"}
    workflows = StepFunctionsWorkflows(arns)
    workflows.start("standard", run_id, {**payload, "work": []})
    workflows.start("standard", run_id, {**payload, "work": []})
    listed = local.aws.client("stepfunctions").list_executions(stateMachineArn=arns["standard"])
    assert [run["name"] for run in listed["executions"]].count(run_id) == 1
