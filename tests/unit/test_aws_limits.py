"""What AWS refuses, the wrappers around memory refuse too."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel, JsonValue

from tests import aws_limits as aws
from tests.memory import MemoryWorkflows


class _Record(BaseModel):
    text: str


class _Table:
    """A port with a method of each shape that the ports have."""

    def __init__(self) -> None:
        self.stored: list[_Record] = []

    def save(self, record: _Record) -> None:
        self.stored.append(record)

    def begin(self, record: _Record, more: list[_Record]) -> bool:
        self.stored += [record, *more]
        return True


def _sized(size: int) -> _Record:
    return _Record(text="x" * (size - len('{"text":""}')))


def test_an_item_of_400_kb_is_taken_and_one_byte_more_refused() -> None:
    table = aws.item_limits(_Table())
    table.save(_sized(aws.ITEM_BYTES))
    with pytest.raises(ClientError, match="Item size") as refused:
        table.save(_sized(aws.ITEM_BYTES + 1))
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert len(table.stored) == 1


def test_items_are_counted_in_bytes_and_in_lists_too() -> None:
    table = aws.item_limits(_Table())
    with pytest.raises(ClientError, match="Item size"):
        table.begin(_sized(20), more=[_Record(text="é" * (aws.ITEM_BYTES // 2))])
    assert not table.stored


def test_a_transaction_takes_a_hundred_items_and_4_mb() -> None:
    table = aws.item_limits(_Table())
    assert table.begin(_sized(20), [_sized(20)] * 99)
    with pytest.raises(ClientError, match="less than or equal to 100"):
        table.begin(_sized(20), [_sized(20)] * 100)
    with pytest.raises(ClientError, match="Collection size"):
        table.begin(_sized(20), [_sized(aws.ITEM_BYTES)] * 11)


def test_a_wrapped_port_is_otherwise_the_same() -> None:
    table = aws.item_limits(_Table())
    table.stored = [_sized(20)]
    assert table._port.stored == table.stored  # type: ignore[attr-defined]


def _padded(size: int) -> dict[str, JsonValue]:
    return {"a": "x" * (size - len('{"a":""}'))}


def test_a_workflow_takes_an_input_of_256_kb_and_no_more() -> None:
    workflows = aws.workflow_limits(MemoryWorkflows())
    workflows.start("express", "one", _padded(aws.STATE_BYTES))
    with pytest.raises(ClientError, match="'input'"):
        workflows.start("express", "two", _padded(aws.STATE_BYTES + 1))
    assert list(workflows.started) == ["one"]


def test_a_state_hands_on_256_kb_and_no_more() -> None:
    assert aws.state(_padded(aws.STATE_BYTES))
    assert aws.state(_sized(aws.STATE_BYTES))
    with pytest.raises(aws.DataLimitExceeded):
        aws.state(_padded(aws.STATE_BYTES + 1))
    with pytest.raises(aws.DataLimitExceeded):
        aws.state(_sized(aws.STATE_BYTES + 1))


def test_an_answer_over_6_mb_is_an_error() -> None:
    app = FastAPI()

    @app.get("/{size}")
    def answer(size: int) -> str:
        return "x" * size

    # The body is a JSON string within a JSON string: four quotes and two backslashes around it.
    whole = aws.ANSWER_BYTES - 6
    client = TestClient(aws.AnswerLimits(app))
    assert client.get(f"/{whole}").status_code == 200
    with pytest.raises(aws.ResponseSizeTooLarge):
        client.get(f"/{whole + 1}")


def test_an_environment_of_4_kb_is_taken_and_one_byte_more_refused() -> None:
    assert aws.environment({"NAME": "x" * (aws.ENVIRONMENT_BYTES - 4)})
    with pytest.raises(ClientError, match="4KB"):
        aws.environment({"NAME": "x" * (aws.ENVIRONMENT_BYTES - 3)})
