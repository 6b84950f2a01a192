"""Corrects ministack 1.5.33 where it differs from AWS in a way that matters here.

Each function changes one behaviour of the imported ministack modules and has a test of its own.
Remove one when upstream behaves that way.
"""

from __future__ import annotations

import contextvars
import hmac
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import eventbridge, lambda_svc, s3, sqs, stepfunctions

from filmgate_local.scheduler import CLOCK, SlotScheduler, WorkClock

FULL_CORE_MB = 1769
"""Memory at which Lambda gives a function one whole core; above it, more than one."""

STARTS = 3
"""How often a worker is started for one invocation when it dies before it has begun."""

Execute = Callable[[dict[str, Any], Any, str], dict[str, Any]]

_WORKER_ERROR = '{"status": "error", "error": str(e), "trace": traceback.format_exc()}'
_NAMED_ERROR = (
    '{"status": "error", "error": str(e), "error_type": type(e).__name__,'
    ' "trace": traceback.format_exc()}'
)
_DIED_AT_START = "Worker process exited immediately"
_TIMED_OUT = "Task timed out after"


def restart_workers() -> None:
    """Start a worker again that died before it had seen the event, as Lambda does after an init."""
    invoke = lambda_runtime.Worker.invoke

    def invoke_again(self: Any, *given: Any, **named: Any) -> dict[str, Any]:
        for left in reversed(range(STARTS)):
            try:
                response: dict[str, Any] = invoke(self, *given, **named)
                break
            except (RuntimeError, BrokenPipeError) as error:
                if isinstance(error, RuntimeError) and _DIED_AT_START not in str(error):
                    raise
                if left == 0:
                    # Returned, not raised: upstream would end the function's other workers too.
                    response = {"status": "error", "error": str(error), "log": ""}
        return response

    lambda_runtime.Worker.invoke = invoke_again


def name_errors() -> None:
    """Report a handler's exception under its class name, and a dead worker as Runtime.ExitError.

    Upstream calls both Runtime.HandlerError, so a Retry or Catch of a state machine cannot tell
    transient errors from others.
    """
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(_WORKER_ERROR) != 1:
        raise RuntimeError("ministack's Python worker has changed; check name_errors")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_WORKER_ERROR, _NAMED_ERROR)
    last = threading.local()
    invoke = lambda_runtime.Worker.invoke
    execute: Execute = lambda_svc._execute_function_warm

    def invoke_and_note(self: Any, *given: Any, **named: Any) -> dict[str, Any]:
        response: dict[str, Any] = invoke(self, *given, **named)
        last.error_type = response.get("error_type") or _how_it_ended(response)
        return response

    def execute_and_name(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        last.error_type = None
        result = execute(func, event, request_id)
        if result.get("error") and last.error_type:
            result["body"]["errorType"] = last.error_type
        return result

    lambda_runtime.Worker.invoke = invoke_and_note
    lambda_svc._execute_function_warm = execute_and_name


def _how_it_ended(response: dict[str, Any]) -> str | None:
    """An error of the handler has a name; without one, the worker itself ended."""
    if response.get("status") != "error" or str(response.get("error")).startswith(_TIMED_OUT):
        return None
    return "Runtime.ExitError"


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


def schedule_invocations(scheduler: SlotScheduler) -> None:
    """Let only as many invocations run at once as there are slots; the others wait.

    AWS has a machine for each invocation, a laptop has a few cores: sixty uploads must not start
    sixty decoders. Throttling, which is all that upstream offers, would use up the retries of an
    invocation that waits long. None of our functions invokes another, so waiting cannot deadlock.
    """
    dispatch = lambda_svc._execute_function_dispatch

    def dispatch_scheduled(
        func: dict[str, Any], config: dict[str, Any], event: Any, request_id: str, _: float
    ) -> dict[str, Any]:
        busy = config.get("MemorySize", 128) > FULL_CORE_MB
        with scheduler.slot(config.get("FunctionName", ""), busy=busy):
            # The duration that is reported starts here, after the wait.
            result: dict[str, Any] = dispatch(func, config, event, request_id, time.time())
            return result

    lambda_svc._execute_function_dispatch = dispatch_scheduled


def time_work_only() -> None:
    """Apply a state's TimeoutSeconds to its work only: waiting for a slot does not count.

    On AWS there is no such wait. Here, a long queue would make good files fail.
    """

    def invoke(resource: str, input_data: Any, limit_s: float) -> Any:
        clock = WorkClock()
        context = contextvars.copy_context()
        context.run(CLOCK.set, clock)
        pool = ThreadPoolExecutor(max_workers=1)
        done = pool.submit(context.run, stepfunctions._invoke_resource, resource, input_data)
        pool.shutdown(wait=False)
        while (left_s := limit_s - clock.worked_s) > 0:
            try:
                return done.result(timeout=left_s)
            except FutureTimeoutError:
                if done.done():
                    raise
        raise stepfunctions._ExecutionError(
            "States.Timeout", f"Task timed out after {limit_s} seconds"
        )

    stepfunctions._invoke_resource_with_timeout = invoke


def admit_messages(scheduler: SlotScheduler) -> None:
    """Take messages from a queue only when they can be processed soon.

    Upstream takes as many batches as MaximumConcurrency allows. They would wait for a slot while
    their visibility timeout expires, and the work they start would pile up. A message that is not
    admitted stays in the queue, where it is counted and cannot be lost.
    """
    allowed = lambda_svc._sqs_esm_concurrency

    def allowed_now(*given: Any, **named: Any) -> int:
        return 0 if scheduler.full else min(scheduler.slots, int(allowed(*given, **named)))

    lambda_svc._sqs_esm_concurrency = allowed_now


def return_batches() -> None:
    """Return the messages of a failed batch to the queue after the function's timeout.

    Upstream waits for their visibility timeout, as AWS does: six times the function's timeout,
    a quarter of an hour here. Returning them earlier would not help, because ingest regards what
    it had begun as still in progress.
    """
    run = lambda_svc._run_sqs_batch

    def run_and_return(
        esm: dict[str, Any], func: dict[str, Any], event: Any, batch: list[dict[str, Any]], *at: Any
    ) -> None:
        run(esm, func, event, batch, *at)
        until = time.time() + (func.get("config") or func).get("Timeout", 3)
        for message in batch:
            # Messages that succeeded are no longer in the queue.
            message["visible_at"] = min(message["visible_at"], until)

    lambda_svc._run_sqs_batch = run_and_return


def release_received() -> None:
    """Make received messages visible again when the saved state is loaded.

    Their receiver ended with the last stop. On AWS they would come back too, after their visibility
    timeout; here nobody should wait a quarter of an hour after each start.
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

    Upstream omits it, so the event of a new version looks like a repeated event.
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


def keep_role_keys_secret(secret: str) -> None:
    """Derive the keys of a function's role from ``secret`` as well.

    Upstream derives them from the names of the function and the role alone, so anybody could
    compute them.
    """
    credentials = lambda_runtime.execution_credentials
    salt = hmac.digest(secret.encode(), b"execution role keys", "sha256").hex()

    def salted_credentials(config: dict[str, Any]) -> dict[str, str]:
        # Upstream reads the account from the ARN, and hashes all of it.
        salted: dict[str, str] = credentials(
            {**config, "FunctionArn": f"{config['FunctionArn']}:{salt}"}
        )
        return salted

    lambda_runtime.execution_credentials = salted_credentials
    lambda_svc.execution_credentials = salted_credentials


def refuse_unsigned_forms() -> None:
    """Refuse a form upload without a signature.

    Upstream accepts one into any bucket, and checks only the size that its policy allows.
    """

    def refuse(*_: Any) -> Any:
        return s3._error("AccessDenied", "Access Denied", 403)

    # Called for unsigned forms only.
    s3._enforce_post_policy_size = refuse


def report_unsaved_objects() -> None:
    """Answer with an error when an object could not be written to the disk.

    Upstream logs a warning, keeps the object in memory and loses it at the next stop.
    """
    persist = s3._persist_object

    def persist_or_fail(bucket: str, key: str, stored: Any) -> None:
        persist(bucket, key, stored)
        if isinstance(stored, dict) and stored.get("body") is not None:
            # Upstream drops the body from memory once it is on the disk.
            raise OSError(f"The object {bucket}/{key} could not be written to the disk.")

    s3._persist_object = persist_or_fail


def keep_bodies_on_disk() -> None:
    """Drop the body of an object from memory once it is on the disk, in a versioned bucket too.

    Upstream keeps the body of each version in memory until it is restarted.
    """
    persist = s3._persist_object

    def persist_and_drop(bucket: str, key: str, stored: Any) -> None:
        persist(bucket, key, stored)
        if not isinstance(stored, dict) or stored.get("body") is not None:
            return
        for version in s3._object_versions.get((bucket, key)) or []:
            if version["version_id"] == stored.get("version_id"):
                version["data"] = None

    s3._persist_object = persist_and_drop
