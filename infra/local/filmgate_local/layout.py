"""The files of a local stack, and the constants of the local AWS."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
"""The source tree that is packaged and deployed."""

STAGE = "local"
STACK = f"filmgate-{STAGE}"
REGION = "us-east-1"
ACCOUNT = "000000000000"
TENANT = "local"
DEFAULT_PORT = 4566
IDENTITY_PATH = "/_filmgate"
"""Where a running stack says which one it is, without a signature."""


class StackError(Exception):
    """The local stack cannot do what was requested; the message says why and what to do."""


@dataclass(frozen=True)
class Home:
    """The files of one local stack, all under ``<root>/.filmgate``."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / ".filmgate"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def objects(self) -> Path:
        return self.folder / "objects"

    @property
    def scratch(self) -> Path:
        """The daemon's TMPDIR: unpacked functions; cleared at each start."""
        return self.folder / "tmp"

    @property
    def log(self) -> Path:
        return self.folder / "ministack.log"

    @property
    def process(self) -> Path:
        return self.folder / "process.json"

    @property
    def stack(self) -> Path:
        return self.folder / "stack.json"

    @property
    def credentials(self) -> Path:
        return self.folder / "credentials.json"

    @property
    def aws_credentials(self) -> Path:
        return self.folder / "aws-credentials"

    def create(self) -> None:
        """Create the folder, or take the access of others to an existing one away."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)


@contextmanager
def alone(lock: Path, waits: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold the lock file for the block.

    While another process holds it, this waits, after calling ``waits`` once.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waits()
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
