"""``up``, ``down`` and ``status`` of the stack on this machine.

State lives under ``<root>/.filmgate`` and survives ``down``. ``stack.json`` there says how to reach
what runs, ``credentials.json`` (mode 0600) holds the API key of the tenant ``local``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from filmgate_local import credentials, daemon
from filmgate_local.daemon import Daemon
from filmgate_local.deploy import LocalAws, deploy, outputs, resources, stack_status
from filmgate_local.interrupted import resume
from filmgate_local.layout import CHECKOUT, REGION, STACK, STAGE, TENANT, Home, StackError, alone
from filmgate_local.package import Packaged, package

Progress = Callable[[str], None]

TABLES = ("assets", "matches", "index", "keys", "idempotency")


@dataclass(frozen=True)
class StackInfo:
    """How to reach a running stack; written to ``stack.json``.

    Attributes:
        tables: physical name by ``assets``, ``matches``, ``index``, ``keys``, ``idempotency``.
        functions: name of the Lambda by the function's own, such as ``dead-letters``.
        workflows: ARN by ``express``, ``standard``.
        deployed: SHA-256 of the template that is deployed, artefacts included.
    """

    api_url: str
    endpoint_url: str
    region: str
    stage: str
    stack: str
    tenant: str
    pid: int
    port: int
    raw_bucket: str
    artifacts_bucket: str
    ingest_queue_url: str
    dead_letters_url: str
    tables: dict[str, str]
    functions: dict[str, str]
    workflows: dict[str, str]
    log: str
    deployed: str


@dataclass(frozen=True)
class StackStatus:
    """What runs now.

    Attributes:
        info: as of the last ``up``; None before the first.
        waiting: uploads in the ingest queue, being worked on included; None when not running.
        dead: messages in the dead-letter queue; None when not running.
    """

    running: bool
    info: StackInfo | None
    waiting: int | None = None
    dead: int | None = None


def up(root: Path, progress: Progress = lambda _: None) -> StackInfo:
    """Start the local AWS under ``root`` and deploy what has changed. Quick when all is there.

    Deploys the checkout at ``root``; when there is none, the one this package runs from.

    Raises StackError, with a message that says what to do.
    """
    home = Home(root.resolve())
    with alone(home.folder / "lock"):
        return _up(home, progress)


def _up(home: Home, progress: Progress) -> StackInfo:
    checkout = home.root if (home.root / "serverless.yml").is_file() else CHECKOUT
    running = daemon.find(home)
    started = running is None
    if running is None:
        progress("Starting the local AWS")
        running = daemon.start(home)
    aws = LocalAws(running.endpoint)
    progress("Packaging")
    packaged = package(checkout, running.endpoint)
    before = _read(home)
    if before is None or before.deployed != packaged.digest or stack_status(aws) is None:
        progress("Deploying")
        deploy(aws, packaged)
    info = _describe(aws, running, home, packaged)
    credentials.ensure(aws, info.tables["keys"], home)
    written = home.stack.with_suffix(".part")
    written.write_text(json.dumps(asdict(info), indent=2))
    written.replace(home.stack)
    if started and (again := resume(aws, list(info.workflows.values()))):
        progress(f"Resuming what the last stop interrupted: {again}")
    return info


def down(root: Path) -> bool:
    """Stop the local AWS under ``root``, keeping its state. False when it was not running."""
    home = Home(root.resolve())
    if not home.folder.is_dir():
        return False
    with alone(home.folder / "lock"):
        return daemon.stop(home)


def status(root: Path) -> StackStatus:
    """What runs under ``root``; starts nothing."""
    home = Home(root.resolve())
    info = _read(home)
    running = daemon.find(home)
    if running is None or info is None:
        return StackStatus(running=False, info=info)
    aws = LocalAws(running.endpoint)
    return StackStatus(
        running=True,
        info=info,
        waiting=_depth(aws, info.ingest_queue_url),
        dead=_depth(aws, info.dead_letters_url),
    )


def _describe(aws: LocalAws, running: Daemon, home: Home, packaged: Packaged) -> StackInfo:
    shown = outputs(aws)
    physical = resources(aws)
    return StackInfo(
        # By path: not every machine resolves names under localhost.
        api_url=f"{running.endpoint}/_aws/execute-api/{physical['HttpApi']}",
        endpoint_url=running.endpoint,
        region=REGION,
        stage=STAGE,
        stack=STACK,
        tenant=TENANT,
        pid=running.pid,
        port=running.port,
        raw_bucket=shown["RawBucketName"],
        artifacts_bucket=shown["ArtifactsBucketName"],
        ingest_queue_url=_at(running, shown["IngestQueueUrl"]),
        dead_letters_url=_at(running, shown["IngestDeadLettersUrl"]),
        tables={name: shown[f"{name.capitalize()}TableName"] for name in TABLES},
        functions={name: f"{STACK}-{name}" for name in shown["FunctionNames"].split(",")},
        workflows={
            "express": shown["AnalyzeExpressArn"],
            "standard": shown["AnalyzeStandardArn"],
        },
        log=str(home.log),
        deployed=packaged.digest,
    )


def _at(running: Daemon, url: str) -> str:
    """The queue's URL at the port of now; the stored one has that of when it was made."""
    return f"{running.endpoint}/{url.split('/', 3)[3]}"


def _read(home: Home) -> StackInfo | None:
    try:
        return StackInfo(**json.loads(home.stack.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _depth(aws: LocalAws, queue_url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    sqs = aws.client("sqs")
    read = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(read[name]) for name in names)


__all__ = ["StackError", "StackInfo", "StackStatus", "down", "status", "up"]
