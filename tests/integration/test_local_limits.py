"""The limits of AWS that filmgate_local.limits enforces on the local AWS."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from filmgate_local.limits import (
    MAX_ENVIRONMENT,
    MAX_EVENT,
    MAX_REQUEST,
    MAX_RESPONSE,
    MAX_STATE,
    express_failure,
)
from tests.integration.conftest import ended
from tests.stack import RunningStack

pytestmark = pytest.mark.stack

Deploy = Callable[..., str]
Execute = Callable[..., dict[str, Any]]

ANSWERS = "def handler(event, context):\n    return event['size'] * 'x'\n"
QUOTES = 2


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    """AWS's code of an error."""
    return str(error.value.response["Error"]["Code"])


def test_the_payload_of_an_invocation_has_a_limit(local: RunningStack, probe: Deploy) -> None:
    functions, name = local.aws.client("lambda"), probe("def handler(event, context): return 1\n")
    for kind, limit in (("RequestResponse", MAX_REQUEST), ("Event", MAX_EVENT)):
        most = json.dumps("x" * (limit - QUOTES)).encode()
        functions.invoke(FunctionName=name, InvocationType=kind, Payload=most)
        with pytest.raises(ClientError) as refused:
            functions.invoke(FunctionName=name, InvocationType=kind, Payload=b'"x' + most[1:])
        assert code_of(refused) == "RequestTooLargeException"
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_the_result_of_an_invocation_has_a_limit(local: RunningStack, probe: Deploy) -> None:
    functions, name = local.aws.client("lambda"), probe(ANSWERS)
    size = MAX_RESPONSE - QUOTES
    answer = functions.invoke(FunctionName=name, Payload=json.dumps({"size": size}).encode())
    assert "FunctionError" not in answer
    answer = functions.invoke(FunctionName=name, Payload=json.dumps({"size": size + 1}).encode())
    assert answer["FunctionError"]
    assert json.loads(answer["Payload"].read())["errorType"] == "Function.ResponseSizeTooLarge"


def test_the_environment_of_a_function_has_a_limit(local: RunningStack, probe: Deploy) -> None:
    functions, name = local.aws.client("lambda"), probe(ANSWERS)
    frame = len('{"A":""}')
    most = {"Variables": {"A": "x" * (MAX_ENVIRONMENT - frame)}}
    functions.update_function_configuration(FunctionName=name, Environment=most)
    over = {"Variables": {"A": "x" * (MAX_ENVIRONMENT - frame + 1)}}
    with pytest.raises(ClientError, match="4KB") as refused:
        functions.update_function_configuration(FunctionName=name, Environment=over)
    assert code_of(refused) == "InvalidParameterValueException"
    described = functions.get_function_configuration(FunctionName=name)
    with pytest.raises(ClientError, match="4KB"):
        functions.create_function(
            FunctionName=f"{name}-2",
            Runtime="python3.13",
            Role=described["Role"],
            Handler="probe.handler",
            Code={"ZipFile": b""},
            Environment=over,
        )


def test_a_result_too_large_for_a_workflow_fails_it(probe: Deploy, execute: Execute) -> None:
    result = f"def handler(event, context):\n    return {MAX_STATE} * 'x'\n"
    caught = execute(probe(result), retry=["States.ALL"], catch=["States.DataLimitExceeded"])
    assert json.loads(caught["output"]) == {"caught": "States.DataLimitExceeded"}
    failed = execute(probe(result), catch=["States.ALL"])
    assert (failed["status"], failed["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_an_output_too_large_for_a_workflow_fails_it(local: RunningStack, role: str) -> None:
    def run(size: int) -> dict[str, Any]:
        output = f"{{% $pad('', {size}, 'x') %}}"
        return run_machine(local, role, {"Type": "Pass", "Output": output, "End": True})

    assert run(MAX_STATE - QUOTES)["status"] == "SUCCEEDED"
    over = run(MAX_STATE - QUOTES + 1)
    assert (over["status"], over["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_letters_that_are_not_ascii_count_as_their_utf8(local: RunningStack, role: str) -> None:
    # As ministack writes it, with escapes, this would be three times as long.
    output = f"{{% $pad('', {MAX_STATE // 2 - 1}, 'ü') %}}"
    done = run_machine(local, role, {"Type": "Pass", "Output": output, "End": True})
    assert done["status"] == "SUCCEEDED"


def run_machine(local: RunningStack, role: str, state: dict[str, Any]) -> dict[str, Any]:
    """The description of how an execution of a machine of one state ended."""
    states = local.aws.client("stepfunctions")
    machine = {"QueryLanguage": "JSONata", "StartAt": "Only", "States": {"Only": state}}
    arn = states.create_state_machine(
        name=f"probe-{uuid.uuid4().hex[:8]}", definition=json.dumps(machine), roleArn=role
    )["stateMachineArn"]
    try:
        return ended(local, states.start_execution(stateMachineArn=arn)["executionArn"])
    finally:
        states.delete_state_machine(stateMachineArn=arn)


def test_the_input_of_an_execution_has_a_limit(local: RunningStack) -> None:
    states = local.aws.client("stepfunctions")
    arn = local.info.workflows["standard"]
    with pytest.raises(ClientError, match=str(MAX_STATE)) as refused:
        states.start_execution(stateMachineArn=arn, input=json.dumps("x" * (MAX_STATE - 1)))
    assert code_of(refused) == "ValidationException"


TOKEN = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken"}
JOB = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2"}
ACTIVITY = {"Type": "Task", "Resource": "arn:aws:states:us-east-1:000000000000:activity:a"}
DISTRIBUTED = {
    "Type": "Map",
    "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "P", "States": {}},
}
INLINE = {
    "Type": "Map",
    "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "P", "States": {}},
}


def definition(state: dict[str, Any]) -> str:
    """A machine with the state in a branch of another one."""
    inner = {"StartAt": "S", "States": {"S": {**state, "End": True}}}
    outer = {"Type": "Parallel", "Branches": [inner], "End": True}
    return json.dumps({"StartAt": "All", "States": {"All": outer}})


@pytest.mark.parametrize("state", [TOKEN, JOB, ACTIVITY, DISTRIBUTED])
def test_an_express_workflow_cannot_wait_for_others(
    local: RunningStack, role: str, state: dict[str, Any]
) -> None:
    states, name = local.aws.client("stepfunctions"), f"probe-{uuid.uuid4().hex[:8]}"
    with pytest.raises(ClientError, match="Express state machine does not support") as refused:
        states.create_state_machine(
            name=name, definition=definition(state), roleArn=role, type="EXPRESS"
        )
    assert code_of(refused) == "InvalidDefinition"
    with pytest.raises(ClientError, match="Express state machine does not support"):
        states.update_state_machine(
            stateMachineArn=local.info.workflows["express"], definition=definition(state)
        )
    assert express_failure("STANDARD", definition(state)) is None
    assert express_failure("EXPRESS", definition(INLINE)) is None


def test_an_item_has_a_limit(local: RunningStack) -> None:
    item = {"pk": {"S": "large"}, "sk": {"S": "large"}, "body": {"S": "x" * 400 * 1024}}
    with pytest.raises(ClientError, match="Item size has exceeded") as refused:
        local.aws.client("dynamodb").put_item(TableName=local.info.tables["index"], Item=item)
    assert code_of(refused) == "ValidationException"


def test_the_template_is_held_to_the_limits_too(local: RunningStack, role: str) -> None:
    function = {
        "Runtime": "python3.13",
        "Role": role,
        "Handler": "index.handler",
        "Code": {"ZipFile": "def handler(event, context): return 1"},
        "Environment": {"Variables": {"A": "x" * MAX_ENVIRONMENT}},
    }
    machine = {"RoleArn": role, "StateMachineType": "EXPRESS", "DefinitionString": definition(JOB)}
    resources = {
        "AWS::Lambda::Function": (function, "4KB limit"),
        "AWS::StepFunctions::StateMachine": (machine, "does not support '.sync'"),
    }
    formation = local.aws.client("cloudformation")
    for kind, (properties, reason) in resources.items():
        template = {"Resources": {"Probe": {"Type": kind, "Properties": properties}}}
        name = f"probe-{uuid.uuid4().hex[:8]}"
        formation.create_stack(StackName=name, TemplateBody=json.dumps(template))
        with pytest.raises(Exception, match="Waiter StackCreateComplete failed"):
            formation.get_waiter("stack_create_complete").wait(
                StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}
            )
        events = formation.describe_stack_events(StackName=name)["StackEvents"]
        assert any(reason in event.get("ResourceStatusReason", "") for event in events)
        formation.delete_stack(StackName=name)
