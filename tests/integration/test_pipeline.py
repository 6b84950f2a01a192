"""The whole pipeline as it is deployed: files land in S3, records and matches come out."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from filmgate.adapters import s3
from filmgate.adapters.dynamodb.library import DynamoLibrary
from filmgate.dedupe.records import verdict_of
from filmgate.library.jobs import Job
from filmgate.library.matches import Match
from filmgate.library.model import AnalyzedAsset, AssetStatus
from filmgate.media.model import MediaKind
from filmgate.pipeline.runs import plan, start
from filmgate.sandbox.scratch import PREFIX
from tests import media_factory
from tests.integration.conftest import document
from tests.memory import MemoryWorkflows
from tests.stack import RunningStack, environment
from tests.unit.pipeline.flow import picture

pytestmark = pytest.mark.stack

Found = TypeVar("Found")
_PATIENCE_S = 300.0


@pytest.fixture(scope="module", autouse=True)
def aws(local: RunningStack) -> Iterator[None]:
    s3._client.cache_clear()
    with environment(**local.variables):
        yield
    s3._client.cache_clear()


def wait_for(what: str, look: Callable[[], Found | None], patience_s: float = _PATIENCE_S) -> Found:
    """Ask until there is an answer."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(0.1)
    raise AssertionError(f"no {what} after {patience_s} s")


class Site:
    """A tenant of one test, whose files are dropped into the bucket."""

    def __init__(self, local: RunningStack) -> None:
        self.local = local
        self.tenant = f"t-{uuid.uuid4().hex[:12]}"
        tables = local.info.tables
        self.library = DynamoLibrary(tables["assets"], tables["matches"])
        self._s3 = local.aws.client("s3")

    def drop(self, name: str, body: bytes) -> None:
        self._s3.put_object(
            Bucket=self.local.info.raw_bucket, Key=f"raw/{self.tenant}/{name}", Body=body
        )

    def assets(self) -> list[AnalyzedAsset]:
        return self.library.list_analyzed(self.tenant, status=None, limit=100, cursor=None).items

    def ended(self, count: int, patience_s: float = _PATIENCE_S) -> dict[str, AnalyzedAsset]:
        """So many assets by path, once all of them are final."""

        def look() -> dict[str, AnalyzedAsset] | None:
            records = self.assets()
            if len(records) < count or not all(record.status.final for record in records):
                return None
            return {record.asset.path: record for record in records}

        return wait_for(f"{count} final assets", look, patience_s)

    def matches(self) -> list[Match]:
        return self.library.list_matches(self.tenant, limit=100, cursor=None).items


def invoke(local: RunningStack, function: str, event: dict[str, Any]) -> dict[str, Any]:
    """The answer of a deployed function."""
    answer = local.aws.client("lambda").invoke(
        FunctionName=local.info.functions[function], Payload=json.dumps(event).encode()
    )
    found: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, found
    return found


@pytest.fixture
def site(local: RunningStack) -> Site:
    return Site(local)


def test_a_video_a_sound_and_pictures_are_taken_in(site: Site, tmp_path: Path) -> None:
    site.drop("clip.mp4", media_factory.video(tmp_path / "clip.mp4").read_bytes())
    site.drop("sound", media_factory.audio_alone(tmp_path).read_bytes())
    site.drop("a b/é ../one.jpg", picture(1))
    site.drop("two.jpg", picture(1, side=150, quality=70))
    ended = site.ended(4)
    assert {asset.status for asset in ended.values()} == {AssetStatus.DONE}
    kinds = {path: r.asset.info.kind for path, r in ended.items() if r.asset.info}
    assert kinds["clip.mp4"] is MediaKind.VIDEO
    assert kinds["sound"] is MediaKind.AUDIO
    assert kinds["a b/é ../one.jpg"] is MediaKind.IMAGE
    (match,) = site.matches()
    assert {match.a, match.b} == {
        ended["a b/é ../one.jpg"].asset.asset_id,
        ended["two.jpg"].asset.asset_id,
    }
    assert verdict_of(match).pairs
    assert verdict_of(match).reason


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "empty": (media_factory.empty_file, "empty"),
    "text.mp4": (media_factory.text_called_mp4, "not_media"),
    "hls.mp4": (media_factory.hls_called_mp4, "playlist"),
    "dash.mp4": (media_factory.dash_called_mp4, "playlist"),
    "cut.mp4": (media_factory.cut_in_half_index_last, "damaged"),
    "huge.png": (media_factory.huge_png, "too_many_pixels"),
    "blind.mkv": (media_factory.no_pictures, "no_pictures"),
    "hollow.mp4": (media_factory.no_streams, "no_streams"),
}


def test_each_bad_file_is_refused_and_holds_up_no_other(site: Site, tmp_path: Path) -> None:
    for name, (make, _) in BAD.items():
        site.drop(name, make(tmp_path).read_bytes())
    site.drop("good.jpg", picture(1))
    ended = site.ended(len(BAD) + 1)
    refused = {name: asset.reason_code for name, asset in ended.items() if asset.reason_code}
    assert refused == {name: code for name, (_, code) in BAD.items()}
    assert all(ended[name].reason for name in BAD)
    assert ended["good.jpg"].status is AssetStatus.DONE


ODD: dict[str, Callable[[Path], Path]] = {
    "half.mp4": media_factory.cut_in_half_index_first,
    "one-frame.mp4": media_factory.one_frame,
    "variable.mp4": media_factory.variable_rate,
    "ten-bit.mp4": media_factory.ten_bit,
    "odd.mp4": media_factory.odd_size,
    "padded.mp4": media_factory.padded,
    "silent.mp4": media_factory.silent_audio,
    "anim.gif": partial(media_factory.animation, extension="gif"),
    "anim.webp": partial(media_factory.animation, extension="webp"),
    "anim.png": partial(media_factory.animation, extension="png"),
    **{
        f"image {mode}": partial(media_factory.image_in_mode, mode=mode)
        for mode in media_factory.IMAGE_MODES
    },
    "turned.jpg": media_factory.exif_turned,
}


def test_odd_files_are_taken_in(site: Site, tmp_path: Path) -> None:
    for name, make in ODD.items():
        folder = tmp_path / name
        folder.mkdir()
        site.drop(name, make(folder).read_bytes())
    ended = site.ended(len(ODD), patience_s=120)
    assert {name: (a.status, a.reason) for name, a in ended.items() if a.status != "done"} == {}
    assert ended["half.mp4"].notes
    for name in ("anim.gif", "anim.webp", "anim.png"):
        info = ended[name].asset.info
        assert info is not None
        assert info.kind is MediaKind.VIDEO


def test_the_same_file_and_a_copy_at_the_same_moment_find_each_other(site: Site) -> None:
    bodies = [picture(7), picture(7), picture(7, side=150), picture(7, side=200)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(site.drop, [f"{i}.jpg" for i in range(4)], bodies))
    ended = site.ended(4)
    assert all(asset.status is AssetStatus.DONE for asset in ended.values())
    pairs = [(match.a, match.b) for match in site.matches()]
    assert len(pairs) == len(set(pairs)) == 6
    identical = [m for m in site.matches() if verdict_of(m).transform.identical_bytes]
    assert len(identical) == 1


def test_an_event_that_comes_again_starts_nothing(site: Site) -> None:
    """Redelivered by hand, as it is by SQS now and then."""
    site.drop("one.jpg", picture(3))
    (record,) = site.ended(1).values()
    asset = record.asset
    sqs = site.local.aws.client("sqs")
    detail = {"object": {"key": asset.key, "version-id": asset.version_id}}
    for _ in range(3):
        body = json.dumps({"detail": detail})
        sqs.send_message(QueueUrl=site.local.info.ingest_queue_url, MessageBody=body)
    site.drop("two.jpg", picture(4))
    site.ended(2)
    assert site.library.analyzed(site.tenant, [asset.asset_id]) == [record]


def done(record: AnalyzedAsset) -> bool | None:
    return record.status is AssetStatus.DONE or None


@pytest.fixture
def impatient_queue(local: RunningStack) -> Iterator[None]:
    """Messages are given up after one failure, not after six."""
    sqs, url = local.aws.client("sqs"), local.info.ingest_queue_url
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])
    policy = json.loads(before["Attributes"]["RedrivePolicy"]) | {"maxReceiveCount": 1}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy)})
    yield
    sqs.set_queue_attributes(QueueUrl=url, Attributes=before["Attributes"])


@pytest.mark.usefixtures("impatient_queue")
def test_a_message_that_always_fails_is_set_aside_and_works_once_redriven(
    local: RunningStack, site: Site
) -> None:
    """Within a minute: of itself the message would come back after three."""
    sqs, info = local.aws.client("sqs"), local.info

    def dead() -> int:
        found = sqs.get_queue_attributes(
            QueueUrl=info.dead_letters_url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    assert dead() == 0
    with changed(local, "ingest", "FILMGATE_ASSETS_TABLE", "no-such-table"):
        site.drop("one.jpg", picture(5))
        wait_for("dead letter", lambda: dead() or None)
    given_up = site.ended(1)["one.jpg"]
    assert (given_up.status, given_up.reason_code) == (AssetStatus.FAILED, "not_processed")
    (message,) = sqs.receive_message(QueueUrl=info.dead_letters_url)["Messages"]
    sqs.send_message(QueueUrl=info.ingest_queue_url, MessageBody=message["Body"])
    sqs.delete_message(QueueUrl=info.dead_letters_url, ReceiptHandle=message["ReceiptHandle"])
    wait_for("the redriven asset", lambda: done(site.ended(1)["one.jpg"]))


def test_compaction_of_the_deployed_index_hides_nothing(local: RunningStack, site: Site) -> None:
    site.drop("one.jpg", picture(11))
    site.drop("other.jpg", picture(12))
    site.ended(2)
    with changed(local, "compact", "FILMGATE_INDEX_SETTINGS", '{"compact_entries": 1}'):
        applied = invoke(local, "compact", {"tenants": [site.tenant]})
    assert applied == {site.tenant: 2}
    listed = local.aws.client("s3").list_objects_v2(
        Bucket=local.info.artifacts_bucket, Prefix=f"index/{site.tenant}/segments/"
    )
    assert listed["KeyCount"] == 1
    site.drop("two.jpg", picture(11, side=150))
    site.ended(3)
    assert len(site.matches()) == 1


def test_a_match_asks_the_deployed_function_for_a_compaction(
    local: RunningStack, site: Site
) -> None:
    """By the deployed functions, so their roles allow it."""
    site.drop("one.jpg", picture(14))
    asset = site.ended(1)["one.jpg"]
    asks = next(name for name in map(str, range(99)) if not zlib.crc32(name.encode()) % 8)
    event = {"tenant": site.tenant, "asset_id": asks, "job_id": str(asset.job_id)}
    event |= {"correlation_id": "test", "fingerprint_key": str(asset.fingerprint_key)}
    segments = f"index/{site.tenant}/segments/"
    with (
        changed(local, "match", "FILMGATE_INDEX_SETTINGS", '{"compact_entries": 2}'),
        changed(local, "compact", "FILMGATE_INDEX_SETTINGS", '{"compact_entries": 2}'),
    ):
        invoke(local, "match", event)
        s3_client = local.aws.client("s3")

        def compacted() -> bool | None:
            found = s3_client.list_objects_v2(Bucket=local.info.artifacts_bucket, Prefix=segments)
            return found["KeyCount"] == 1 or None

        wait_for("segment", compacted)


def test_a_pair_that_differs_by_new_settings_is_withdrawn(local: RunningStack, site: Site) -> None:
    """By the deployed function, so its role allows it."""
    site.drop("one.jpg", picture(13))
    site.ended(1)
    site.drop("two.jpg", picture(13, side=150))
    asset = site.ended(2)["two.jpg"].asset
    assert len(site.matches()) == 1
    strict = '{"image": {"exact": 1.0, "near": 1.0, "similar": 1.0}}'
    with changed(local, "dedupe", "FILMGATE_MATCH_SETTINGS", strict):
        counts = [again(local, site, asset.asset_id) for _ in range(2)]
    assert [(count["matches"], count["withdrawn"]) for count in counts] == [(0, 1), (0, 0)]
    assert site.matches() == []
    assert again(local, site, asset.asset_id)["matches"] == 1
    assert len(site.matches()) == 1


def again(local: RunningStack, site: Site, asset_id: str) -> dict[str, Any]:
    """Run a stored asset again, by its functions one after the other; its summary then."""
    asset = site.library.asset(site.tenant, asset_id)
    run = plan(asset, site.library.results(site.tenant, asset_id))
    assert site.library.begin(asset.changed(), run.jobs, run.results)
    (state,) = started(run.jobs)
    (job,) = invoke(local, "derive", state)["work"]
    assert invoke(local, "dedupe", job)["state"] == "succeeded"
    (result,) = site.library.results(site.tenant, asset_id)
    return dict(result.summary)


def started(jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """What a workflow would start with for these jobs."""
    workflows = MemoryWorkflows()
    start(workflows, jobs, "test")
    return [dict(payload) for _, payload in workflows.started.values()]


def test_copies_are_found_with_the_index_in_bands(local: RunningStack, site: Site) -> None:
    # What the role is given with `index: bands`, see serverless.yml.
    actions = ["dynamodb:BatchGetItem", "dynamodb:UpdateItem"]
    with (
        granted(local, "dedupe", actions, "index"),
        changed(local, "dedupe", "FILMGATE_INDEX", "bands"),
    ):
        site.drop("one.jpg", picture(13))
        site.drop("two.jpg", picture(13, side=150))
        site.drop("other.jpg", picture(14))
        ended = site.ended(3)
    assert {(asset.status, asset.reason) for asset in ended.values()} == {(AssetStatus.DONE, None)}
    (match,) = site.matches()
    assert {match.a, match.b} == {
        ended["one.jpg"].asset.asset_id,
        ended["two.jpg"].asset.asset_id,
    }


@contextmanager
def granted(local: RunningStack, function: str, actions: list[str], table: str) -> Iterator[None]:
    """A function allowed more on a table, for a while."""
    name = local.info.functions[function]
    arn = local.aws.client("lambda").get_function_configuration(FunctionName=name)["Role"]
    role, iam = arn.rsplit("/", 1)[1], local.aws.client("iam")
    resource = local.aws.client("dynamodb").describe_table(TableName=local.info.tables[table])
    more = [{"Effect": "Allow", "Action": actions, "Resource": resource["Table"]["TableArn"]}]
    iam.put_role_policy(RoleName=role, PolicyName="more", PolicyDocument=document(more))
    yield
    iam.delete_role_policy(RoleName=role, PolicyName="more")


class changed:  # noqa: N801 - reads as a verb
    """A function with one variable of its environment set otherwise, for a while."""

    def __init__(self, local: RunningStack, function: str, variable: str, value: str) -> None:
        self._functions = local.aws.client("lambda")
        self._name = local.info.functions[function]
        self._change = {variable: value}

    def __enter__(self) -> None:
        found = self._functions.get_function_configuration(FunctionName=self._name)
        self._before = found["Environment"]
        self._update({"Variables": {**self._before["Variables"], **self._change}})

    def __exit__(self, *_: object) -> None:
        self._update(self._before)

    def _update(self, variables: dict[str, Any]) -> None:
        self._functions.update_function_configuration(
            FunctionName=self._name, Environment=variables
        )


def test_a_worker_killed_in_mid_file_is_tried_again(
    local: RunningStack, site: Site, tmp_path: Path
) -> None:
    body = media_factory.video(tmp_path / "long.mp4", seconds=30, size=(480, 270)).read_bytes()
    site.drop("long.mp4", body)
    wait_for("job", lambda: True if [r for r in site.assets() if r.results] else None)
    killed = wait_for("busy worker", lambda: kill_busy(local, "derive"), 20)
    assert killed
    ended = site.ended(1)["long.mp4"]
    assert ended.status is AssetStatus.DONE, ended.reason
    site.drop("again.mp4", body)
    site.ended(2)
    assert len(site.matches()) == 1


def kill_busy(local: RunningStack, function: str) -> int | None:
    """Kill a worker of the function that has a file; its id, or None where none has."""
    mark = f"ministack-lambda-{local.info.functions[function]}-"
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            command = (process / "cmdline").read_text()
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            files = [str(link.readlink()) for link in (process / "fd").iterdir()]
        except (OSError, ValueError):
            continue
        busy = any(PREFIX in name for name in files)
        if mark in command and parent == local.info.pid and busy:
            os.kill(int(process.name), signal.SIGKILL)
            return int(process.name)
    return None
