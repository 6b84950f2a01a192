"""Requests of the parent to the sandbox, and reports of how a child ended."""

from __future__ import annotations

from dataclasses import dataclass

from filmgate.model import FrozenModel

MIB = 1024**2


class Budget(FrozenModel):
    """Resource limits for one file.

    Attributes:
        memory_bytes: private memory of the child, including its interpreter.
        cpu_s: processor time of all its threads, in seconds.
        wall_s: seconds from its start until it is killed.
        answer_bytes: maximum length of its answer.
    """

    memory_bytes: int
    cpu_s: int
    wall_s: float
    answer_bytes: int


class Request(FrozenModel):
    """One file for one child. `job` names a function of the sandbox's module of jobs, and
    `arguments` is JSON for it."""

    job: str
    path: str
    arguments: str
    budget: Budget


class Capabilities(FrozenModel):
    """The restrictions that apply to children, as tested by the first child.

    Attributes:
        platform: `sys.platform`.
        limits: resource limits that were set, by their names in `resource`.
        parent_hidden: the parent's memory and environment are closed to its own user's processes.
        no_new_privileges: no program can give the child more rights.
        capabilities_dropped: the child has no capabilities of root.
        system_calls_filtered: by `filmgate.sandbox.seccomp`.
        landlock: the version of Landlock that restricts file access; 0 if it does not.
        strays_killed: processes started by a child are killed with it, in any process group.
    """

    platform: str
    limits: tuple[str, ...] = ()
    parent_hidden: bool = False
    no_new_privileges: bool = False
    capabilities_dropped: bool = False
    system_calls_filtered: bool = False
    landlock: int = 0
    strays_killed: bool = False


class Ready(FrozenModel):
    """The first message of the process that forks: the restrictions, or why it cannot work."""

    capabilities: Capabilities | None = None
    error: str | None = None


class Exit(FrozenModel):
    """How a child ended.

    Attributes:
        code: exit status, None after a signal.
        signal: the number of the signal that ended it.
        overdue: whether it was killed at its deadline.
        cpu_s: processor time it used, in seconds.
        peak_bytes: peak resident memory, including pages shared with the parent.
    """

    code: int | None = None
    signal: int | None = None
    overdue: bool = False
    cpu_s: float = 0.0
    peak_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """The unchecked answer of a child, and how the child ended.

    Attributes:
        answer: at most `Budget.answer_bytes`.
        too_long: whether the child was killed because its answer was longer.
    """

    answer: bytes
    how: Exit
    too_long: bool = False
