"""The secrets of one local stack, in files that only their owner can read.

``credentials.json`` holds the API key of the tenant ``local``, ``aws-credentials`` the root keys of
the local AWS in the format of AWS's own credentials file.
"""

from __future__ import annotations

import configparser
import io
import json
import os
import secrets
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from filmgate.access.model import hash_key, new_key
from filmgate.clock import now
from filmgate_local.layout import TENANT, Home, StackError

if TYPE_CHECKING:
    from filmgate_local.deploy import LocalAws

LABEL = "this machine"
STORED_TIME = "%Y-%m-%dT%H:%M:%S.%f%z"

_PROFILE = "default"
_KEY_ALPHABET = string.ascii_uppercase + "234567"


@dataclass(frozen=True)
class RootKeys:
    """The access keys of the local AWS's root user."""

    access_key_id: str
    secret_access_key: str = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """The variables from which AWS libraries read them."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }


def root_keys(home: Home) -> RootKeys:
    """The root keys of this home. Raises StackError when there are none yet."""
    stored = configparser.ConfigParser(interpolation=None)
    try:
        stored.read_string(home.aws_credentials.read_text())
        profile = stored[_PROFILE]
        return RootKeys(profile["aws_access_key_id"], profile["aws_secret_access_key"])
    except (OSError, KeyError, configparser.Error) as error:
        raise StackError(
            f"{home.aws_credentials} is missing or damaged. "
            "`filmgate down` and then `filmgate up` create it again."
        ) from error


def ensure_root_keys(home: Home) -> RootKeys:
    """The root keys of this home, created when there are none."""
    try:
        return root_keys(home)
    except StackError:
        key_id = "AKIA" + "".join(secrets.choice(_KEY_ALPHABET) for _ in range(16))
        keys = RootKeys(key_id, secrets.token_urlsafe(30))
    stored = configparser.ConfigParser(interpolation=None)
    stored[_PROFILE] = {name.lower(): text for name, text in keys.environment.items()}
    text = io.StringIO()
    stored.write(text)
    _write_private(home.aws_credentials, text.getvalue())
    return keys


def ensure_api_key(aws: LocalAws, table: str, home: Home) -> str:
    """The API key in ``credentials.json``; created and recorded when none works."""
    dynamodb = aws.client("dynamodb")
    stored = _stored_api_key(home)
    if stored is not None:
        record = dynamodb.get_item(TableName=table, Key={"key_hash": {"S": hash_key(stored)}})
        if "Item" in record:
            return stored
    key = stored or new_key()
    item = {
        "key_hash": hash_key(key),
        "tenant": TENANT,
        "label": LABEL,
        "created_at": now().strftime(STORED_TIME),
    }
    dynamodb.put_item(TableName=table, Item={name: {"S": text} for name, text in item.items()})
    _write_private(home.credentials, json.dumps({"tenant": TENANT, "api_key": key}))
    return key


def _stored_api_key(home: Home) -> str | None:
    try:
        return str(json.loads(home.credentials.read_text())["api_key"])
    except (OSError, ValueError, KeyError):
        return None


def _write_private(path: Path, text: str) -> None:
    """Replace the file by one that only its owner can ever have opened."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
