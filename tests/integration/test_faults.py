"""Faults under the deployed pipeline: a worker dies, a step cannot run, a message is no upload."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from filmgate.api.models import AssetView, UploadFile
from filmgate.client.api import FilmgateClient
from filmgate.library.model import AssetStatus
from filmgate_local import stack
from tests.media_factory import video
from tests.stack import RunningStack, own_stack, workers

pytestmark = pytest.mark.stack

PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def own() -> Iterator[RunningStack]:
    """A stack whose queue brings messages back at once instead of in a quarter of an hour."""
    with own_stack() as started:
        started.aws.client("sqs").set_queue_attributes(
            QueueUrl=started.info.ingest_queue_url, Attributes={"VisibilityTimeout": "1"}
        )
        yield started


@pytest.fixture
def client(own: RunningStack) -> Iterator[FilmgateClient]:
    with FilmgateClient(own.info.api_url, own.api_key) as made:
        yield made


def upload(client: FilmgateClient, path: Path) -> str:
    """Send a file; its asset's id."""
    body = path.read_bytes()
    digest = hashlib.sha256(body).hexdigest()
    announced = UploadFile(path=path.name, size_bytes=len(body), sha256=digest)
    (answer,) = client.create_uploads([announced]).uploads
    assert answer.upload is not None
    client.send(answer.upload, path)
    return answer.asset_id


def until(what: Callable[[], bool]) -> None:
    """Wait for it to become true."""
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def ended(client: FilmgateClient, asset_id: str) -> AssetView:
    """The asset once it is final."""
    until(lambda: client.asset(asset_id).status.final)
    return client.asset(asset_id)


def events(own: RunningStack, job_id: str) -> list[dict[str, object]]:
    """What happened in the video workflow's execution of a job."""
    machine = own.info.workflows["video"]
    execution = f"{machine.replace(':stateMachine:', ':execution:')}:{job_id}"
    states = own.aws.client("stepfunctions")
    pages = states.get_paginator("get_execution_history").paginate(executionArn=execution)
    return [event for page in pages for event in page["events"]]


def test_a_worker_killed_in_mid_file_is_retried_and_nothing_is_twice(
    own: RunningStack, client: FilmgateClient, tmp_path: Path
) -> None:
    original = video(tmp_path / "original.mp4", seconds=30, rate=10, size=(480, 270))
    copy = video(
        tmp_path / "copy.mp4", seconds=30, rate=10, size=(480, 270), codec_options={"crf": "35"}
    )
    first = upload(client, original)
    assert ended(client, first).status is AssetStatus.DONE
    (worker,) = workers(own, "fingerprint")

    os.kill(worker, signal.SIGSTOP)
    second = upload(client, copy)
    until(lambda: client.asset(second).status is AssetStatus.PROCESSING)
    os.kill(worker, signal.SIGCONT)
    time.sleep(0.1)
    os.kill(worker, signal.SIGKILL)

    view = ended(client, second)
    assert (view.status, view.reason) == (AssetStatus.DONE, None)
    assert view.job_id == f"{second}-1"
    assert "Runtime.ExitError" in json.dumps(events(own, view.job_id), default=str)
    (match,) = client.matches_of(second)
    assert {match.a, match.b} == {first, second}


def test_a_failed_step_is_recorded_and_can_be_run_again(
    own: RunningStack, client: FilmgateClient, tmp_path: Path
) -> None:
    functions = own.aws.client("lambda")
    name = own.info.functions["decide"]
    handler = functions.get_function_configuration(FunctionName=name)["Handler"]
    functions.update_function_configuration(FunctionName=name, Handler=f"{handler}_is_not_there")
    asset_id = upload(client, video(tmp_path / "unlucky.mp4", seed=7))
    failed = ended(client, asset_id)
    assert failed.status is AssetStatus.FAILED
    assert failed.reason
    assert failed.job_id is not None
    assert events(own, failed.job_id)[-1]["type"] == "ExecutionFailed"

    functions.update_function_configuration(FunctionName=name, Handler=handler)
    assert client.rerun(asset_id).job_id == f"{asset_id}-2"
    assert ended(client, asset_id).status is AssetStatus.DONE


def test_a_message_that_always_fails_ends_among_the_dead_letters(
    own: RunningStack, client: FilmgateClient, tmp_path: Path
) -> None:
    sqs = own.aws.client("sqs")
    sqs.send_message(QueueUrl=own.info.ingest_queue_url, MessageBody="no event at all")
    until(lambda: stack.status(own.root).dead == 1)
    letter = sqs.receive_message(QueueUrl=own.info.dead_letters_url)["Messages"][0]
    assert letter["Body"] == "no event at all"
    behind = upload(client, video(tmp_path / "behind.mp4", seed=9))
    assert ended(client, behind).status is AssetStatus.DONE
