"""Queues in SQS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from filmgate.adapters.clients import BRIEF
from filmgate.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

_LASTING = {"AccessDenied", "AccessDeniedException", "InvalidParameterValue"}


@cache
def _client() -> SQSClient:
    return boto3.client("sqs", config=BRIEF)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _LASTING:
            raise
        raise TransientError(f"SQS did not answer: {code}") from error
    except BotoCoreError as error:
        raise TransientError("SQS cannot be reached") from error


class SqsQueue:
    """One queue, by its URL. Every method may raise TransientError."""

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, body: str, attributes: Mapping[str, str]) -> None:
        """Put a message into the queue; attributes are text by name."""
        typed: dict[str, MessageAttributeValueTypeDef] = {
            name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()
        }
        with _errors():
            _client().send_message(QueueUrl=self._url, MessageBody=body, MessageAttributes=typed)

    def hide(self, receipt_handle: str, seconds: int) -> None:
        """Show a message that was received again after so many seconds (0 to 43,200) from now."""
        with _errors():
            _client().change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            )
