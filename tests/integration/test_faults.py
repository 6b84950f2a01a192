"""A step that cannot run: the fault is recorded, counted, and the asset can be run again."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filmgate.api.models import AssetView, UploadFile
from filmgate.client.api import FilmgateClient
from filmgate.library.model import AssetStatus
from tests.media_factory import video
from tests.stack import RunningStack, own_stack

pytestmark = pytest.mark.stack

PATIENCE_S = 300.0


@pytest.fixture
def own() -> Iterator[RunningStack]:
    """A stack to break."""
    with own_stack() as started:
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


def ended(client: FilmgateClient, asset_id: str) -> AssetView:
    """The asset once it is final."""
    deadline = time.monotonic() + PATIENCE_S
    while not (view := client.asset(asset_id)).status.final:
        assert time.monotonic() < deadline, f"still {view.status}"
        time.sleep(0.05)
    return view


def execution(own: RunningStack, run_id: str) -> dict[str, Any]:
    """The Standard workflow's execution of a run, once it has ended."""
    arn = f"{own.info.workflows['standard'].replace(':stateMachine:', ':execution:')}:{run_id}"
    states = own.aws.client("stepfunctions")
    described: dict[str, Any] = states.describe_execution(executionArn=arn)
    deadline = time.monotonic() + PATIENCE_S
    while described["status"] == "RUNNING" and time.monotonic() < deadline:
        time.sleep(0.05)
        described = states.describe_execution(executionArn=arn)
    return described


def test_a_failed_step_is_recorded_and_can_be_run_again(
    own: RunningStack, client: FilmgateClient, tmp_path: Path
) -> None:
    functions = own.aws.client("lambda")
    name = own.info.functions["dedupe"]
    handler = functions.get_function_configuration(FunctionName=name)["Handler"]
    functions.update_function_configuration(FunctionName=name, Handler=f"{handler}_is_not_there")
    asset_id = upload(client, video(tmp_path / "unlucky.mp4"))
    failed = ended(client, asset_id)
    assert failed.status is AssetStatus.FAILED
    assert failed.reason
    job = client.job(failed.results[0].job_id)
    assert (job.state, job.attempt, job.error) == ("failed", 1, failed.reason)
    execution(own, job.run_id)

    functions.update_function_configuration(FunctionName=name, Handler=handler)
    (again,) = client.analyze(asset_id)
    assert again.attempt == 2
    assert ended(client, asset_id).status is AssetStatus.DONE
    assert execution(own, again.run_id)["status"] == "SUCCEEDED"
