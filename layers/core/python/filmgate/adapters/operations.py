"""An operator's view of a deployed stack: its queues, its logs, its addresses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from filmgate.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_BATCH = 10
_FOLLOW_PAUSE_S = 1.0
_LATE_MS = 5000


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a function's log; `at_ms` is Unix time in milliseconds."""

    function: str
    at_ms: int
    message: str
    stream: str


@dataclass(frozen=True, slots=True)
class Depth:
    """Messages in a queue that wait, and that are being worked on; both are estimates."""

    waiting: int
    in_work: int


@dataclass(frozen=True, slots=True)
class Addresses:
    """What an operator reaches in a stack: queues by URL, the key table and functions by name.

    A function's name is its own, such as `dead-letters`, without the stack's in front.
    """

    stage: str
    queue_url: str
    dead_letters_url: str
    keys_table: str
    functions: tuple[str, ...]


class Deployment:
    """The stack of one stage. Its methods raise botocore's errors where AWS does not answer."""

    def __init__(
        self, at: Addresses, session: boto3.Session, endpoint_url: str | None = None
    ) -> None:
        """`endpoint_url` is that of the local AWS, None for AWS itself."""
        self.at = at
        self._session = session
        self._endpoint_url = endpoint_url

    @classmethod
    def on_aws(cls, stage: str, session: boto3.Session) -> Deployment:
        """By the outputs of the stage's CloudFormation stack. Raises NotFound without one."""
        name = f"filmgate-{stage}"
        try:
            found = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":
                raise NotFound(f"there is no stack {name} in this account and region") from error
            raise
        outputs = {o["OutputKey"]: o["OutputValue"] for o in found[0].get("Outputs", [])}
        queues = outputs["IngestQueueUrl"], outputs["IngestDeadLettersUrl"]
        functions = tuple(outputs["FunctionNames"].split(","))
        return cls(Addresses(stage, *queues, outputs["KeysTableName"], functions), session)

    def client(self, service: str) -> Any:
        """A boto3 client for this stack."""
        return self._session.client(service, endpoint_url=self._endpoint_url)  # type: ignore[call-overload]

    def environment(self) -> dict[str, str]:
        """Variables by which other AWS libraries of this process reach the same stack."""
        credentials = self._session.get_credentials()
        if self._endpoint_url is None or credentials is None:
            return {}
        keys = credentials.get_frozen_credentials()
        return {
            "AWS_ENDPOINT_URL": self._endpoint_url,
            "AWS_ACCESS_KEY_ID": keys.access_key or "",
            "AWS_SECRET_ACCESS_KEY": keys.secret_key or "",
            "AWS_REGION": self._session.region_name,
            "AWS_DEFAULT_REGION": self._session.region_name,
        }

    def depths(self) -> dict[str, Depth]:
        """The ingest queue and its dead-letter queue, as `queue` and `dead_letters`."""
        return {
            "queue": self._depth(self.at.queue_url),
            "dead_letters": self._depth(self.at.dead_letters_url),
        }

    def _depth(self, queue_url: str) -> Depth:
        sqs: SQSClient = self.client("sqs")
        counts = sqs.get_queue_attributes(
            QueueUrl=queue_url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )["Attributes"]
        return Depth(
            int(counts["ApproximateNumberOfMessages"]),
            int(counts["ApproximateNumberOfMessagesNotVisible"]),
        )

    def redrive(self, moved: Callable[[int], None]) -> int:
        """Move what lies in the dead-letter queue back to the ingest queue; returns how many.

        A message is deleted only once it is in the other queue, so none is lost when this stops
        half-way; one may be there twice then, which does no harm. Messages that fail again while
        this runs are left for the next time.
        """
        sqs: SQSClient = self.client("sqs")
        most = self.depths()["dead_letters"].waiting
        total = 0
        while total < most:
            batch = sqs.receive_message(
                QueueUrl=self.at.dead_letters_url,
                MaxNumberOfMessages=min(_BATCH, most - total),
                MessageAttributeNames=["All"],
                WaitTimeSeconds=1,
            ).get("Messages", [])
            if not batch:
                break
            for message in batch:
                sqs.send_message(
                    QueueUrl=self.at.queue_url,
                    MessageBody=message["Body"],
                    MessageAttributes=message.get("MessageAttributes", {}),
                )
                sqs.delete_message(
                    QueueUrl=self.at.dead_letters_url, ReceiptHandle=message["ReceiptHandle"]
                )
            total += len(batch)
            moved(len(batch))
        return total

    def log_lines(self, functions: tuple[str, ...], since_ms: int) -> list[LogLine]:
        """What these functions logged since then, in order of time."""
        logs = self.client("logs")
        lines: list[LogLine] = []
        for function in functions:
            group = f"/aws/lambda/filmgate-{self.at.stage}-{function}"
            try:
                for page in logs.get_paginator("filter_log_events").paginate(
                    logGroupName=group, startTime=since_ms
                ):
                    lines += [
                        LogLine(
                            function, e["timestamp"], e["message"].rstrip("\n"), e["logStreamName"]
                        )
                        for e in page["events"]
                    ]
            except logs.exceptions.ResourceNotFoundException:
                # A function that never ran has no log group yet.
                continue
        return sorted(lines, key=lambda line: line.at_ms)

    def follow(self, functions: tuple[str, ...], since_ms: int) -> Iterator[LogLine]:
        """The same, and then what comes, until stopped."""
        seen: set[LogLine] = set()
        while True:
            for line in self.log_lines(functions, since_ms):
                if line not in seen:
                    seen.add(line)
                    yield line
            # Lines can arrive a little late, so look again at the last seconds.
            since_ms = max([since_ms, *(line.at_ms - _LATE_MS for line in seen)])
            seen = {line for line in seen if line.at_ms >= since_ms}
            time.sleep(_FOLLOW_PAUSE_S)
