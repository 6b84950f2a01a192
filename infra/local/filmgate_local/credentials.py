"""The API key of the tenant ``local``: made once, kept in a file only its owner can read."""

from __future__ import annotations

import json
import os

from filmgate.access.model import hash_key, new_key
from filmgate.clock import now
from filmgate_local.deploy import LocalAws
from filmgate_local.layout import TENANT, Home

LABEL = "this machine"
STORED_TIME = "%Y-%m-%dT%H:%M:%S.%f%z"


def ensure(aws: LocalAws, table: str, home: Home) -> str:
    """The API key in ``credentials.json``, made and recorded when there is none that works."""
    dynamodb = aws.client("dynamodb")
    kept = _kept(home)
    if kept is not None:
        found = dynamodb.get_item(TableName=table, Key={"key_hash": {"S": hash_key(kept)}})
        if "Item" in found:
            return kept
    key = kept or new_key()
    item = {
        "key_hash": hash_key(key),
        "tenant": TENANT,
        "label": LABEL,
        "created_at": now().strftime(STORED_TIME),
    }
    dynamodb.put_item(TableName=table, Item={name: {"S": text} for name, text in item.items()})
    _keep(home, key)
    return key


def _kept(home: Home) -> str | None:
    try:
        return str(json.loads(home.credentials.read_text())["api_key"])
    except (OSError, ValueError, KeyError):
        return None


def _keep(home: Home, key: str) -> None:
    home.credentials.unlink(missing_ok=True)
    made = os.open(home.credentials, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(made, "w") as file:
        json.dump({"tenant": TENANT, "api_key": key}, file)
