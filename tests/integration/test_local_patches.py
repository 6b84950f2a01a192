"""Each behaviour of ministack that filmgate_local.patches corrects."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from filmgate_local.daemon import default_slots
from filmgate_local.layout import ACCOUNT, Home
from tests.stack import RunningStack

pytestmark = pytest.mark.stack

HANGS = """
import os, time
def handler(event, context):
    while not os.path.exists({release!r}):
        time.sleep(0.05)
"""
"""A function that runs until the file ``release`` exists."""

Deploy = Callable[..., str]
Execute = Callable[..., dict[str, Any]]

RAISES = """
class TransientError(Exception):
    pass

def handler(event, context):
    raise TransientError("the store is away\\non two lines")
"""


def test_catch_sees_the_class_name_of_the_exception(probe: Deploy, execute: Execute) -> None:
    ended = execute(probe(RAISES), catch=["TransientError"])
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"]) == {"caught": "TransientError"}


def test_catch_of_another_name_does_not_match(probe: Deploy, execute: Execute) -> None:
    ended = execute(probe(RAISES), catch=["PermanentError"])
    assert (ended["status"], ended["error"]) == ("FAILED", "TransientError")
    assert "the store is away" in ended["cause"]


def test_retry_by_class_name_runs_the_handler_again(
    probe: Deploy, execute: Execute, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    source = f"""
class TransientError(Exception):
    pass

def handler(event, context):
    with open({str(seen)!r}, "a") as file:
        file.write("x")
    if len(open({str(seen)!r}).read()) < 2:
        raise TransientError("once")
    return "done"
"""
    ended = execute(probe(source), retry=["TransientError"])
    assert (ended["status"], ended["output"]) == ("SUCCEEDED", '"done"')
    assert seen.read_text() == "xx"


def test_a_killed_worker_is_an_exit_error(probe: Deploy, execute: Execute) -> None:
    source = "import os\ndef handler(event, context):\n    os.kill(os.getpid(), 9)\n"
    ended = execute(probe(source), catch=["Runtime.ExitError"])
    assert json.loads(ended["output"]) == {"caught": "Runtime.ExitError"}


def test_an_invocation_names_the_error_too(local: RunningStack, probe: Deploy) -> None:
    functions = local.aws.client("lambda")
    answer = functions.invoke(FunctionName=probe(RAISES), Payload=b"{}")
    assert json.loads(answer["Payload"].read())["errorType"] == "TransientError"


def test_a_throttled_task_has_the_error_name_of_aws(
    local: RunningStack, probe: Deploy, execute: Execute
) -> None:
    name = probe("def handler(event, context):\n    return 1\n")
    functions = local.aws.client("lambda")
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    ended = execute(name, catch=["Lambda.TooManyRequestsException"])
    assert json.loads(ended["output"]) == {"caught": "Lambda.TooManyRequestsException"}


@pytest.mark.parametrize("memory", [1024, 3008])
def test_invocations_wait_for_a_slot_of_their_pool(
    local: RunningStack, probe: Deploy, memory: int
) -> None:
    source = """
import time
def handler(event, context):
    began = time.time()
    time.sleep(0.5)
    return [began, time.time()]
"""
    name = probe(source, memory=memory)
    functions = local.aws.client("lambda")
    calls = 3 * default_slots()

    def call(_: int) -> list[float]:
        answer = functions.invoke(FunctionName=name, Payload=b"{}")
        return list(json.loads(answer["Payload"].read()))

    with ThreadPoolExecutor(calls) as pool:
        spans = list(pool.map(call, range(calls)))
    at_once = [sum(began <= start < stop for began, stop in spans) for start, _ in spans]
    assert len(spans) == calls
    assert 1 < max(at_once) <= default_slots()


def test_waiting_for_a_slot_does_not_count_against_a_state(
    probe: Deploy, execute: Execute, local: RunningStack, tmp_path: Path
) -> None:
    # Answers how many calls of a second each ended before it.
    source = f"""
import time
def handler(event, context):
    time.sleep(1)
    with open({str(tmp_path / "ended")!r}, "a+") as file:
        file.seek(0)
        before = len(file.read())
        file.write("x")
    return before
"""
    name = probe(source)
    functions = local.aws.client("lambda")
    for _ in range(4 * default_slots()):
        functions.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    ended = execute(name, limit_s=2)
    assert ended["status"] == "SUCCEEDED"
    # More than two rounds of all slots: longer than the state's limit.
    assert int(ended["output"]) > 2 * default_slots()


def test_work_counts_against_a_state(probe: Deploy, execute: Execute, tmp_path: Path) -> None:
    release = tmp_path / "release"
    ended = execute(probe(HANGS.format(release=str(release))), limit_s=1, catch=["States.Timeout"])
    assert json.loads(ended["output"]) == {"caught": "States.Timeout"}
    release.touch()


def test_a_worker_that_dies_at_its_start_is_an_exit_error(probe: Deploy, execute: Execute) -> None:
    name = probe("import os\nos.kill(os.getpid(), 9)\ndef handler(event, context):\n    pass\n")
    ended = execute(name, catch=["Runtime.ExitError"])
    assert json.loads(ended["output"]) == {"caught": "Runtime.ExitError"}


def test_a_batch_whose_worker_died_comes_back_after_the_functions_timeout(
    local: RunningStack, probe: Deploy, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    source = f"""
import os, time
def handler(event, context):
    first = not os.path.exists({str(seen)!r})
    with open({str(seen)!r}, "a") as file:
        file.write(f"{{time.time()}}\\n")
    if first:
        os.kill(os.getpid(), 9)
"""
    name = probe(source)
    functions, sqs = local.aws.client("lambda"), local.aws.client("sqs")
    functions.update_function_configuration(FunctionName=name, Timeout=2)
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    arn = f"arn:aws:sqs:{local.info.region}:000000000000:{name}"
    mapping = functions.create_event_source_mapping(FunctionName=name, EventSourceArn=arn)
    try:
        sqs.send_message(
            QueueUrl=f"{local.info.endpoint_url}/{url.split('/', 3)[3]}", MessageBody="1"
        )
        until = time.monotonic() + 60
        while (not seen.exists() or len(seen.read_text().split()) < 2) and time.monotonic() < until:
            time.sleep(0.1)
    finally:
        functions.delete_event_source_mapping(UUID=mapping["UUID"])
    first, second = map(float, seen.read_text().split())
    # After the function's two seconds, and not after the queue's ten minutes.
    assert second - first >= 2


def test_a_short_function_does_not_wait_behind_busy_ones(
    local: RunningStack, probe: Deploy, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    busy = probe(HANGS.format(release=str(release)), memory=3008)
    short = probe("def handler(event, context):\n    return 1\n", memory=512)
    functions = local.aws.client("lambda")
    calls = 3 * default_slots()
    for _ in range(calls):
        functions.invoke(FunctionName=busy, InvocationType="Event", Payload=b"{}")
    answer = functions.invoke(FunctionName=short, Payload=b"{}")
    assert answer["Payload"].read() == b"1"
    release.touch()


def test_events_of_an_object_name_its_version(local: RunningStack) -> None:
    aws, bucket, name = local.aws, "versions-probe", "versions-probe"
    store, bus, sqs = aws.client("s3"), aws.client("events"), aws.client("sqs")
    store.create_bucket(Bucket=bucket)
    store.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    store.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    url = f"{local.info.endpoint_url}/{url.split('/', 3)[3]}"
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}}
    bus.put_rule(Name=name, EventPattern=json.dumps(pattern))
    bus.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    made = [
        store.put_object(Bucket=bucket, Key="a b", Body=body)["VersionId"] for body in (b"1", b"2")
    ]
    versions: list[str] = []
    until = time.monotonic() + 10
    while len(versions) < 2 and time.monotonic() < until:
        answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            versions.append(json.loads(message["Body"])["detail"]["object"]["version-id"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert sorted(versions) == sorted(made)


def test_an_object_that_cannot_be_written_to_the_disk_is_an_error(local: RunningStack) -> None:
    store = local.aws.client("s3")
    store.create_bucket(Bucket="unwritable-probe")
    folder = Home(local.root).objects / ACCOUNT / "unwritable-probe"
    folder.rmdir()
    folder.write_bytes(b"a file where a folder has to be")
    with pytest.raises(ClientError) as refused:
        store.put_object(Bucket="unwritable-probe", Key="object", Body=b"lost")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    folder.unlink()
    store.put_object(Bucket="unwritable-probe", Key="object", Body=b"kept")
    assert (folder / "object").read_bytes() == b"kept"


def test_bodies_of_versioned_objects_are_not_kept_in_memory(local: RunningStack) -> None:
    status = Path(f"/proc/{local.info.pid}/status")
    if not status.exists():
        pytest.skip("this system has no /proc to read a process's memory from")

    def resident_bytes() -> int:
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    store, bucket = local.aws.client("s3"), local.info.artifacts_bucket
    bodies = [bytes([number]) * 24_000_000 for number in range(12)]
    before = resident_bytes()
    versions = [
        store.put_object(Bucket=bucket, Key=f"large/{number % 4}", Body=body)["VersionId"]
        for number, body in enumerate(bodies)
    ]
    assert resident_bytes() - before < sum(map(len, bodies)) / 2
    for number, version in enumerate(versions):
        named = {"Bucket": bucket, "Key": f"large/{number % 4}", "VersionId": version}
        assert store.get_object(**named)["Body"].read() == bodies[number]
        store.delete_object(**named)
