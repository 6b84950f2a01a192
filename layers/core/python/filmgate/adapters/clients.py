"""How long clients of AWS wait and how often they try.

A call has to end before the function that makes it does, so that its caller learns what failed: the
HTTP API gives up after 30 s. A call that hangs fails after 20 s at most.
"""

from __future__ import annotations

from typing import TypedDict

from botocore.config import Config

CONNECT_S = 2
READ_S = 5
TRIES = 3
OBJECT_READ_S = 10
OBJECT_TRIES = 2

BRIEF = Config(
    connect_timeout=CONNECT_S,
    read_timeout=READ_S,
    retries={"mode": "standard", "total_max_attempts": TRIES},
)
"""For services that answer in milliseconds."""

OBJECTS = Config(
    connect_timeout=CONNECT_S,
    read_timeout=OBJECT_READ_S,
    retries={"mode": "standard", "total_max_attempts": OBJECT_TRIES},
    # Path style and SigV4 work on AWS and on a local endpoint alike.
    signature_version="s3v4",
    s3={"addressing_style": "path"},
)
"""For S3. The time-out is for each read of a body, so it does not end a long download."""


class TableOptions(TypedDict):
    """Arguments of a pynamodb connection, which are attributes of a model's Meta too."""

    connect_timeout_seconds: int
    read_timeout_seconds: int
    max_retry_attempts: int


TABLES = TableOptions(
    connect_timeout_seconds=CONNECT_S,
    read_timeout_seconds=READ_S,
    # After the first; in botocore's standard mode.
    max_retry_attempts=TRIES - 1,
)
"""For DynamoDB."""
