"""What the parent asks of the sandbox, and what it hears of how a child ended."""

from __future__ import annotations

from dataclasses import dataclass

from filmgate.model import FrozenModel

MIB = 1024**2


class Budget(FrozenModel):
    """What one file may use.

    Attributes:
        memory_bytes: private memory of the child, that of its interpreter included.
        cpu_s: processor time of all its threads, in seconds.
        wall_s: seconds from its start until it is killed.
        answer_bytes: how long its answer may be.
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
    """What holds where this process runs, as a child found it that tried.

    Attributes:
        platform: `sys.platform`.
        limits: resource limits that were set, by their names in `resource`.
        parent_hidden: the parent's memory and environment are closed to its own user's processes.
        no_new_privileges: no program can give the child more rights.
        capabilities_dropped: the child holds none of root's powers.
        system_calls_filtered: by `filmgate.sandbox.seccomp`.
        landlock: the version by which file access is restricted; 0 where it is not.
        strays_killed: what a child starts dies with it, in whatever process group it is.
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
    """The first word of the process that forks: what holds, or why it cannot work."""

    capabilities: Capabilities | None = None
    error: str | None = None


class Exit(FrozenModel):
    """How a child ended.

    Attributes:
        code: exit status, None after a signal.
        signal: the number of the signal that ended it.
        overdue: it was killed at its deadline.
        cpu_s: processor time it used, in seconds.
        peak_bytes: most memory it held in RAM, pages shared with the parent included.
    """

    code: int | None = None
    signal: int | None = None
    overdue: bool = False
    cpu_s: float = 0.0
    peak_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """A child's answer, whatever it is, and how it ended.

    Attributes:
        answer: at most `Budget.answer_bytes`.
        too_long: it had more to say, and was killed for it.
    """

    answer: bytes
    how: Exit
    too_long: bool = False
