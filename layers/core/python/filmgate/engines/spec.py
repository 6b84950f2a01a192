"""What an engine declares about itself, and how one is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Protocol

from pydantic import Field, JsonValue, StringConstraints

from filmgate.library.model import Asset
from filmgate.library.results import Finding
from filmgate.media.model import MediaKind
from filmgate.model import FrozenModel

NAME = r"^[a-z][a-z0-9_-]{0,39}$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,39}$")]


class EngineSpec(FrozenModel):
    """An implementation of a capability.

    Names and versions are parts of keys and cursors, so few characters are allowed in them.

    Attributes:
        capability: what it answers, such as ``dedupe``.
        name, version: together its identity; raise the version with any change of results.
        accepts: the kinds of media it works on.
        needs: names of derived artifacts that it reads, of `filmgate.pipeline.artifacts.NEEDS`;
            empty for an engine that reads none.
        runner: the Lambda function that runs it: ``dedupe``, or ``engine`` for every engine that
            needs no storage of its own.
        parts: what of it reports on its own whether it can be used, see `engines.status`.
        express: whether it always ends within the five minutes of an Express workflow.
    """

    capability: Name
    name: Name
    version: Version
    accepts: frozenset[MediaKind] = frozenset(MediaKind)
    needs: tuple[str, ...] = ()
    runner: str = "engine"
    parts: tuple[str, ...] = ()
    express: bool = True

    @property
    def reference(self) -> str:
        """Name and version, as records and addresses hold them."""
        return f"{self.name}/{self.version}"


@dataclass(frozen=True, slots=True)
class EngineInput:
    """What an engine works on.

    Attributes:
        job_id: the attempt; a name for intermediate artifacts.
        artifacts: keys of the derived artifacts that the engine needs, by name.
        read: the bytes of an artifact by its name; raises NotFound or TransientError.
        remaining_s: seconds left until the function that runs the engine is stopped.
    """

    asset: Asset
    job_id: str
    artifacts: dict[str, str]
    read: Callable[[str], bytes]
    remaining_s: Callable[[], float]


class EngineOutput(FrozenModel):
    """What an engine found.

    Attributes:
        findings: stored as one immutable artifact.
        summary: numbers and words of the capability for listings; small.
        artifacts: further artifacts that the engine wrote, key by name.
        cost_usd: what services outside charged.
    """

    findings: tuple[Finding, ...] = ()
    summary: dict[str, JsonValue] = Field(default_factory=dict)
    artifacts: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    cost_usd: float = 0.0


class Engine(Protocol):
    """Runs on one asset. `MediaRefused` says that the file is unsuitable, `EngineUnavailable` that
    the engine cannot run here, `TransientError` that the same call may succeed later."""

    @property
    def spec(self) -> EngineSpec: ...

    def run(self, given: EngineInput) -> EngineOutput: ...
