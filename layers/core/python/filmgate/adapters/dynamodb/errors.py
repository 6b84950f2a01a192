"""DynamoDB's failures in the domain's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pynamodb.exceptions import PynamoDBException

from filmgate.errors import TransientError

_LASTING = {"AccessDeniedException", "ResourceNotFoundException", "ValidationException"}


@contextmanager
def transient(what: str) -> Iterator[None]:
    """Turns what may pass (throttling, conflicts, no answer) into TransientError.

    A missing table, permission or attribute is a fault of the deployment and is left as it is.
    """
    try:
        yield
    except PynamoDBException as error:
        if error.cause_response_code in _LASTING:
            raise
        raise TransientError(f"DynamoDB did not answer for {what}") from error


def refused(error: PynamoDBException) -> bool:
    """Whether a write's condition did not hold."""
    return error.cause_response_code == "ConditionalCheckFailedException"
