"""Workflows on Step Functions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import JsonValue

from filmgate.adapters.clients import BRIEF
from filmgate.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.client import SFNClient

_LASTING = {"AccessDeniedException", "InvalidArn", "InvalidName", "InvalidExecutionInput"}


@cache
def _client() -> SFNClient:
    return boto3.client("stepfunctions", config=BRIEF)


class StepFunctionsWorkflows:
    """`filmgate.library.ports.Workflows`; the execution is named after the run.

    A Standard workflow refuses a name it has seen, so a run starts once. An Express one does not:
    a second start repeats idempotent steps.
    """

    def __init__(self, arns: Mapping[str, str]) -> None:
        """State machines by the names that callers use: ``express``, ``standard``, ``backfill``."""
        self._arns = arns

    def start(self, workflow: str, run_id: str, payload: Mapping[str, JsonValue]) -> None:
        """Raises TransientError."""
        try:
            _client().start_execution(
                stateMachineArn=self._arns[workflow], name=run_id, input=json.dumps(payload)
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ExecutionAlreadyExists":
                return
            if code in _LASTING:
                raise
            raise TransientError(f"Step Functions did not start {run_id}: {code}") from error
        except BotoCoreError as error:
            raise TransientError("Step Functions cannot be reached") from error
