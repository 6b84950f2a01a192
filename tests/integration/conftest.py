"""Fixtures of the tests that run on the local AWS."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from filmgate_packaging import zips
from tests.stack import RunningStack, shared_stack

Deploy = Callable[..., str]


@pytest.fixture(scope="session")
def local() -> RunningStack:
    """The run's local stack."""
    return shared_stack()


@pytest.fixture(scope="session")
def role(local: RunningStack) -> str:
    """A role for probes, which may invoke functions and nothing else."""
    trusted = {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}
    trust = [{"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}]
    allow = [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}]
    iam = local.aws.client("iam")
    made = iam.create_role(RoleName="probe", AssumeRolePolicyDocument=document(trust))
    iam.put_role_policy(RoleName="probe", PolicyName="invoke", PolicyDocument=document(allow))
    return str(made["Role"]["Arn"])


def document(statements: list[dict[str, Any]]) -> str:
    """An IAM policy document of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture
def probe(local: RunningStack, role: str, tmp_path: Path) -> Iterator[Deploy]:
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
            Role=role,
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
def execute(local: RunningStack, role: str) -> Iterator[Callable[..., dict[str, Any]]]:
    """Runs a state machine of one task over a probe; returns the description of how it ended.

    ``execute(function, retry=[...], catch=[...], limit_s=...)`` with error names and the state's
    limit; what is caught ends the execution with the output ``{"caught": name}``.
    """
    states = local.aws.client("stepfunctions")
    made: list[str] = []

    def run(
        function: str,
        retry: list[str] | None = None,
        catch: list[str] | None = None,
        limit_s: int | None = None,
    ) -> dict[str, Any]:
        task: dict[str, Any] = {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": function, "Payload": "{% $states.input %}"},
            "Output": "{% $states.result.Payload %}",
            "End": True,
        }
        if limit_s:
            task["TimeoutSeconds"] = limit_s
        if retry:
            task["Retry"] = [{"ErrorEquals": retry, "IntervalSeconds": 1, "MaxAttempts": 2}]
        if catch:
            output = {"caught": "{% $states.errorOutput.Error %}"}
            task["Catch"] = [{"ErrorEquals": catch, "Output": output, "Next": "Caught"}]
        machine = {
            "QueryLanguage": "JSONata",
            "StartAt": "Task",
            "States": {"Task": task, "Caught": {"Type": "Succeed"}},
        }
        arn = states.create_state_machine(
            name=f"probe-{uuid.uuid4().hex[:8]}",
            definition=json.dumps(machine),
            roleArn=role,
        )["stateMachineArn"]
        made.append(arn)
        return ended(local, states.start_execution(stateMachineArn=arn)["executionArn"])

    yield run
    for arn in made:
        states.delete_state_machine(stateMachineArn=arn)


def ended(local: RunningStack, execution: str, timeout_s: float = 30.0) -> dict[str, Any]:
    """Wait for an execution to end; its description."""
    states = local.aws.client("stepfunctions")
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        described: dict[str, Any] = states.describe_execution(executionArn=execution)
        if described["status"] != "RUNNING":
            return described
        time.sleep(0.05)
    raise AssertionError(f"{execution} still runs after {timeout_s} s")
