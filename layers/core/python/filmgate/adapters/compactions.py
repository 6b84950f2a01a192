"""Requests for compactions, as asynchronous invocations of the compact function."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from filmgate.adapters.clients import BRIEF
from filmgate.errors import TransientError

_LASTING = {"AccessDeniedException", "ResourceNotFoundException", "InvalidRequestContentException"}


@cache
def _client() -> Any:
    return boto3.client("lambda", config=BRIEF)


class LambdaCompactions:
    """`filmgate.dedupe.index.port.CompactionRequests`.

    Args:
        function: name or ARN of the compact function.
    """

    def __init__(self, function: str) -> None:
        self._function = function

    def request(self, tenants: Sequence[str]) -> None:
        """One invocation for all of them; returns when it is queued. Raises TransientError."""
        try:
            _client().invoke(
                FunctionName=self._function,
                InvocationType="Event",
                Payload=json.dumps({"tenants": list(tenants)}).encode(),
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _LASTING:
                raise
            raise TransientError(f"Lambda did not take a compaction request: {code}") from error
        except BotoCoreError as error:
            raise TransientError("Lambda cannot be reached") from error
