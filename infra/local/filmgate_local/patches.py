"""Where ministack 1.5.33 differs from AWS in a way that matters here, set right.

Each function changes one behaviour of the imported ministack modules and has a test of its own.
Drop one when upstream has it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import eventbridge, lambda_svc, s3, sqs

FULL_CORE_MB = 1769
"""Memory at which Lambda gives a function one whole core; more than that asks for more CPU."""

Execute = Callable[[dict[str, Any], Any, str], dict[str, Any]]

_WORKER_ERROR = '{"status": "error", "error": str(e), "trace": traceback.format_exc()}'
_NAMED_ERROR = (
    '{"status": "error", "error": str(e), "error_type": type(e).__name__,'
    ' "trace": traceback.format_exc()}'
)
_WORKER_DIED = "Worker process died"


def name_errors() -> None:
    """Report a handler's exception under its class name, and a dead worker as Runtime.ExitError.

    Upstream calls both Runtime.HandlerError, so a Retry or Catch of a state machine cannot tell
    what is transient.
    """
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(_WORKER_ERROR) != 1:
        raise RuntimeError("ministack's Python worker has changed; look at name_errors again")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_WORKER_ERROR, _NAMED_ERROR)
    last = threading.local()
    invoke = lambda_runtime.Worker.invoke
    execute: Execute = lambda_svc._execute_function_warm

    def invoke_and_note(self: Any, *given: Any, **named: Any) -> dict[str, Any]:
        response: dict[str, Any] = invoke(self, *given, **named)
        died = response.get("error") == _WORKER_DIED
        last.error_type = "Runtime.ExitError" if died else response.get("error_type")
        return response

    def execute_and_name(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        last.error_type = None
        result = execute(func, event, request_id)
        if result.get("error") and last.error_type:
            result["body"]["errorType"] = last.error_type
        return result

    lambda_runtime.Worker.invoke = invoke_and_note
    lambda_svc._execute_function_warm = execute_and_name


def name_throttles() -> None:
    """Give a throttled invocation the error name a state machine sees on AWS.

    Upstream has none, so the state machine calls it Lambda.Unknown.
    """
    throttle = lambda_svc._throttle_response

    def throttle_with_name(*given: Any, **named: Any) -> dict[str, Any]:
        result: dict[str, Any] = throttle(*given, **named)
        result["body"]["errorType"] = "Lambda.TooManyRequestsException"
        return result

    lambda_svc._throttle_response = throttle_with_name


def bound_workers(slots: int, interactive: frozenset[str]) -> None:
    """Let at most ``slots`` invocations of a lane run at once; the others wait their turn.

    AWS has a machine for each invocation, a laptop has a few cores: sixty uploads must not start
    sixty decoders. Throttling instead would use up the retries of whatever waits long. There are
    three lanes, so that nobody waits behind what takes minutes: functions that ask for more than a
    core, the other ones, and those named in ``interactive`` (somebody waits for the answer).
    Upstream can only refuse, so this waits before it. No function of ours invokes another one,
    so nobody can wait for a slot held by whoever waits for them.
    """
    lanes = {name: threading.BoundedSemaphore(slots) for name in ("busy", "short", "interactive")}
    dispatch = lambda_svc._execute_function_dispatch

    def dispatch_in_turn(
        func: dict[str, Any], config: dict[str, Any], event: Any, request_id: str, _: float
    ) -> dict[str, Any]:
        if config.get("FunctionName") in interactive:
            lane = "interactive"
        else:
            lane = "busy" if config.get("MemorySize", 128) > FULL_CORE_MB else "short"
        with lanes[lane]:
            # Its time starts now: what is reported is work, not waiting.
            result: dict[str, Any] = dispatch(func, config, event, request_id, time.time())
            return result

    lambda_svc._execute_function_dispatch = dispatch_in_turn


def release_received() -> None:
    """Make messages that somebody had received visible again when the saved state is loaded.

    Whoever received them is gone. On AWS they would come back too, after their visibility timeout;
    here nobody should wait a quarter of an hour after each start.
    """
    load = sqs.load_persisted_state

    def load_and_release(data: dict[str, Any] | None) -> None:
        load(data)
        for queue in sqs._queues.all_values():
            for message in queue["messages"]:
                if message.get("receive_count"):
                    message["visible_at"] = message["sent_at"]

    sqs.load_persisted_state = load_and_release


def version_events() -> None:
    """Put the version of the object into S3's events on EventBridge, as AWS does.

    Upstream leaves it out, so a new version of an object looks like its event come twice.
    """
    fire = s3._fire_s3_event
    dispatch = eventbridge._dispatch_event
    firing = threading.local()

    def fire_with_version(*given: Any, version_id: str | None = None, **named: Any) -> None:
        firing.version_id = version_id
        try:
            fire(*given, version_id=version_id, **named)
        finally:
            firing.version_id = None

    def dispatch_with_version(event: dict[str, Any], *given: Any, **named: Any) -> Any:
        version_id = getattr(firing, "version_id", None)
        if version_id is not None:
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version_id
            event = {**event, "Detail": json.dumps(detail)}
        return dispatch(event, *given, **named)

    s3._fire_s3_event = fire_with_version
    eventbridge._dispatch_event = dispatch_with_version
