"""What S3's failures become: our own errors, without the name of anybody's file."""

from __future__ import annotations

import traceback

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from filmgate.adapters.s3 import _errors
from filmgate.errors import FilmgateError, NotFound, TransientError

ASSET = "3f9a0c5d7e81b2c4f6a8d0e2b4"
KEY = f"raw/acme/{ASSET}/holiday-in-Rome.mp4"


def refused(code: str) -> ClientError:
    message = f"not authorized on arn:aws:s3:::bucket/{KEY}"
    return ClientError({"Error": {"Code": code, "Message": message}}, "GetObject")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refused("NoSuchKey"), NotFound),
        (refused("SlowDown"), TransientError),
        (refused("AccessDenied"), FilmgateError),
        (EndpointConnectionError(endpoint_url=f"https://s3/bucket/{KEY}"), TransientError),
    ],
)
@pytest.mark.parametrize("key", [KEY, "raw/acme/Rome/dropped.mp4"])
def test_a_failure_names_the_asset_and_not_its_file(
    error: Exception, kind: type[FilmgateError], key: str
) -> None:
    with pytest.raises(kind) as caught, _errors(key):
        raise error
    reported = "".join(traceback.format_exception(caught.value))
    assert "Rome" not in reported.replace('"raw/acme/Rome/dropped.mp4"', "")
    assert "raw object" in str(caught.value)
    assert (ASSET in str(caught.value)) is (key == KEY)
    assert type(caught.value) is kind
