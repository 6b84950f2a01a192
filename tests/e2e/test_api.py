"""The API as it is deployed: keys, uploads, listings and files through the real stack."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from filmgate.access.model import KeyRecord, hash_key, new_key
from filmgate.access.service import create_key
from filmgate.adapters.dynamodb.keys import DynamoKeyStore
from filmgate.api.cursors import seal
from filmgate.api.models import AssetView, DownloadName, Upload, UploadFile
from filmgate.client.api import ApiError, FilmgateClient
from filmgate.client.upload_stream import UploadRejected
from filmgate.clock import now
from filmgate.errors import Conflict
from filmgate.library.model import AssetStatus
from tests.stack import RunningStack, environment, shared_stack

pytestmark = pytest.mark.stack

_PATIENCE_S = 300


@pytest.fixture(scope="module")
def running() -> RunningStack:
    return shared_stack()


@pytest.fixture(scope="module")
def key_store(running: RunningStack) -> Iterator[DynamoKeyStore]:
    with environment(**running.variables):
        yield DynamoKeyStore(running.info.tables["keys"])


@pytest.fixture
def tenant() -> str:
    """A tenant of this test alone, so that its listings hold nothing else."""
    return f"t-{uuid4().hex[:12]}"


@pytest.fixture
def client(
    running: RunningStack, key_store: DynamoKeyStore, tenant: str
) -> Iterator[FilmgateClient]:
    key = create_key(key_store, tenant, "e2e")
    with FilmgateClient(running.info.api_url, key) as made:
        yield made


@pytest.fixture
def stranger(running: RunningStack) -> Iterator[FilmgateClient]:
    """The tenant ``local``, whose key the stack itself made."""
    with FilmgateClient(running.info.api_url, running.api_key) as made:
        yield made


def picture(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A picture with structure at every scale, another for each seed."""
    noise = hashlib.shake_256(str(seed).encode()).digest(12 * 9 * 3)
    return Image.frombytes("RGB", (12, 9), noise).resize(size, Image.Resampling.BICUBIC)


def saved(image: Image.Image, path: Path) -> Path:
    image.save(path)
    return path


def announce(client: FilmgateClient, path: Path, label: str | None = None) -> Upload:
    body = path.read_bytes()
    file = UploadFile(
        path=label or path.name,
        size_bytes=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
    )
    return client.create_uploads([file]).uploads[0]


def upload(client: FilmgateClient, path: Path, label: str | None = None) -> str:
    answer = announce(client, path, label)
    assert answer.upload is not None
    client.send(answer.upload, path)
    return answer.asset_id


def finished(client: FilmgateClient, *asset_ids: str) -> list[AssetView]:
    until = time.monotonic() + _PATIENCE_S
    while True:
        views = client.assets_by_id(asset_ids)
        if all(view.status.final for view in views):
            return views
        assert time.monotonic() < until, [(view.path, view.status) for view in views]
        time.sleep(0.2)


def test_health_needs_no_key_and_names_the_stage(running: RunningStack) -> None:
    answer = httpx.get(f"{running.info.api_url}/health")
    assert answer.status_code == 200
    assert answer.json()["stage"] == running.info.stage
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "nonsense"}, {"x-api-key": new_key()}])
def test_without_a_known_key_there_is_nothing(
    running: RunningStack, headers: dict[str, str]
) -> None:
    answer = httpx.get(f"{running.info.api_url}/assets", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("ApiKey")
    problem = answer.json()
    assert problem["status"] == 401
    assert problem["instance"].startswith("urn:filmgate:request:")


def test_a_key_is_stored_once_and_found(key_store: DynamoKeyStore) -> None:
    record = KeyRecord(key_hash=hash_key(new_key()), tenant="t", label="Été", created_at=now())
    assert key_store.find(record.key_hash) is None
    key_store.add(record)
    assert key_store.find(record.key_hash) == record
    with pytest.raises(Conflict):
        key_store.add(record.model_copy(update={"tenant": "thief"}))
    assert key_store.find(record.key_hash) == record


def test_an_upload_is_found_explained_and_fetched(client: FilmgateClient, tmp_path: Path) -> None:
    image = picture(1)
    original = saved(image, tmp_path / "original.png")
    copy = saved(image.resize((240, 180)), tmp_path / "copy.jpg")
    first = upload(client, original, "../Été à Paris/original 1.png")
    second = upload(client, copy)
    views = finished(client, first, second)
    assert [view.status for view in views] == [AssetStatus.DONE] * 2
    assert views[0].path == "../Été à Paris/original 1.png"
    assert views[0].sha256 == hashlib.sha256(original.read_bytes()).hexdigest()

    (match,) = client.matches_of(first)
    assert {match.a_path, match.b_path} == {views[0].path, "copy.jpg"}
    assert match.verdict.match_class in {"exact", "near"}
    assert client.matches_of_assets([first, second]) == [match]
    assert list(client.matches()) == [match]
    assert client.match(match.match_id) == match

    (result,) = views[0].results
    job = client.job(result.job_id)
    assert (job.asset_id, job.state, job.attempt) == (first, "succeeded", 1)
    assert job in client.jobs()

    assert client.file(first, DownloadName.ORIGINAL) == original.read_bytes()
    with Image.open(io.BytesIO(client.file(first, DownloadName.TILES))) as tiles:
        assert tiles.format == "JPEG"
    assert client.file(first, DownloadName.TILES_INDEX).startswith(b"{")
    assert client.file(first, DownloadName.PDQ).startswith(b"{")

    again = announce(client, original, "../Été à Paris/original 1.png")
    assert (again.asset_id, again.upload, again.status) == (first, None, AssetStatus.DONE)
    with pytest.raises(ApiError, match="there is no capability faces"):
        client.analyze(first, ["faces"])
    (repeated,) = client.analyze(first)
    assert (repeated.asset_id, repeated.attempt) == (first, 2)
    (view,) = finished(client, first)
    assert (view.status, view.results[0].job_id) == (AssetStatus.DONE, repeated.job_id)
    assert client.match(match.match_id).verdict == match.verdict


def test_an_empty_file_ends_refused_with_a_reason(client: FilmgateClient, tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    (view,) = finished(client, upload(client, path))
    assert view.status is AssetStatus.REFUSED
    assert view.reason
    again = announce(client, path)
    assert again.upload is None
    assert again.hint is not None
    assert view.reason in again.hint


def test_what_did_not_arrive_as_announced_is_refused_and_may_be_sent_again(
    client: FilmgateClient, tmp_path: Path
) -> None:
    path = saved(picture(4), tmp_path / "a.png")
    answer = announce(client, path)
    assert answer.upload is not None
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(path.read_bytes()[:-1] + b"x")
    client.send(answer.upload, damaged)
    (view,) = finished(client, answer.asset_id)
    assert (view.status, view.reason_code) == (AssetStatus.REFUSED, "checksum_mismatch")
    assert upload(client, path) == answer.asset_id
    (view,) = finished(client, answer.asset_id)
    assert (view.status, view.reason) == (AssetStatus.DONE, None)


def test_what_is_one_tenants_is_not_there_for_another(
    client: FilmgateClient, stranger: FilmgateClient, tmp_path: Path
) -> None:
    image = picture(2)
    first = upload(client, saved(image, tmp_path / "a.png"))
    second = upload(client, saved(image.resize((280, 210)), tmp_path / "b.png"))
    (view, _) = finished(client, first, second)
    (match,) = client.matches_of(first)
    job_id = view.results[0].job_id
    attempts: list[Callable[[], object]] = [
        lambda: stranger.asset(first),
        lambda: stranger.matches_of(first),
        lambda: stranger.match(match.match_id),
        lambda: stranger.job(job_id),
        lambda: stranger.analyze(first),
        *(lambda name=name: stranger.file_url(first, name) for name in DownloadName),
    ]
    for attempt in attempts:
        with pytest.raises(ApiError) as caught:
            attempt()
        assert caught.value.status == 404
    assert stranger.assets_by_id([first, second]) == []
    assert stranger.matches_of_assets([first, second]) == []
    assert first not in {asset.asset_id for asset in stranger.assets()}
    assert job_id not in {job.job_id for job in stranger.jobs()}


def test_a_form_takes_its_size_and_type_only(client: FilmgateClient, tmp_path: Path) -> None:
    path = saved(picture(3), tmp_path / "a.png")
    answer = announce(client, path)
    assert answer.upload is not None
    longer = tmp_path / "longer.png"
    longer.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(UploadRejected, match="EntityTooLarge"):
        client.send(answer.upload, longer)
    typed = answer.upload.model_copy(
        update={"fields": answer.upload.fields | {"Content-Type": "text/html"}}
    )
    with pytest.raises(UploadRejected, match="AccessDenied"):
        client.send(typed, path)
    assert client.asset(answer.asset_id).status is AssetStatus.WAITING
    with pytest.raises(ApiError) as caught:
        client.file_url(answer.asset_id, DownloadName.ORIGINAL)
    assert caught.value.status == 404


def test_the_same_file_announced_at_the_same_moment_is_one_asset(client: FilmgateClient) -> None:
    files = [UploadFile(path=f"{n}", size_bytes=1, sha256=f"{n:064x}") for n in range(5)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.create_uploads(files).uploads, range(8)))
    ids = {tuple(upload.asset_id for upload in answer) for answer in answers}
    assert len(ids) == 1
    assert all(upload.upload for answer in answers for upload in answer)
    assert len(list(client.assets())) == 5


def test_listings_page_through_the_real_table(client: FilmgateClient, tenant: str) -> None:
    files = [UploadFile(path=f"{n}", size_bytes=n, sha256=f"{n:064x}") for n in range(130)]
    made = [answer.asset_id for answer in client.create_uploads(files).uploads]
    listed = [asset.asset_id for asset in client.assets()]
    assert len(listed) == 130
    assert set(listed) == set(made)
    assert [asset.asset_id for asset in client.assets(AssetStatus.WAITING)] == listed
    assert list(client.assets(AssetStatus.DONE)) == []
    assert [asset.asset_id for asset in client.assets_by_id(made)] == made


@pytest.mark.parametrize("position", ["", "x", "2026-01-02T03:04:05.000+00:00#", "é", "\0", "#"])
@pytest.mark.parametrize("path", ["assets", "jobs", "matches"])
def test_a_forged_cursor_is_the_callers_fault(
    running: RunningStack, path: str, position: str
) -> None:
    listing = {"assets": "assets/", "jobs": "jobs", "matches": "matches"}[path]
    answer = httpx.get(
        f"{running.info.api_url}/{path}",
        params={"cursor": seal(running.info.tenant, listing, position)},
        headers={"x-api-key": running.api_key},
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == "query.cursor"


def test_bad_bodies_and_ids_are_problems(running: RunningStack) -> None:
    headers = {"x-api-key": running.api_key, "content-type": "application/json"}
    url = running.info.api_url
    for answer in (
        httpx.post(f"{url}/uploads", content=b"{", headers=headers),
        httpx.post(f"{url}/uploads", json={"files": []}, headers=headers),
        httpx.get(f"{url}/assets/%00", headers=headers),
        httpx.get(f"{url}/assets/..%2F..%2Fx", headers=headers),
        httpx.get(f"{url}/assets/{'f' * 26}", headers=headers),
        httpx.get(f"{url}/nowhere", headers=headers),
        httpx.delete(f"{url}/assets", headers=headers),
    ):
        assert 400 <= answer.status_code < 500, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
