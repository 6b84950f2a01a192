"""The client against the real application, and its uploads against a real socket."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from filmgate.api.models import DownloadName, PresignedPost, UploadFile
from filmgate.client.api import ApiError, FilmgateClient, NotFilmgate
from filmgate.client.upload_stream import UploadRejected
from filmgate.dedupe.records import verdict_of
from filmgate.library.model import AssetStatus
from tests.unit.api.world import World


@pytest.fixture
def world() -> World:
    return World()


@dataclass
class Flaky(httpx.BaseTransport):
    """Answers with what is in `first`, then hands over to the application."""

    inner: httpx.BaseTransport
    first: list[httpx.Response | Exception] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if not self.first:
            return self.inner.handle_request(request)
        answer = self.first.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def flaky(world: World) -> Flaky:
    return Flaky(world.client(None)._transport)


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def client(world: World, flaky: Flaky, waits: list[float]) -> Iterator[FilmgateClient]:
    with FilmgateClient(
        "http://testserver", world.keys["acme"], transport=flaky, sleep=waits.append
    ) as made:
        yield made


def test_every_read_is_typed(world: World, client: FilmgateClient) -> None:
    first, second = (world.add_asset("acme", name) for name in ("a.png", "b.png"))
    match = world.add_match(first, second, 0.9)
    assert client.health().stage == "test"
    assert client.asset(first.asset_id).path == "a.png"
    assert client.job(world.result(first).job_id).asset_id == first.asset_id
    assert {job.asset_id for job in client.jobs()} == {first.asset_id, second.asset_id}
    assert client.match(match.match_id).verdict == verdict_of(match)
    assert [m.match_id for m in client.matches()] == [match.match_id]
    assert [m.match_id for m in client.matches_of(first.asset_id)] == [match.match_id]
    assert "pdq.json" in client.file_url(first.asset_id, DownloadName.PDQ).url


def test_listings_are_read_to_their_end(world: World, client: FilmgateClient, flaky: Flaky) -> None:
    made = [world.add_asset("acme", f"{n}.png", minute=n) for n in range(230)]
    for n, other in enumerate(made[1:]):
        world.add_match(made[0], other, n / 230, minute=n)
    ids = [asset.asset_id for asset in made]
    assert [asset.asset_id for asset in client.assets()] == ids[::-1]
    assert len(list(client.matches())) == 229
    assert len(client.matches_of(ids[0])) == 229
    flaky.requests.clear()
    assert [asset.asset_id for asset in client.assets_by_id(ids)] == ids
    assert len(flaky.requests) == 3
    found = client.matches_of_assets(ids)
    assert len(found) == len({match.match_id for match in found}) == 229
    assert found == sorted(found, key=lambda m: (-m.verdict.score, m.match_id))


def test_an_api_may_live_under_a_path(flaky: Flaky) -> None:
    client = FilmgateClient("http://testserver/stage/api", "k", transport=flaky)
    with client, pytest.raises(ApiError):
        client.health()
    assert flaky.requests[0].url.path == "/stage/api/health"


def test_assets_by_status(world: World, client: FilmgateClient) -> None:
    world.add_asset("acme", "good.png")
    world.add_asset("acme", "bad.png", AssetStatus.FAILED)
    assert [asset.path for asset in client.assets(AssetStatus.FAILED)] == ["bad.png"]


def test_any_number_of_uploads_keeps_its_order(client: FilmgateClient, flaky: Flaky) -> None:
    files = [UploadFile(path=f"{n}", size_bytes=n, sha256=f"{n:064x}") for n in range(205)]
    answers = client.create_uploads(files).uploads
    assert [answer.path for answer in answers] == [file.path for file in files]
    assert len(flaky.requests) == 3
    assert client.create_uploads([]).uploads == []


def test_an_asset_is_run_again(world: World, client: FilmgateClient) -> None:
    asset = world.add_asset("acme", "a.png", AssetStatus.FAILED)
    (job,) = client.analyze(asset.asset_id)
    assert (job.asset_id, job.attempt) == (asset.asset_id, 2)
    with pytest.raises(ApiError, match="409 Conflict: It is already running: dedupe"):
        client.analyze(asset.asset_id, ["dedupe"])
    with pytest.raises(ApiError, match=r"422 .*there is no capability faces"):
        client.analyze(asset.asset_id, ["faces"])


def test_a_refusal_is_raised_with_its_problem(client: FilmgateClient, waits: list[float]) -> None:
    with pytest.raises(ApiError) as caught:
        client.asset("f" * 26)
    assert caught.value.status == 404
    assert caught.value.problem.type == "urn:filmgate:problem:not-found"
    assert not waits


def test_what_may_pass_is_tried_again(
    client: FilmgateClient, flaky: Flaky, waits: list[float]
) -> None:
    flaky.first += [
        httpx.ConnectError("refused"),
        httpx.Response(503, headers={"retry-after": "3"}),
        httpx.Response(429, headers={"retry-after": "9999"}),
        httpx.ReadTimeout("slow"),
    ]
    assert client.health().status == "ok"
    assert len(waits) == 4
    assert 0.2 <= waits[0] <= 0.4
    assert waits[1] == 3
    assert waits[2] == 10
    assert 1.6 <= waits[3] <= 3.2


def test_patience_ends(client: FilmgateClient, flaky: Flaky, waits: list[float]) -> None:
    flaky.first += [httpx.Response(502, text="<html>bad gateway</html>")] * 5
    with pytest.raises(ApiError) as caught:
        client.health()
    assert caught.value.status == 502
    assert "bad gateway" in caught.value.problem.detail
    flaky.first += [httpx.ConnectError("refused")] * 5
    with pytest.raises(httpx.ConnectError):
        client.health()
    assert len(waits) == 8


def test_other_refusals_are_not_repeated(client: FilmgateClient, flaky: Flaky) -> None:
    flaky.first += [httpx.Response(413)]
    with pytest.raises(ApiError) as caught:
        client.health()
    assert caught.value.status == 413
    assert len(flaky.requests) == 1


NO_BUCKET = "<Error><Code>NoSuchBucket</Code><Message>It does not exist</Message></Error>"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, text=NO_BUCKET),
        httpx.Response(301, headers={"location": "https://elsewhere.test/"}),
        httpx.Response(200, text="<html>a page</html>"),
        httpx.Response(200, json={"hello": "world"}),
    ],
    ids=["S3", "moved", "page", "JSON"],
)
def test_what_is_no_filmgate_is_told_apart(
    client: FilmgateClient, flaky: Flaky, answer: httpx.Response
) -> None:
    flaky.first += [answer]
    with pytest.raises(NotFilmgate) as caught:
        client.health()
    assert "<" not in str(caught.value)
    assert len(flaky.requests) == 1


class Bucket(ThreadingHTTPServer):
    """Takes POSTs as S3 does; `refusals` are the statuses of the first answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.refusals: list[int] = []
        self.bodies: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/raw"


class _Receiver(BaseHTTPRequestHandler):
    server: Bucket

    def do_POST(self) -> None:
        # Read in pieces: the test measures what the sending side holds in memory.
        left = int(self.headers["content-length"])
        head = b""
        while left:
            piece = self.rfile.read(min(left, 1 << 16))
            left -= len(piece)
            if len(head) < 1 << 17:
                head += piece
        self.server.bodies.append((dict(self.headers), head))
        self.send_response(self.server.refusals.pop(0) if self.server.refusals else 204)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def sender(waits: list[float]) -> Iterator[FilmgateClient]:
    with FilmgateClient("http://127.0.0.1:9", "fg_secret", sleep=waits.append) as made:
        yield made


@pytest.fixture
def make(tmp_path: Path) -> Callable[[int], Path]:
    def file(size: int) -> Path:
        path = tmp_path / 'Été à "Paris".mp4'
        with path.open("wb") as out:
            out.truncate(size)
        return path

    return file


def test_a_file_goes_out_after_its_fields_and_without_the_key(
    bucket: Bucket, sender: FilmgateClient, tmp_path: Path
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"0123456789")
    fields = {"key": "raw/acme/x/a.bin", "Content-Type": "video/mp4", "policy": "p"}
    reported: list[int] = []
    sender.send(PresignedPost(url=bucket.url, fields=fields), path, reported.append)
    headers, body = bucket.bodies[0]
    names = [part.split(b'"')[1].decode() for part in body.split(b"form-data; name=")[1:]]
    assert names == ["key", "Content-Type", "policy", "file"]
    assert b"\r\n\r\n0123456789\r\n--" in body
    assert "x-api-key" not in {name.lower() for name in headers}
    assert b"fg_secret" not in body
    assert sum(reported) == 10


def test_an_empty_file_goes_out(
    bucket: Bucket, sender: FilmgateClient, make: Callable[[int], Path]
) -> None:
    reported: list[int] = []
    sender.send(PresignedPost(url=bucket.url, fields={"key": "k"}), make(0), reported.append)
    assert len(bucket.bodies) == 1
    assert sum(reported) == 0


def test_a_large_file_is_never_held_in_memory(
    bucket: Bucket, sender: FilmgateClient, make: Callable[[int], Path]
) -> None:
    size = 64 * 1024 * 1024
    path = make(size)
    reported: list[int] = []
    target = PresignedPost(url=bucket.url, fields={"key": "k"})
    tracemalloc.start()
    try:
        sender.send(target, path, reported.append)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(reported) == size
    assert max(reported) <= 64 * 1024
    assert peak < 4 * 1024 * 1024


def test_progress_of_a_try_that_failed_is_taken_back(
    bucket: Bucket, sender: FilmgateClient, make: Callable[[int], Path], waits: list[float]
) -> None:
    bucket.refusals = [503, 500]
    reported: list[int] = []
    sender.send(PresignedPost(url=bucket.url, fields={"key": "k"}), make(200_000), reported.append)
    assert len(bucket.bodies) == 3
    assert len(waits) == 2
    assert [n for n in reported if n < 0] == [-200_000, -200_000]
    assert sum(reported) == 200_000


def test_a_refused_upload_leaves_no_progress(
    bucket: Bucket, sender: FilmgateClient, make: Callable[[int], Path]
) -> None:
    bucket.refusals = [403]
    reported: list[int] = []
    with pytest.raises(UploadRejected):
        sender.send(PresignedPost(url=bucket.url, fields={"key": "k"}), make(10), reported.append)
    assert len(bucket.bodies) == 1
    assert sum(reported) == 0


def test_a_bucket_that_is_not_there_is_no_fault_of_the_file(
    bucket: Bucket, sender: FilmgateClient, make: Callable[[int], Path]
) -> None:
    bucket.refusals = [404]
    with pytest.raises(ApiError):
        sender.send(PresignedPost(url=bucket.url, fields={"key": "k"}), make(10))


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_file_that_changes_its_length_on_the_way_is_not_taken(
    bucket: Bucket, sender: FilmgateClient, make: Callable[[int], Path], size: int
) -> None:
    path = make(1_000_000)

    def change(_sent: int) -> None:
        with path.open("r+b") as file:
            file.truncate(size)

    with pytest.raises(UploadRejected, match="length"):
        sender.send(PresignedPost(url=bucket.url, fields={"key": "k"}), path, change)


def test_more_than_s3_takes_is_not_sent(
    bucket: Bucket, sender: FilmgateClient, make: Callable[[int], Path]
) -> None:
    path = make(5 * 1024**3 + 1)
    with pytest.raises(UploadRejected, match="5 GiB"):
        sender.send(PresignedPost(url=bucket.url, fields={"key": "k"}), path)
    assert not bucket.bodies


def test_a_missing_file_is_an_os_error(sender: FilmgateClient, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sender.send(PresignedPost(url="http://127.0.0.1:9/", fields={}), tmp_path / "no")
