"""Restarts workflow executions that a stop of the local AWS interrupted.

After a restart, ministack marks them as failed with States.ServiceRestart. Their steps are
idempotent, so each is started again with the same input. AWS never interrupts an execution.
"""

from __future__ import annotations

from filmgate_local.deploy import LocalAws

CAUSE = "States.ServiceRestart"
SUFFIX = "-resumed"
MAX_NAME_LENGTH = 80


def resume(aws: LocalAws, workflows: list[str]) -> int:
    """Start every interrupted execution again, each once; returns how many."""
    states = aws.client("stepfunctions")
    count = 0
    for workflow in workflows:
        pages = states.get_paginator("list_executions").paginate(stateMachineArn=workflow)
        executions = [entry for page in pages for entry in page["executions"]]
        names = {entry["name"] for entry in executions}
        for entry in executions:
            resumed = entry["name"][: MAX_NAME_LENGTH - len(SUFFIX)] + SUFFIX
            if entry["status"] != "FAILED" or resumed in names:
                continue
            full = states.describe_execution(executionArn=entry["executionArn"])
            if full.get("error") == CAUSE:
                states.start_execution(stateMachineArn=workflow, name=resumed, input=full["input"])
                count += 1
    return count
