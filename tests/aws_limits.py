"""Sizes that AWS refuses, around the ports in memory, which take anything.

Each wrapper raises what AWS answers, as boto3 raises it, so that code under test meets the same
error. Wrappers pass every other call on, and keep the type of what they wrap.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast

from botocore.exceptions import ClientError
from pydantic import BaseModel, JsonValue
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ITEM_BYTES = 400 * 1024
"""Of one DynamoDB item."""
TRANSACTION_ITEMS = 100
TRANSACTION_BYTES = 4 * 1024 * 1024
STATE_BYTES = 256 * 1024
"""Of the input or the output of a state, and of the input of an execution."""
ANSWER_BYTES = 6 * 1024 * 1024
"""Of what a Lambda function returns to a caller that waits."""
ENVIRONMENT_BYTES = 4 * 1024
"""Of a Lambda function's environment variables, names and values together."""

Port = TypeVar("Port")


class DataLimitExceeded(Exception):
    """A state's input or output is too large; Step Functions fails the execution with this."""

    def __init__(self, size: int) -> None:
        super().__init__(f"States.DataLimitExceeded: {size} bytes")


class ResponseSizeTooLarge(Exception):
    """A function's answer is too large; Lambda answers the caller with this error instead."""

    def __init__(self, size: int) -> None:
        super().__init__(
            f"Response payload size ({size} bytes) exceeded maximum allowed payload size "
            f"({ANSWER_BYTES} bytes)."
        )


class _Around:
    """Passes attributes on, and calls through a check of their arguments."""

    def __init__(self, port: object, check: Callable[[str, tuple[Any, ...]], None]) -> None:
        self.__dict__.update(_port=port, _check=check)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        def checked(*args: Any, **kwargs: Any) -> Any:
            self._check(name, (*args, *kwargs.values()))
            return found(*args, **kwargs)

        return checked

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._port, name, value)

    def __delattr__(self, name: str) -> None:
        # A test that replaced a method twice takes it away twice.
        vars(self._port).pop(name, None)


def item_limits(port: Port) -> Port:
    """A table's port that refuses records larger than an item, and calls larger than a
    transaction.

    A record is as large as its JSON, which the adapters store whole; keys and other attributes of
    an item come on top, so a record just below the limit passes here and not on AWS.
    """

    def check(method: str, arguments: tuple[Any, ...]) -> None:
        sizes = [len(record.model_dump_json().encode()) for record in _records(arguments)]
        if any(size > ITEM_BYTES for size in sizes):
            raise _refused("Item size has exceeded the maximum allowed size", method)
        if len(sizes) > TRANSACTION_ITEMS:
            raise _refused(
                f"Member must have length less than or equal to {TRANSACTION_ITEMS}", method
            )
        if sum(sizes) > TRANSACTION_BYTES:
            raise _refused("Collection size of items exceeded the maximum allowed size", method)

    return cast(Port, _Around(port, check))


def _records(arguments: Iterable[Any]) -> Iterator[BaseModel]:
    for argument in arguments:
        if isinstance(argument, BaseModel):
            yield argument
        elif isinstance(argument, list | tuple):
            yield from _records(argument)


def workflow_limits(port: Port) -> Port:
    """`filmgate.library.ports.Workflows` that refuses an input larger than an execution takes."""

    def check(method: str, arguments: tuple[Any, ...]) -> None:
        for argument in arguments:
            if isinstance(argument, Mapping) and _json_bytes(argument) > STATE_BYTES:
                raise _refused(
                    "Value at 'input' failed to satisfy constraint: Member must have length less "
                    f"than or equal to {STATE_BYTES}",
                    "StartExecution",
                )

    return cast(Port, _Around(port, check))


Value = TypeVar("Value", bound=JsonValue | BaseModel)


def state(value: Value) -> Value:
    """What one state hands on to the next, if Step Functions lets it.

    Raises:
        DataLimitExceeded: it does not.
    """
    body = value.model_dump_json().encode() if isinstance(value, BaseModel) else None
    size = len(body) if body is not None else _json_bytes(value)
    if size > STATE_BYTES:
        raise DataLimitExceeded(size)
    return value


class AnswerLimits:
    """An ASGI application whose answers must fit into what its Lambda function may return.

    Such an answer is JSON with the body as one string, so quotes in it count twice.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                size = len(json.dumps(body.decode("latin-1"), ensure_ascii=False).encode("latin-1"))
                if size > ANSWER_BYTES:
                    raise ResponseSizeTooLarge(size)
            await send(message)

        await self._app(scope, receive, counted)


def environment(variables: Mapping[str, str]) -> Mapping[str, str]:
    """A function's environment variables, if Lambda takes them.

    Raises:
        ClientError: it does not.
    """
    size = sum(len(name.encode()) + len(value.encode()) for name, value in variables.items())
    if size > ENVIRONMENT_BYTES:
        raise _refused(
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided exceeded the 4KB limit",
            "UpdateFunctionConfiguration",
            code="InvalidParameterValueException",
        )
    return variables


def _refused(message: str, operation: str, code: str = "ValidationException") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def _json_bytes(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
