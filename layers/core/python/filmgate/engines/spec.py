"""The declaration of an engine, its input and its output."""

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

    Names and versions are parts of keys and cursors, so only few characters are allowed.

    Attributes:
        capability: the question that it answers, such as ``dedupe``.
        name, version: identify the engine; a change of results needs a new version.
        accepts: the kinds of media that it accepts.
        needs: names of derived artifacts that it reads, from `filmgate.pipeline.artifacts.NEEDS`.
        runner: the Lambda function that runs it: ``dedupe``, or ``engine`` for every engine that
            needs no storage of its own.
        parts: names under which its parts report whether they can be used, see
            `engines.status`.
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
        """Name and version, as used in records and addresses."""
        return f"{self.name}/{self.version}"


@dataclass(frozen=True, slots=True)
class EngineInput:
    """The input of an engine.

    Attributes:
        job_id: the attempt; names intermediate artifacts.
        artifacts: keys of the derived artifacts that the engine needs, by name.
        read: returns the bytes of an artifact by its name; raises NotFound or TransientError.
        remaining_s: returns the seconds left until the function is stopped.
    """

    asset: Asset
    job_id: str
    artifacts: dict[str, str]
    read: Callable[[str], bytes]
    remaining_s: Callable[[], float]


class EngineOutput(FrozenModel):
    """The output of an engine.

    Attributes:
        findings: stored as one immutable artifact.
        summary: a few numbers and texts for listings, defined by the capability.
        artifacts: keys of further artifacts that the engine wrote, by name.
        cost_usd: cost of external services.
    """

    findings: tuple[Finding, ...] = ()
    summary: dict[str, JsonValue] = Field(default_factory=dict)
    artifacts: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    cost_usd: float = 0.0


class Engine(Protocol):
    """An engine, which runs on one asset at a time.

    It raises `MediaRefused` if the file is unsuitable, `EngineUnavailable` if it cannot run here,
    and `TransientError` if the same call may succeed later.
    """

    @property
    def spec(self) -> EngineSpec: ...

    def run(self, given: EngineInput) -> EngineOutput: ...
