"""``python -m filmgate_local.artefact``: package a stage as for AWS, without an account.

Because of the layers, the packager asks CloudFormation for the deployed stack. A temporary local
AWS answers that there is none.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import tempfile
from pathlib import Path

from filmgate_local import daemon
from filmgate_local.credentials import root_keys
from filmgate_local.layout import CHECKOUT, Home, StackError
from filmgate_local.package import UPDATE, osls

KINDS = {"AWS::Lambda::Function": "Code", "AWS::Lambda::LayerVersion": "Content"}


def main() -> int:
    """Package, and print the template's path and the number of its resources."""
    parser = argparse.ArgumentParser(prog="filmgate_local.artefact", description=__doc__)
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--architecture", default="x86_64")
    given = parser.parse_args()
    target = CHECKOUT / ".build" / "package"
    try:
        build(target, given.stage, given.architecture)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    resources = json.loads((target / UPDATE).read_text())["Resources"]
    print(f"{target / UPDATE}: {len(resources)} resources")
    return 0


def build(target: Path, stage: str, architecture: str) -> None:
    """Package the checkout for ``stage`` into ``target``. Raises StackError."""
    built = CHECKOUT / ".build" / "layers" / architecture
    if not built.is_dir():
        raise StackError(f"No layers for {architecture} are built yet; run `make layers`.")
    with tempfile.TemporaryDirectory(prefix="filmgate-package-") as scratch:
        home = Home(Path(scratch))
        os.environ["FILMGATE_PORT"] = str(free_port())
        running = daemon.start(home)
        try:
            osls(
                CHECKOUT,
                target,
                built,
                running.endpoint,
                root_keys(home),
                stage=stage,
                architecture=architecture,
            )
        finally:
            daemon.stop(home)


def free_port() -> int:
    """A port of this machine on which nothing listens at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((daemon.HOST, 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
