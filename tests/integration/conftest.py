"""Fixtures of the tests that run on the local AWS."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from filmgate_packaging import zips
from tests.stack import RunningStack, shared_stack

ROLE = "arn:aws:iam::000000000000:role/probe"

Deploy = Callable[..., str]


@pytest.fixture(scope="session")
def local() -> RunningStack:
    """The run's local stack."""
    return shared_stack()


@pytest.fixture
def probe(local: RunningStack, tmp_path: Path) -> Iterator[Deploy]:
    """Deploys a function of the test's own beside the stack's; returns its name.

    ``probe(source, memory=128)``: ``source`` is a module that defines ``handler``.
    """
    functions = local.aws.client("lambda")
    made: list[str] = []

    def deploy(source: str, memory: int = 128) -> str:
        name = f"probe-{uuid.uuid4().hex[:8]}"
        module = tmp_path / f"{name}.py"
        module.write_text(source)
        archive = tmp_path / f"{name}.zip"
        zips.write(archive, [("probe.py", module)])
        functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=ROLE,
            Handler="probe.handler",
            MemorySize=memory,
            Timeout=20,
            Code={"ZipFile": archive.read_bytes()},
        )
        made.append(name)
        return name

    yield deploy
    for name in made:
        functions.delete_function(FunctionName=name)


@pytest.fixture
def execute(local: RunningStack) -> Iterator[Callable[..., dict[str, Any]]]:
    """Runs a state machine of one task over a probe; returns the description of how it ended.

    ``execute(function, retry=[...], catch=[...])`` with error names; what is caught ends the
    execution with the output ``{"caught": name}``.
    """
    states = local.aws.client("stepfunctions")
    made: list[str] = []

    def run(
        function: str, retry: list[str] | None = None, catch: list[str] | None = None
    ) -> dict[str, Any]:
        task: dict[str, Any] = {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": function, "Payload": "{% $states.input %}"},
            "Output": "{% $states.result.Payload %}",
            "End": True,
        }
        if retry:
            task["Retry"] = [{"ErrorEquals": retry, "IntervalSeconds": 1, "MaxAttempts": 2}]
        if catch:
            output = {"caught": "{% $states.errorOutput.Error %}"}
            task["Catch"] = [{"ErrorEquals": catch, "Output": output, "Next": "Caught"}]
        document = {
            "QueryLanguage": "JSONata",
            "StartAt": "Task",
            "States": {"Task": task, "Caught": {"Type": "Succeed"}},
        }
        machine = states.create_state_machine(
            name=f"probe-{uuid.uuid4().hex[:8]}", definition=json.dumps(document), roleArn=ROLE
        )["stateMachineArn"]
        made.append(machine)
        return ended(local, states.start_execution(stateMachineArn=machine)["executionArn"])

    yield run
    for machine in made:
        states.delete_state_machine(stateMachineArn=machine)


def ended(local: RunningStack, execution: str, timeout_s: float = 30.0) -> dict[str, Any]:
    """Wait for an execution to end; its description."""
    import time

    states = local.aws.client("stepfunctions")
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        described: dict[str, Any] = states.describe_execution(executionArn=execution)
        if described["status"] != "RUNNING":
            return described
        time.sleep(0.05)
    raise AssertionError(f"{execution} still runs after {timeout_s} s")
