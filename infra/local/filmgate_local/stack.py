"""``up``, ``down`` and ``status`` of the stack on this machine.

State lives under ``<root>/.filmgate`` and survives ``down``. There, ``stack.json`` says how to
reach the running service, ``credentials.json`` holds the API key of the tenant ``local``, and
``aws-credentials`` the keys of the local AWS. Only the owner can read the folder.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from filmgate_local import credentials, daemon
from filmgate_local.daemon import Daemon
from filmgate_local.deploy import LocalAws, deploy, outputs, resources, stack_status
from filmgate_local.layout import CHECKOUT, REGION, STACK, STAGE, TENANT, Home, StackError, alone
from filmgate_local.package import Packaged, package
from filmgate_local.progress import Progress, heartbeat
from filmgate_local.resume import resume
from filmgate_local.space import free_bytes, reserve_bytes, size_text

TABLES = ("assets", "matches", "index", "keys", "idempotency")


@dataclass(frozen=True)
class StackInfo:
    """How to reach a running stack; stored in ``stack.json``.

    Attributes:
        tables: physical name by ``assets``, ``matches``, ``index``, ``keys``, ``idempotency``.
        functions: name of the Lambda by the function's own, such as ``dead-letters``.
        workflows: ARN by ``express``, ``standard``, ``backfill``.
        deployed: SHA-256 of the deployed template, artefacts included.
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
class DiskSpace:
    """The disk that holds the stack's state.

    Attributes:
        free_bytes: what is free on it.
        reserve_bytes: how many of them are kept free. Uploads that would use them are refused.
    """

    free_bytes: int
    reserve_bytes: int = field(default_factory=reserve_bytes)

    @property
    def full(self) -> bool:
        """Whether every upload is refused."""
        return self.free_bytes <= self.reserve_bytes

    def __str__(self) -> str:
        """One line for a person."""
        if self.full:
            return (
                f"FULL: {size_text(self.free_bytes)} free; uploads are refused until there are "
                f"more than {size_text(self.reserve_bytes)}"
            )
        return f"{size_text(self.free_bytes)} free"


@dataclass(frozen=True)
class StackStatus:
    """The state of a stack.

    Attributes:
        info: as of the last ``up``; None before the first.
        space: the disk that holds the state; None before the first ``up``.
        waiting: uploads in the ingest queue, those in progress included; None when not running.
        dead: messages in the dead-letter queue; None when not running.
    """

    running: bool
    info: StackInfo | None
    space: DiskSpace | None = None
    waiting: int | None = None
    dead: int | None = None


def up(root: Path, progress: Progress = lambda _: None) -> StackInfo:
    """Start the local AWS under ``root`` and deploy what has changed; quick when nothing has.

    Deploys the checkout at ``root`` if there is one, else the checkout this package runs from.
    ``progress`` gets a line for each step, and one every few seconds while a step takes long.

    Raises StackError, with a message that says what to do.
    """
    home = Home(root.resolve())
    home.create()
    with _locked(home, progress):
        return _up(home, progress)


def _locked(home: Home, progress: Progress) -> AbstractContextManager[None]:
    text = "Waiting for another command that starts or stops this service"
    return alone(home.folder / "lock", lambda: progress(text))


def _up(home: Home, progress: Progress) -> StackInfo:
    checkout = home.root if (home.root / "serverless.yml").is_file() else CHECKOUT
    _require_space(home)
    with heartbeat(progress, "Looking for the running service"):
        running = daemon.find(home)
    started = running is None
    if running is None:
        progress("Starting the local AWS")
        with heartbeat(progress, "Starting the local AWS"):
            running = daemon.start(home)
    keys = credentials.root_keys(home)
    aws = LocalAws(running.endpoint, keys)
    progress("Packaging serverless.yml if it has changed")
    with heartbeat(progress, "Packaging"):
        packaged = package(checkout, running.endpoint, keys)
    before = _read(home)
    if before is None or before.deployed != packaged.digest or stack_status(aws) is None:
        progress(f"Deploying {len(packaged.update['Resources'])} resources to the local AWS")
        with heartbeat(progress, "Deploying"):
            deploy(aws, packaged)
    info = _describe(aws, running, home, packaged)
    credentials.ensure_api_key(aws, info.tables["keys"], home)
    written = home.stack.with_suffix(".part")
    written.write_text(json.dumps(asdict(info), indent=2))
    written.replace(home.stack)
    if started and (again := resume(aws, list(info.workflows.values()))):
        progress(f"Resuming workflows that the last stop interrupted: {again}")
    return info


def _require_space(home: Home) -> None:
    space = DiskSpace(free_bytes(home.folder))
    if space.full:
        raise StackError(
            f"The disk of {home.folder} is full: {size_text(space.free_bytes)} are free, and the "
            f"service needs {size_text(space.reserve_bytes)} in reserve. Free some space."
        )


def down(root: Path, progress: Progress = lambda _: None) -> bool:
    """Stop the local AWS under ``root``, keeping its state. False when it was not running."""
    home = Home(root.resolve())
    if not home.folder.is_dir():
        return False
    with _locked(home, progress):
        return daemon.stop(home, progress)


def status(root: Path, progress: Progress = lambda _: None) -> StackStatus:
    """The state of the stack under ``root``; starts nothing."""
    home = Home(root.resolve())
    info = _read(home)
    space = disk_space(root)
    with heartbeat(progress, "Waiting for an answer of the service"):
        running = daemon.find(home)
    if running is None or info is None:
        return StackStatus(running=False, info=info, space=space)
    aws = LocalAws(running.endpoint, credentials.root_keys(home))
    return StackStatus(
        running=True,
        info=info,
        space=space,
        waiting=_depth(aws, info.ingest_queue_url),
        dead=_depth(aws, info.dead_letters_url),
    )


def disk_space(root: Path) -> DiskSpace | None:
    """The disk that holds the state of the stack under ``root``; None before the first ``up``."""
    folder = Home(root.resolve()).folder
    return DiskSpace(free_bytes(folder)) if folder.is_dir() else None


def _describe(aws: LocalAws, running: Daemon, home: Home, packaged: Packaged) -> StackInfo:
    output = outputs(aws)
    physical = resources(aws)
    return StackInfo(
        # Addressed by path: not every machine resolves names under localhost.
        api_url=f"{running.endpoint}/_aws/execute-api/{physical['HttpApi']}",
        endpoint_url=running.endpoint,
        region=REGION,
        stage=STAGE,
        stack=STACK,
        tenant=TENANT,
        pid=running.pid,
        port=running.port,
        raw_bucket=output["RawBucketName"],
        artifacts_bucket=output["ArtifactsBucketName"],
        ingest_queue_url=_at(running, output["IngestQueueUrl"]),
        dead_letters_url=_at(running, output["IngestDeadLettersUrl"]),
        tables={name: output[f"{name.capitalize()}TableName"] for name in TABLES},
        functions={name: f"{STACK}-{name}" for name in output["FunctionNames"].split(",")},
        workflows={
            "express": output["AnalyzeExpressArn"],
            "standard": output["AnalyzeStandardArn"],
            "backfill": output["BackfillArn"],
        },
        log=str(home.log),
        deployed=packaged.digest,
    )


def _at(running: Daemon, url: str) -> str:
    """The queue's URL with the current port; the stored one has the port of its creation."""
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


__all__ = [
    "DiskSpace",
    "StackError",
    "StackInfo",
    "StackStatus",
    "disk_space",
    "down",
    "status",
    "up",
]
