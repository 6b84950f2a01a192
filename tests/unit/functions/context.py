"""What Lambda hands a handler beside the event."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Context:
    """An invocation's context, with what the handlers and Powertools read of it."""

    function_name: str = "filmgate-test"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:111122223333:function:filmgate-test"
    aws_request_id: str = "5a3e"

    remaining_ms: int = 300_000

    def get_remaining_time_in_millis(self) -> int:
        """As of each call."""
        return self.remaining_ms
