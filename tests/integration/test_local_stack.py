"""Bringing the local stack up and down, and what it keeps and shows."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from filmgate_local import daemon, stack
from filmgate_local.credentials import ensure_root_keys, root_keys
from filmgate_local.daemon import HOST
from filmgate_local.layout import CHECKOUT, Home, StackError, alone
from filmgate_local.package import UPDATE
from filmgate_local.space import RESERVE_ENV
from tests.deployed import FUNCTIONS, name_of
from tests.integration.conftest import ended
from tests.stack import CANARY, RunningStack, environment, own_stack

pytestmark = pytest.mark.stack

Deploy = Callable[..., str]

NO_SPACE = {RESERVE_ENV: str(10**12)}
"""A reserve that is larger than any disk."""


def deploys(steps: list[str]) -> bool:
    """Whether one of the reported steps is a deployment."""
    return any(step.startswith("Deploying") for step in steps)


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
    packaged = CHECKOUT / ".build" / "local" / "package" / UPDATE
    before = packaged.stat().st_mtime_ns
    assert stack.up(local.root, steps.append) == settled
    assert settled.pid == local.info.pid
    assert not deploys(steps)
    assert packaged.stat().st_mtime_ns == before


def test_the_files_say_how_to_reach_it(local: RunningStack) -> None:
    noted = json.loads((local.root / ".filmgate" / "stack.json").read_text())
    assert noted["api_url"] == local.info.api_url
    assert set(noted["tables"]) == {
        "assets",
        "matches",
        "index",
        "keys",
        "audit",
        "idempotency",
    }
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


def test_it_listens_on_one_port_of_the_loopback_interface_only(
    local: RunningStack, probe: Deploy
) -> None:
    name = probe("def handler(event, context):\n    return 1\n")
    local.aws.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    tables = [Path("/proc/net") / name for name in ("tcp", "tcp6", "udp", "udp6")]
    if not tables[0].exists():
        pytest.skip("this system has no /proc/net/tcp to read listeners from")
    sockets = sockets_of_session(local.info.pid)
    places = [
        line.split()[1]
        for table in tables
        if table.exists()
        for line in table.read_text().splitlines()[1:]
        # 0A is a listening TCP socket, 07 a UDP socket that anybody may send to.
        if line.split()[3] in {"0A", "07"} and line.split()[9] in sockets
    ]
    assert places == [f"0100007F:{local.info.port:04X}"]


def sockets_of_session(leader: int) -> set[str]:
    """The inodes of all sockets of the daemon and of its workers."""
    inodes = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(process.joinpath("stat").read_text().rsplit(")", 1)[1].split()[3]) == leader:
                for descriptor in process.joinpath("fd").iterdir():
                    with contextlib.suppress(OSError):
                        target = str(descriptor.readlink())
                        if target.startswith("socket:["):
                            inodes.add(target[len("socket:[") : -1])
    return inodes


def test_handlers_see_nothing_of_this_environment(local: RunningStack, probe: Deploy) -> None:
    assert CANARY not in os.environ
    name = probe("import os\ndef handler(event, context):\n    return dict(os.environ)\n")
    answer = local.aws.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    seen: dict[str, str] = json.loads(answer["Payload"].read())
    assert CANARY not in seen
    assert "PYTEST_CURRENT_TEST" not in seen
    assert local.aws.keys.access_key_id not in seen.values()
    assert local.aws.keys.secret_access_key not in seen.values()
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


def test_the_command_line_shows_the_queues_and_the_free_space(local: RunningStack) -> None:
    variables = {name: text for name, text in os.environ.items() if "FILMGATE" not in name}
    shown = subprocess.run(
        [sys.executable, "-m", "filmgate.cli", "status", "--json"],
        env=variables | {"FILMGATE_ROOT": str(local.root)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = json.loads(shown.stdout)
    assert found["queues"]["queue"]["waiting"] >= 0
    assert found["disk"]["free_bytes"] > found["disk"]["reserve_bytes"] > 0


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
    with environment(FILMGATE_PORT=port), pytest.raises(StackError, match="not a port number"):
        stack.up(tmp_path)


def test_a_folder_that_others_could_read_is_closed(tmp_path: Path) -> None:
    folder = Home(tmp_path).folder
    folder.mkdir(mode=0o755)
    with environment(FILMGATE_PORT=""), pytest.raises(StackError):
        stack.up(tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_root_keys_are_of_this_home_alone(tmp_path: Path) -> None:
    homes = [Home(tmp_path / name) for name in ("one", "two")]
    for home in homes:
        home.create()
    one, two = [ensure_root_keys(home) for home in homes]
    assert one.access_key_id != two.access_key_id
    assert one.secret_access_key != two.secret_access_key
    assert len(one.secret_access_key) == 40
    assert ensure_root_keys(homes[0]) == root_keys(homes[0]) == one
    homes[0].aws_credentials.write_text("damaged")
    with pytest.raises(StackError, match="filmgate down"):
        root_keys(homes[0])


def test_up_refuses_a_full_disk(tmp_path: Path) -> None:
    with environment(**NO_SPACE), pytest.raises(StackError, match="is full"):
        stack.up(tmp_path)
    with environment(**{RESERVE_ENV: "much"}), pytest.raises(StackError, match="megabytes"):
        stack.up(tmp_path)


def test_a_full_disk_refuses_uploads_and_says_so(marked: RunningStack) -> None:
    stack.down(marked.root)
    with environment(**NO_SPACE, FILMGATE_PORT=str(marked.info.port)):
        daemon.start(Home(marked.root))
        shown = stack.status(marked.root).space
    store, bucket = marked.aws.client("s3"), marked.info.raw_bucket
    assert shown is not None
    assert shown.full
    assert "refused" in str(shown)
    for _ in range(3):
        with pytest.raises(ClientError) as refused:
            store.put_object(Bucket=bucket, Key="upload", Body=b"x" * 2_000_000)
        assert refused.value.response["Error"]["Code"] == "InsufficientStorage"
    post = store.generate_presigned_post(bucket, "upload")
    answer = httpx.post(post["url"], data=post["fields"], files={"file": b"x" * 2_000_000})
    assert answer.status_code == 507
    assert "<Code>InsufficientStorage</Code>" in answer.text
    assert Home(marked.root).log.read_text().count("The disk is full") == 1
    assert store.list_objects_v2(Bucket=bucket, Prefix="upload")["KeyCount"] == 0
    assert store.get_object(Bucket=marked.info.artifacts_bucket, Key="mark")["Body"].read()


def test_a_command_says_that_it_waits_for_another_one(tmp_path: Path) -> None:
    home, said = Home(tmp_path), threading.Event()
    home.create()
    lines: list[str] = []

    def note(line: str) -> None:
        lines.append(line)
        said.set()

    with alone(home.folder / "lock"):
        waiting = threading.Thread(target=stack.down, args=(tmp_path, note))
        waiting.start()
        assert said.wait(30)
    waiting.join(30)
    assert lines == ["Waiting for another command that starts or stops this service"]


def test_a_stop_says_what_it_does(marked: RunningStack) -> None:
    lines: list[str] = []
    assert stack.down(marked.root, lines.append)
    assert "Stopping the service; it saves its state" in lines


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


def wait_until_saved(own: RunningStack) -> None:
    """Wait until the saved state on the disk has the marks."""
    saved = [Home(own.root).state / f"{service}.json" for service in ("dynamodb", "sqs")]
    deadline = time.monotonic() + 60
    while not all(file.exists() and b'"mark"' in file.read_bytes() for file in saved):
        assert time.monotonic() < deadline
        time.sleep(0.05)


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
    assert not deploys(again(marked))
    assert_marks(marked)


def test_state_survives_a_kill(marked: RunningStack) -> None:
    wait_until_saved(marked)
    os.kill(marked.info.pid, signal.SIGKILL)
    os.waitpid(marked.info.pid, 0)
    again(marked)
    assert_marks(marked)


def test_an_interrupted_execution_is_resumed(marked: RunningStack) -> None:
    states = marked.aws.client("stepfunctions")
    machine = states.describe_state_machine(stateMachineArn=marked.info.workflows["standard"])
    slow = {
        "StartAt": "Pause",
        "States": {"Pause": {"Type": "Wait", "Seconds": 4, "End": True}},
    }
    arn = marked.info.workflows["standard"]
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
