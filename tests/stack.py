"""One local stack for the whole run, started when the first test asks for it.

A fixture that wants it calls ``shared_stack()``; however many conftests do, there is one.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from filmgate_local import credentials, stack
from filmgate_local.artefact import free_port
from filmgate_local.deploy import LocalAws
from filmgate_local.layout import Home
from filmgate_local.stack import StackInfo

CANARY = "FILMGATE_TEST_CANARY"
"""In this process's environment while the stack starts; nothing in the stack may see it."""


@dataclass(frozen=True)
class RunningStack:
    """A local stack in a folder of its own."""

    root: Path
    info: StackInfo
    aws: LocalAws
    api_key: str

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which AWS libraries talk to this stack as its root user."""
        return {
            "AWS_ENDPOINT_URL": self.info.endpoint_url,
            "AWS_REGION": self.info.region,
            "AWS_DEFAULT_REGION": self.info.region,
            **self.aws.keys.environment,
        }


@cache
def shared_stack() -> RunningStack:
    """The stack all tests of this run share; stopped and deleted when the run ends."""
    root = Path(tempfile.mkdtemp(prefix="filmgate-tests-"))
    atexit.register(_discard, root)
    return start(root)


@contextmanager
def own_stack() -> Iterator[RunningStack]:
    """A stack for one test that stops or breaks it."""
    root = Path(tempfile.mkdtemp(prefix="filmgate-own-"))
    try:
        yield start(root)
    finally:
        _discard(root)


def start(root: Path) -> RunningStack:
    """Bring a stack up under ``root`` on a free port."""
    with environment(FILMGATE_PORT=str(free_port()), **{CANARY: "seen"}):
        info = stack.up(root)
    key = json.loads((root / ".filmgate" / "credentials.json").read_text())["api_key"]
    keys = credentials.root_keys(Home(root))
    return RunningStack(root, info, LocalAws(info.endpoint_url, keys), key)


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """These environment variables, for the length of the block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, text in before.items():
            if text is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = text


def _discard(root: Path) -> None:
    stack.down(root)
    shutil.rmtree(root, ignore_errors=True)
