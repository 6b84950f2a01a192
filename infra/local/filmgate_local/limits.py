"""Size limits and restrictions of AWS that ministack 1.5.33 does not enforce.

Code that exceeds one fails here with the error of AWS instead of failing only there. Each function
patches ministack and has a test of its own. (ministack itself enforces DynamoDB's 400 KB an item.)
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import lambda_svc, stepfunctions
from ministack.services.cloudformation import provisioners

MAX_REQUEST = 6 * 1024 * 1024
"""Bytes of the payload of an invocation that waits for the result."""
MAX_EVENT = 1024 * 1024
"""Bytes of the payload of an invocation that does not wait."""
MAX_RESPONSE = 6 * 1024 * 1024 + 100
MAX_ENVIRONMENT = 4 * 1024
"""Bytes of a function's environment variables, as JSON."""
MAX_STATE = 256 * 1024
"""Bytes of the input, the result or the output of a workflow's state, as JSON."""

TOO_MUCH_STATE = "States.DataLimitExceeded"
STANDARD_ONLY = (".waitForTaskToken", ".sync", ":activity:")
"""Parts of the ARN of a task that an Express workflow cannot have."""


def limit_payloads() -> None:
    """Refuse too large payloads of invocations, and results, as Lambda does."""
    invoke = lambda_svc._invoke
    execute = lambda_svc._execute_function_warm

    async def invoke_within_limit(
        name: str, event: Any, headers: dict[str, str], *given: Any, **named: Any
    ) -> Any:
        waits = headers.get("x-amz-invocation-type", "RequestResponse") != "Event"
        limit = MAX_REQUEST if waits else MAX_EVENT
        if (size := _size(event)) > limit:
            text = f"{size} byte payload is too large for the invocation type (limit {limit} bytes)"
            return error_response_json("RequestTooLargeException", text, 413)
        return await invoke(name, event, headers, *given, **named)

    def execute_within_limit(func: Any, event: Any, request_id: str) -> dict[str, Any]:
        result: dict[str, Any] = execute(func, event, request_id)
        if result.get("error") or _size(result["body"]) <= MAX_RESPONSE:
            return result
        body = {
            "errorType": "Function.ResponseSizeTooLarge",
            "errorMessage": "Response payload size exceeded maximum allowed payload size "
            f"({MAX_RESPONSE} bytes).",
        }
        return {**result, "error": True, "body": body}

    lambda_svc._invoke = invoke_within_limit
    lambda_svc._execute_function_warm = execute_within_limit


def limit_environments() -> None:
    """Refuse a function whose environment variables exceed 4 KB, as Lambda does."""

    def failure(properties: dict[str, Any]) -> str | None:
        variables = (properties.get("Environment") or {}).get("Variables") or {}
        if _size(variables) <= MAX_ENVIRONMENT:
            return None
        return (
            "Lambda was unable to configure your environment variables because the environment "
            f"variables you have provided exceeded the 4KB limit ({_size(variables)} bytes)."
        )

    create, update = lambda_svc._create_function, lambda_svc._update_config

    def create_within_limit(data: dict[str, Any]) -> Any:
        if message := failure(data):
            return error_response_json("InvalidParameterValueException", message, 400)
        return create(data)

    def update_within_limit(name: str, data: dict[str, Any]) -> Any:
        if message := failure(data):
            return error_response_json("InvalidParameterValueException", message, 400)
        return update(name, data)

    lambda_svc._create_function = create_within_limit
    lambda_svc._update_config = update_within_limit
    _check_resource("AWS::Lambda::Function", failure)


def limit_state_data() -> None:
    """Fail a workflow whose state takes or returns more than 256 KB, as Step Functions does."""
    add_event, matches = stepfunctions._add_event, stepfunctions._error_matches
    start, start_sync = stepfunctions._start_execution, stepfunctions._start_sync_execution

    def add_event_within_limit(execution: Any, kind: str, details: Any = None) -> Any:
        if kind == "TaskSucceeded" or kind.endswith(("StateEntered", "StateExited")):
            for detail in (details or {}).values():
                _check_state(detail.get("output") or detail.get("input") or "")
        return add_event(execution, kind, details)

    def matches_all_but_this(error_equals: list[str], error: str) -> bool:
        # States.ALL and States.TaskFailed do not stand for this error.
        if error == TOO_MUCH_STATE:
            return error in error_equals
        return bool(matches(error_equals, error))

    def within_limit(function: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
        def started(data: dict[str, Any]) -> Any:
            if len(data.get("input", "").encode()) > MAX_STATE:
                text = "Value at 'input' failed to satisfy constraint: Member must have length "
                text += f"less than or equal to {MAX_STATE}"
                return error_response_json("ValidationException", text, 400)
            return function(data)

        return started

    stepfunctions._add_event = add_event_within_limit
    stepfunctions._error_matches = matches_all_but_this
    stepfunctions._start_execution = within_limit(start)
    stepfunctions._start_sync_execution = within_limit(start_sync)


def restrict_express_workflows() -> None:
    """Refuse an Express workflow with task tokens, jobs or a Distributed Map, as on AWS."""
    create, update = stepfunctions._create_state_machine, stepfunctions._update_state_machine

    def create_restricted(data: dict[str, Any]) -> Any:
        message = express_failure(data.get("type"), data.get("definition"))
        return error_response_json("InvalidDefinition", message, 400) if message else create(data)

    def update_restricted(data: dict[str, Any]) -> Any:
        machine = stepfunctions._state_machines.get(data.get("stateMachineArn")) or {}
        message = express_failure(machine.get("type"), data.get("definition"))
        return error_response_json("InvalidDefinition", message, 400) if message else update(data)

    stepfunctions._create_state_machine = create_restricted
    stepfunctions._update_state_machine = update_restricted
    _check_resource(
        "AWS::StepFunctions::StateMachine",
        lambda properties: express_failure(
            properties.get("StateMachineType"), provisioners._sfn_definition(properties)
        ),
    )


def express_failure(kind: str | None, definition: str | None) -> str | None:
    """Why a state machine of the type EXPRESS cannot have the definition (JSON), if so."""
    if kind != "EXPRESS" or not definition:
        return None
    try:
        found = _standard_only(json.loads(definition))
    except ValueError:
        return None
    return found and f"SCHEMA_VALIDATION_FAILED: Express state machine does not support '{found}'"


def _standard_only(node: Any) -> str | None:
    if isinstance(node, list):
        return next((found for item in node if (found := _standard_only(item))), None)
    if not isinstance(node, dict):
        return None
    if isinstance(resource := node.get("Resource"), str):
        for part in STANDARD_ONLY:
            if part in resource:
                return part
    processor = node.get("ProcessorConfig")
    if isinstance(processor, dict) and processor.get("Mode") == "DISTRIBUTED":
        return "DISTRIBUTED"
    return _standard_only(list(node.values()))


def _check_resource(kind: str, failure: Callable[[dict[str, Any]], str | None]) -> None:
    """Make CloudFormation fail to create a resource for which ``failure`` returns a message."""
    handler = provisioners._RESOURCE_HANDLERS[kind]
    create = handler["create"]

    def create_checked(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        if message := failure(properties):
            raise ValueError(message)
        return create(logical_id, properties, stack)

    handler["create"] = create_checked


def _check_state(text: str) -> None:
    # Counted exactly only when it may be too much: ministack escapes what is not ASCII.
    if len(text) > MAX_STATE and _size(json.loads(text)) > MAX_STATE:
        raise stepfunctions._ExecutionError(
            TOO_MUCH_STATE,
            "The state/task returned a result with a size exceeding the maximum number of bytes "
            "service limit.",
        )


def _size(document: Any) -> int:
    """Bytes of the document as compact JSON."""
    return len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())
