"""Turns serverless.yml into a template and its artefacts, as on AWS, but repeats no work.

``osls package`` runs only when its inputs have changed. Third-party layers stay empty here, because
handlers run in this interpreter, which has those packages for its own platform. Our own layer is
the real one. Every artefact is named by its content, so that CloudFormation sees a change exactly
when there is one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filmgate_local.credentials import RootKeys
from filmgate_local.layout import REGION, STAGE, StackError, alone
from filmgate_packaging import layers, zips

INPUTS = (
    "serverless.yml",
    "package-lock.json",
    "infra/packaging/functions.js",
    "infra/resources",
    "infra/workflows",
    "functions",
)
CREATE = "cloudformation-template-create-stack.json"
MODEL = "FILMGATE_EMBEDDING_MODEL"
UPDATE = "cloudformation-template-update-stack.json"
PACKAGE_TIMEOUT_S = 180
ERROR_LINES = 25

Template = dict[str, Any]


@dataclass(frozen=True)
class Packaged:
    """A packaged stack, ready to deploy.

    Attributes:
        create: the template that creates only the bucket for artefacts.
        update: the whole template; artefact keys are ``artefacts/{sha256}.zip``.
        artefacts: file by key.
    """

    create: Template
    update: Template
    artefacts: dict[str, Path]

    @property
    def digest(self) -> str:
        """SHA-256 of the whole template, and so of every artefact it names."""
        return hashlib.sha256(json.dumps(self.update, sort_keys=True).encode()).hexdigest()


def package(checkout: Path, endpoint: str, keys: RootKeys) -> Packaged:
    """Package the checkout; asks the local AWS at ``endpoint``. Raises StackError."""
    folder = checkout / ".build" / "local"
    built = folder / "layers"
    target = folder / "package"
    with alone(folder / "lock"):
        layers.build_core(checkout, built / f"{layers.CORE}.zip")
        for layer in layers.THIRD_PARTY:
            zips.write(built / f"{layer}.zip", [])
        # Each machine has its own embedding model, so it does not come from the template.
        model = os.environ.get(MODEL, "")
        inputs = hashlib.sha256(f"{inputs_digest(checkout)} {model}".encode()).hexdigest()
        stamp = folder / "inputs.sha256"
        if not stamp.exists() or stamp.read_text() != inputs or not (target / UPDATE).exists():
            stamp.unlink(missing_ok=True)
            parameters = {"embedding-model": model} if model else {}
            osls(checkout, target, built, endpoint, keys, parameters=parameters)
            stamp.write_text(inputs)
        return _addressed(target, built, folder / "artefacts")


def inputs_digest(checkout: Path) -> str:
    """SHA-256 over the names and contents of everything ``osls package`` reads."""
    digest = hashlib.sha256()
    for name in INPUTS:
        path = checkout / name
        files = sorted(zips.tree(path)) if path.is_dir() else [(name, path)]
        for inner, source in files:
            digest.update(f"{name}\0{inner}\0".encode())
            digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()


def osls(
    checkout: Path,
    target: Path,
    built: Path,
    endpoint: str,
    keys: RootKeys,
    *,
    stage: str = STAGE,
    architecture: str = "x86_64",
    parameters: Mapping[str, str] | None = None,
) -> None:
    """Run ``osls package`` into ``target`` with the layers in ``built``. Raises StackError.

    ``parameters`` are those of serverless.yml that differ from its defaults. ``endpoint`` answers
    the packager's questions to AWS; it never reaches a real account.
    """
    program = checkout / "node_modules" / "osls" / "bin" / "serverless.js"
    node = shutil.which("node")
    if node is None:
        raise StackError(
            "Node.js 20 or later is needed to package serverless.yml; it is not on PATH."
        )
    if not program.exists():
        raise StackError("The packager is not installed yet; run `make setup` first.")
    command = [node, str(program), "package", "--stage", stage, "--region", REGION]
    command += ["--package", str(target), "--param", f"layers={built.relative_to(checkout)}"]
    command += ["--param", f"architecture={architecture}"]
    for name, value in (parameters or {}).items():
        command += ["--param", f"{name}={value}"]
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(target.parent),
        "AWS_ENDPOINT_URL": endpoint,
        **keys.environment,
        "AWS_REGION": REGION,
    }
    try:
        done = subprocess.run(  # noqa: S603
            command,
            cwd=checkout,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PACKAGE_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise StackError(f"Packaging took more than {PACKAGE_TIMEOUT_S} s.") from error
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines()[-ERROR_LINES:]
        raise StackError("osls could not package serverless.yml:\n" + "\n".join(lines))


def _addressed(target: Path, built: Path, store: Path) -> Packaged:
    """Name every artefact by its content, in the templates and in the folder ``store``."""
    create: Template = json.loads((target / CREATE).read_text())
    update: Template = json.loads((target / UPDATE).read_text())
    artefacts: dict[str, Path] = {}
    store.mkdir(parents=True, exist_ok=True)
    for resource in update["Resources"].values():
        properties = resource.get("Properties", {})
        location = {
            "AWS::Lambda::Function": properties.get("Code"),
            "AWS::Lambda::LayerVersion": properties.get("Content"),
        }.get(resource["Type"])
        if not location:
            continue
        name = location["S3Key"].rsplit("/", 1)[-1]
        source = next(file for file in (built / name, target / name) if file.exists())
        body = source.read_bytes()
        digest = hashlib.sha256(body).hexdigest()
        stored = store / f"{digest}.zip"
        if not stored.exists():
            stored.write_bytes(body)
        location["S3Key"] = f"artefacts/{digest}.zip"
        artefacts[location["S3Key"]] = stored
    return Packaged(create, update, artefacts)
