"""Bringing the local stack up and down, and what it keeps and shows."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from filmgate_local import daemon, stack
from filmgate_local.daemon import HOST
from filmgate_local.layout import Home, StackError
from tests.deployed import FUNCTIONS, name_of
from tests.integration.conftest import ended
from tests.stack import CANARY, RunningStack, environment, own_stack

pytestmark = pytest.mark.stack

Deploy = Callable[..., str]


def status_of(url: str, headers: dict[str, str] | None = None) -> int:
    """The HTTP status of a GET."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {})) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)


def test_up_again_changes_nothing_and_is_quick(local: RunningStack) -> None:
    steps: list[str] = []
    settled = stack.up(local.root)
    began = time.monotonic()
    assert stack.up(local.root, steps.append) == settled
    assert settled.pid == local.info.pid
    assert "Deploying" not in steps
    assert time.monotonic() - began < 3


def test_the_files_say_how_to_reach_it(local: RunningStack) -> None:
    noted = json.loads((local.root / ".filmgate" / "stack.json").read_text())
    assert noted["api_url"] == local.info.api_url
    assert set(noted["tables"]) == {"assets", "matches", "index", "keys", "idempotency"}
    assert set(noted["functions"]) == {name_of(function) for function in FUNCTIONS}


def test_the_key_is_for_its_owner_only(local: RunningStack) -> None:
    file = local.root / ".filmgate" / "credentials.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert local.api_key.startswith("fg_")
    keys = local.aws.client("dynamodb").scan(TableName=local.info.tables["keys"])["Items"]
    assert "local" in [item["tenant"]["S"] for item in keys]
    assert local.api_key not in json.dumps(keys)


def test_the_api_knows_the_key(local: RunningStack) -> None:
    url = f"{local.info.api_url}/assets"
    assert status_of(url, {"x-api-key": local.api_key}) == 200
    assert status_of(url, {"x-api-key": "fg_" + "A" * 43}) == 401


def test_it_listens_on_loopback_only(local: RunningStack) -> None:
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    if not tables[0].exists():
        pytest.skip("this system has no /proc/net/tcp to read listeners from")
    listening = [
        line.split()[1]
        for table in tables
        if table.exists()
        for line in table.read_text().splitlines()[1:]
        if line.split()[3] == "0A" and int(line.split()[1].split(":")[1], 16) == local.info.port
    ]
    assert [place.split(":")[0] for place in listening] == ["0100007F"]


def test_handlers_see_nothing_of_this_environment(local: RunningStack, probe: Deploy) -> None:
    assert CANARY not in os.environ
    name = probe("import os\ndef handler(event, context):\n    return dict(os.environ)\n")
    answer = local.aws.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    seen: dict[str, str] = json.loads(answer["Payload"].read())
    assert CANARY not in seen
    assert "PYTEST_CURRENT_TEST" not in seen
    assert seen["TMPDIR"] == str(Home(local.root).scratch)


def test_roles_are_enforced(local: RunningStack, probe: Deploy) -> None:
    source = f"""
import boto3
def handler(event, context):
    boto3.client("dynamodb").scan(TableName={local.info.tables["keys"]!r})
"""
    answer = local.aws.client("lambda").invoke(FunctionName=probe(source), Payload=b"{}")
    said = json.loads(answer["Payload"].read())
    assert said["errorType"] == "ClientError"
    assert "is not authorized to perform: dynamodb:Scan" in said["errorMessage"]


def test_a_request_without_a_key_of_ours_is_refused(local: RunningStack) -> None:
    stranger = boto3.client(
        "dynamodb",
        endpoint_url=local.info.endpoint_url,
        region_name=local.info.region,
        aws_access_key_id="AKIASTRANGER00000000",
        aws_secret_access_key="stranger",
    )
    with pytest.raises(ClientError, match="security token"):
        stranger.scan(TableName=local.info.tables["keys"])


def test_what_the_local_cloudformation_leaves_out_is_set(local: RunningStack) -> None:
    dynamodb, s3 = local.aws.client("dynamodb"), local.aws.client("s3")
    for table in local.info.tables.values():
        backups = dynamodb.describe_continuous_backups(TableName=table)
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    ttl = dynamodb.describe_time_to_live(TableName=local.info.tables["idempotency"])
    assert ttl["TimeToLiveDescription"]["AttributeName"] == "expiration"
    for bucket in (local.info.raw_bucket, local.info.artifacts_bucket):
        rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        assert {rule["ID"] for rule in rules} >= {"abandoned-uploads", "old-versions"}
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
        assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"]


def test_a_browser_of_another_origin_may_call_the_api(local: RunningStack) -> None:
    preflight = urllib.request.Request(
        f"{local.info.api_url}/uploads",
        method="OPTIONS",
        headers={
            "origin": "https://console.example.org",
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type,x-api-key",
        },
    )
    with urllib.request.urlopen(preflight) as answer:
        assert answer.status in {200, 204}
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert "x-api-key" in answer.headers["access-control-allow-headers"].lower()
    call = urllib.request.Request(
        f"{local.info.api_url}/assets",
        headers={"origin": "https://console.example.org", "x-api-key": local.api_key},
    )
    with urllib.request.urlopen(call) as answer:
        assert answer.headers["access-control-allow-origin"] == "*"


def test_status_counts_what_waits(local: RunningStack) -> None:
    shown = stack.status(local.root)
    assert shown.running
    assert shown.info is not None
    assert shown.info.api_url == local.info.api_url
    assert shown.waiting is not None
    assert shown.dead is not None


def test_a_taken_port_is_named(local: RunningStack, tmp_path: Path) -> None:
    named = f"taken by the local stack of {local.root}"
    with (
        environment(FILMGATE_PORT=str(local.info.port)),
        pytest.raises(StackError, match=named),
    ):
        stack.up(tmp_path)
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with (
            environment(FILMGATE_PORT=str(taken.getsockname()[1])),
            pytest.raises(StackError, match="taken by another program"),
        ):
            stack.up(tmp_path)


@pytest.mark.parametrize("port", ["", "http", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    with environment(FILMGATE_PORT=port), pytest.raises(StackError, match="no port number"):
        stack.up(tmp_path)


def test_nothing_runs_where_nothing_was_started(tmp_path: Path) -> None:
    assert stack.down(tmp_path) is False
    assert stack.status(tmp_path).running is False


@pytest.fixture
def marked() -> Any:
    """A stack of the test's own with an item, an object and a dead letter in it."""
    with own_stack() as own:
        leave_marks(own)
        yield own


def leave_marks(own: RunningStack) -> None:
    dynamodb, s3 = own.aws.client("dynamodb"), own.aws.client("s3")
    item = {"pk": {"S": "mark"}, "sk": {"S": "mark"}}
    dynamodb.put_item(TableName=own.info.tables["index"], Item=item)
    s3.put_object(Bucket=own.info.artifacts_bucket, Key="mark", Body=b"mark")
    sqs = own.aws.client("sqs")
    sqs.send_message(QueueUrl=own.info.dead_letters_url, MessageBody="mark")
    received = sqs.receive_message(QueueUrl=own.info.dead_letters_url, VisibilityTimeout=3600)
    assert len(received["Messages"]) == 1


def assert_marks(own: RunningStack) -> None:
    dynamodb, s3 = own.aws.client("dynamodb"), own.aws.client("s3")
    item = {"pk": {"S": "mark"}, "sk": {"S": "mark"}}
    assert "Item" in dynamodb.get_item(TableName=own.info.tables["index"], Key=item)
    body = s3.get_object(Bucket=own.info.artifacts_bucket, Key="mark")["Body"].read()
    assert body == b"mark"
    assert stack.status(own.root).dead == 1
    letters = own.aws.client("sqs").receive_message(QueueUrl=own.info.dead_letters_url)
    assert [letter["Body"] for letter in letters["Messages"]] == ["mark"]
    assert status_of(f"{own.info.api_url}/assets", {"x-api-key": own.api_key}) == 200


def again(own: RunningStack) -> list[str]:
    """Up once more on the same port; the steps it took."""
    steps: list[str] = []
    with environment(FILMGATE_PORT=str(own.info.port)):
        stack.up(own.root, steps.append)
    return steps


def test_state_survives_a_stop(marked: RunningStack) -> None:
    stack.up(marked.root)
    assert stack.down(marked.root) is True
    assert stack.status(marked.root).running is False
    assert "Deploying" not in again(marked)
    assert_marks(marked)


def test_state_survives_a_kill(marked: RunningStack) -> None:
    time.sleep(7)
    os.kill(marked.info.pid, signal.SIGKILL)
    os.waitpid(marked.info.pid, 0)
    again(marked)
    assert_marks(marked)


def test_an_interrupted_execution_is_resumed(marked: RunningStack) -> None:
    states = marked.aws.client("stepfunctions")
    machine = states.describe_state_machine(stateMachineArn=marked.info.workflows["video"])
    slow = {
        "StartAt": "Pause",
        "States": {"Pause": {"Type": "Wait", "Seconds": 4, "End": True}},
    }
    arn = marked.info.workflows["video"]
    states.update_state_machine(stateMachineArn=arn, definition=json.dumps(slow))
    name = uuid.uuid4().hex
    states.start_execution(stateMachineArn=arn, name=name, input='{"asset_id": "x"}')
    stack.down(marked.root)
    assert any("Resuming" in step for step in again(marked))
    resumed = f"{arn.replace('stateMachine', 'execution')}:{name}-resumed"
    done = ended(marked, resumed)
    assert (done["status"], done["input"]) == ("SUCCEEDED", '{"asset_id": "x"}')
    assert machine["type"] == "STANDARD"
    stack.down(marked.root)
    assert not any("Resuming" in step for step in again(marked))


def test_a_daemon_of_a_reused_pid_is_not_ours(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.folder.mkdir()
    home.process.write_text(json.dumps({"pid": os.getpid(), "port": 1}))
    assert daemon.find(home) is None
    assert stack.down(tmp_path) is False
    os.kill(os.getpid(), 0)
