"""`MediaReader` in a sandbox, with which the deployed functions read uploads."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from filmgate.dedupe.engine import FINGERPRINT
from filmgate.errors import FilmgateError, MediaRefused, TransientError
from filmgate.media.limits import Limits
from filmgate.media.model import MediaInfo, MediaKind
from filmgate.sandbox import answers
from filmgate.sandbox.model import MIB, Budget, Capabilities, Ended, Request
from filmgate.sandbox.port import Reading
from filmgate.sandbox.process import Zygote
from filmgate.sandbox.wire import Answer, WireError, unpacked

Value = TypeVar("Value")

JOBS = "filmgate.sandbox.jobs"

_PARENT_BYTES = 512 * MIB
"""Memory of the function for the parent, the process that forks, and the answer."""
_LEAST_BYTES = 512 * MIB

_PROBE_S = 60.0
_IMAGE_S = 45.0
"""Below the time limits of the calling steps, so that a slow file is recorded as too slow."""
_MORE_S = 90.0
"""For processing after decoding, in addition to `Limits.max_wall_s`, at which decoding stops."""

_PROBE_BYTES = 256 * 1024
_READ_BYTES = 96 * MIB
"""Three times the size of a fingerprint of six hours of video with sound. Shared artifacts have
their own limits."""

_TOO_SLOW = (
    "Reading the file takes far longer than a file of its kind should. "
    "Export it again with common settings and upload that."
)
_MISBEHAVED = (
    "The file made the decoder return an invalid answer. "
    "Export it again with common settings and upload that."
)


class SandboxedReader:
    """Implements `filmgate.sandbox.port.MediaReader` with a sandboxed process for each file.

    Thread-safe.
    """

    def __init__(
        self,
        function_bytes: int,
        on_ready: Callable[[Capabilities], None] | None = None,
        jobs: str = JOBS,
    ) -> None:
        """Start the process that imports the decoders, without waiting for it.

        Args:
            function_bytes: memory of the whole function.
            on_ready: called once before the first file, with the restrictions that apply.
            jobs: name of the module of jobs.
        """
        self._memory_bytes = max(_LEAST_BYTES, function_bytes - _PARENT_BYTES)
        self._zygote = Zygote(jobs, on_ready)
        self._zygote.start()

    def probe(self, path: Path, limits: Limits) -> MediaInfo:
        """See `MediaReader.probe`; also refuses with ``too_slow``, and with ``damaged`` if
        the decoder crashed."""
        arguments = limits.model_dump_json()
        answer = self._ask("probe", path, arguments, self._budget(_PROBE_S, _PROBE_BYTES))
        return _checked(lambda: answers.media_info(answer.parts, limits))

    def read(
        self,
        path: Path,
        sha256: str,
        info: MediaInfo,
        limits: Limits,
        *,
        pictures: bool,
        artifacts: Sequence[str] = (FINGERPRINT,),
    ) -> Reading:
        """See `MediaReader.read`; also refuses with ``too_slow``, and with ``damaged`` if
        the decoder crashed."""
        # These load NumPy, which probing must not do.
        from filmgate.dedupe.fingerprint.engine import ENGINE  # noqa: PLC0415
        from filmgate.media.shared_names import SHARED_NAMES  # noqa: PLC0415

        asked = answers.ReadArguments(
            sha256=sha256,
            info=info,
            limits=limits,
            pictures=pictures,
            artifacts=tuple(artifacts),
        )
        wall_s = _IMAGE_S if info.kind is MediaKind.IMAGE else limits.max_wall_s + _MORE_S
        shared_bytes = sum(
            SHARED_NAMES[name].max_bytes for name in artifacts if name in SHARED_NAMES
        )
        budget = self._budget(wall_s, _READ_BYTES + shared_bytes)
        answer = self._ask("read", path, asked.model_dump_json(), budget)
        return _checked(lambda: answers.reading(answer.parts, asked, ENGINE))

    def capabilities(self) -> Capabilities:
        """Return the restrictions that apply. Raises FilmgateError, TransientError."""
        return self._zygote.capabilities()

    def close(self) -> None:
        """End the processes."""
        self._zygote.close()

    def _budget(self, wall_s: float, answer_bytes: int) -> Budget:
        cpu_s = int(wall_s * (os.cpu_count() or 1)) + 1
        return Budget(
            memory_bytes=self._memory_bytes,
            cpu_s=cpu_s,
            wall_s=wall_s,
            answer_bytes=answer_bytes,
        )

    def _ask(self, job: str, path: Path, arguments: str, budget: Budget) -> Answer:
        whole = str(path.resolve())
        ended = self._zygote.run(Request(job=job, path=whole, arguments=arguments, budget=budget))
        return answer_of(ended, budget)


def answer_of(ended: Ended, budget: Budget) -> Answer:
    """Return the answer of a child that has completed its job.

    Raises:
        MediaRefused: the file is refused, took too long, or made the decoder crash or misbehave.
        TransientError: there was not enough memory.
        FilmgateError: the job failed because of an error in Filmgate.
    """
    _check_end(ended, budget)
    answer = _checked(lambda: unpacked(ended.answer))
    head = answer.head
    if head.outcome == "memory":
        raise _out_of_memory(budget)
    if head.outcome == "refused":
        if not head.code or not head.reason:
            raise MediaRefused("damaged", _MISBEHAVED)
        raise MediaRefused(head.code, head.reason)
    if head.outcome == "failed":
        raise FilmgateError(f"reading the file failed: {head.reason}")
    return answer


def _check_end(ended: Ended, budget: Budget) -> None:
    how = ended.how
    if ended.too_long:
        raise MediaRefused("damaged", _MISBEHAVED)
    if how.overdue or how.signal == signal.SIGXCPU:
        raise MediaRefused("too_slow", _TOO_SLOW)
    if how.signal == signal.SIGKILL:
        # The system kills the process with the most memory when there is none left.
        raise _out_of_memory(budget)
    if how.code != 0:
        what = f"with status {how.code}" if how.signal is None else _name(how.signal)
        raise MediaRefused(
            "damaged",
            f"The file made the decoder crash ({what}). "
            "Export it again with common settings and upload that.",
        )


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _out_of_memory(budget: Budget) -> TransientError:
    most = budget.memory_bytes // MIB
    return TransientError(f"reading the file ran out of memory; a file may use {most} MB")


def _checked(take: Callable[[], Value]) -> Value:
    try:
        return take()
    except WireError as error:
        raise MediaRefused("damaged", _MISBEHAVED) from error
