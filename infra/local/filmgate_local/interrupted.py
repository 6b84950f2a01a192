"""Workflow executions that a stop of the local AWS cut short.

ministack marks them as failed with States.ServiceRestart when it starts again. Their steps are
idempotent, so they are started anew with the same input. On AWS nothing of the kind happens.
"""

from __future__ import annotations

from filmgate_local.deploy import LocalAws

CAUSE = "States.ServiceRestart"
MARK = "-resumed"
NAME_CHARACTERS = 80


def resume(aws: LocalAws, workflows: list[str]) -> int:
    """Start every interrupted execution again, each once; returns how many."""
    states = aws.client("stepfunctions")
    count = 0
    for workflow in workflows:
        pages = states.get_paginator("list_executions").paginate(stateMachineArn=workflow)
        listed = [entry for page in pages for entry in page["executions"]]
        names = {entry["name"] for entry in listed}
        for entry in listed:
            again = entry["name"][: NAME_CHARACTERS - len(MARK)] + MARK
            if entry["status"] != "FAILED" or again in names:
                continue
            full = states.describe_execution(executionArn=entry["executionArn"])
            if full.get("error") == CAUSE:
                states.start_execution(stateMachineArn=workflow, name=again, input=full["input"])
                count += 1
    return count
