"""The local AWS without a deployment: for adapters that need tables and nothing else."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from filmgate_local import daemon
from filmgate_local.artefact import free_port
from filmgate_local.credentials import root_keys
from filmgate_local.deploy import LocalAws
from filmgate_local.layout import CHECKOUT, REGION, Home
from tests.stack import environment

_KEPT = (
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "BillingMode",
)


@contextmanager
def emulator() -> Iterator[LocalAws]:
    """A local AWS that holds nothing; clients made meanwhile go to it as its root user."""
    with tempfile.TemporaryDirectory(prefix="filmgate-emulator-") as folder:
        home = Home(Path(folder))
        with environment(FILMGATE_PORT=str(free_port())):
            running = daemon.start(home)
        try:
            keys = root_keys(home)
            with environment(
                AWS_ENDPOINT_URL=running.endpoint,
                AWS_DEFAULT_REGION=REGION,
                **keys.environment,
            ):
                yield LocalAws(running.endpoint, keys)
        finally:
            daemon.stop(home)


def create_table(aws: LocalAws, resource: str, name: str) -> str:
    """A table as the template defines the resource, such as ``AssetsTable``; its name."""
    text = (CHECKOUT / "infra" / "resources" / "tables.yml").read_text(encoding="utf-8")
    properties: dict[str, Any] = yaml.safe_load(text)["Resources"][resource]["Properties"]
    kept = {key: properties[key] for key in _KEPT if key in properties}
    aws.client("dynamodb").create_table(TableName=name, **kept)
    return name
