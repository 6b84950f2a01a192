"""Workers that act on one asset at the same time, one storage call at a time, in a given order.

Each worker is real product code in a thread of its own. Before each storage call it waits for its
turn, so whatever may happen between the read and the write of one worker can be made to happen.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest

from filmgate.engines import registry
from filmgate.engines.spec import EngineSpec
from filmgate.library.jobs import Job, JobState, Progress
from filmgate.library.model import Asset, AssetState
from filmgate.library.ports import Library
from filmgate.library.results import Result, ResultState
from filmgate.pipeline.runs import Ending, end_job, end_running, plan
from tests.contracts.records import INFO, an_asset

CAPABILITIES = ("faces", "shots", "speech")
SPECS = tuple(EngineSpec(capability=name, name=name, version="1") for name in CAPABILITIES)
ASSET = "a1"
_ENDS = (ResultState.DONE, ResultState.REFUSED, ResultState.FAILED, ResultState.UNAVAILABLE)

Worker = Callable[[Library], None]
After = Callable[[str, tuple[Any, ...], Any], None]
"""Called after each storage call with its name, its arguments and its answer."""


@contextmanager
def three_capabilities() -> Iterator[None]:
    """The registry holds an engine for each of CAPABILITIES and nothing else."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(registry, "specs", lambda: SPECS)
        yield


class Turns:
    """Runs workers over a library, each storage call when its worker has the turn."""

    def __init__(self, library: Library, after: After = lambda *_: None) -> None:
        self._library = library
        self._after = after
        self._back = threading.Semaphore(0)

    def run(self, workers: Sequence[Worker], choose: Callable[[int], int]) -> None:
        """Until all have ended; raises what a worker raised.

        Args:
            choose: which of so many workers is next, from 0.
        """
        turns = [threading.Semaphore(0) for _ in workers]
        ended: list[int] = []
        errors: list[BaseException] = []

        def work(number: int) -> None:
            turns[number].acquire()
            try:
                workers[number](self._stepped(turns[number]))
            except BaseException as error:  # noqa: BLE001 - raised again below
                errors.append(error)
            ended.append(number)
            self._back.release()

        threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(len(turns))]
        for thread in threads:
            thread.start()
        while left := [n for n in range(len(turns)) if n not in ended]:
            turns[left[choose(len(left))]].release()
            self._back.acquire()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def _stepped(self, turn: threading.Semaphore) -> Library:
        library, after, back = self._library, self._after, self._back

        class Stepped:
            def __getattr__(self, name: str) -> Callable[..., Any]:
                method = getattr(library, name)

                def call(*args: Any, **named: Any) -> Any:
                    back.release()
                    turn.acquire()
                    answer = method(*args, **named)
                    after(name, args, answer)
                    return answer

                return call

        return cast("Library", Stepped())


@dataclass(frozen=True)
class Attempt:
    """A worker that begins capabilities, reports progress and ends each job.

    Attributes:
        wanted: capabilities.
        ending: how the jobs end, by its place in the states an end may have.
        times: how often each end is tried, as by a workflow that repeats a step.
        dies: whether it stops after its first job, so that others stay running.
    """

    tenant: str
    wanted: frozenset[str]
    ending: int = 0
    times: int = 1
    dies: bool = False

    def __call__(self, library: Library) -> None:
        asset = library.asset(self.tenant, ASSET)
        run = plan(asset, library.results(self.tenant, ASSET), self.wanted)
        if not library.begin(asset.changed(), run.jobs, run.results):
            return
        for job in run.jobs:
            library.report_progress(self.tenant, job.job_id, Progress(step="half", share=0.5))
            for number in range(self.times):
                state = _ENDS[(self.ending + number) % len(_ENDS)]
                end_job(library, self.tenant, job.job_id, Ending(state, "why", state.value))
            if self.dies:
                return


@dataclass(frozen=True)
class Upload:
    """A worker that records a new version of the asset's object."""

    tenant: str
    name: str

    def __call__(self, library: Library) -> None:
        asset = library.asset(self.tenant, ASSET)
        while library.compare_and_set(asset.changed(version_id=self.name)) is None:
            asset = library.asset(self.tenant, ASSET)


@dataclass(frozen=True)
class Catch:
    """A worker that fails whatever runs, as the end of a workflow does after a fault."""

    tenant: str

    def __call__(self, library: Library) -> None:
        running = [
            library.job(self.tenant, result.job_id)
            for result in library.results(self.tenant, ASSET)
            if result.state is ResultState.RUNNING
        ]
        end_running(library, running, Ending(ResultState.FAILED, "failed", "A fault."))


def stored_asset(library: Library, tenant: str) -> Asset:
    """The asset that the workers act on."""
    return library.create(an_asset(tenant, ASSET, state=AssetState.STORED, info=INFO))


class Ledger:
    """What was written, by the storage's own answers; `check` compares it with what is stored."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant
        self._begun: list[Job] = []
        self._ended: Counter[str] = Counter()
        self._writes = 1
        """Of the asset, with its creation."""

    def note(self, name: str, args: tuple[Any, ...], answer: Any) -> None:
        """Count a storage call."""
        if name == "begin" and answer:
            self._begun += args[1]
            self._writes += 1
        elif name == "end" and answer:
            self._ended[args[0].job_id] += 1
        elif name == "compare_and_set" and answer is not None:
            self._writes += 1

    def check(self, library: Library) -> None:
        """After all workers; ends what they left running, for what comes later to be whole."""
        for job in self._begun:
            if self._ended[job.job_id] == 0:
                assert library.job(self._tenant, job.job_id).state is JobState.RUNNING
        assert max(self._ended.values(), default=0) <= 1, "a job ended twice"
        assert library.asset(self._tenant, ASSET).version == self._writes
        jobs = {job.job_id: library.job(self._tenant, job.job_id) for job in self._begun}
        for job_id, job in jobs.items():
            assert (job.state is not JobState.RUNNING) == (self._ended[job_id] == 1), "a lost end"
        listed = library.list_jobs(self._tenant, limit=100, cursor=None).items
        assert {job.job_id for job in listed} == set(jobs)
        results = library.results(self._tenant, ASSET)
        assert {r.capability for r in results} == {job.capability for job in self._begun}
        for result in results:
            owned_rightly(result, jobs[result.job_id])
            attempts = [job for job in jobs.values() if job.capability == result.capability]
            assert sorted(job.attempt for job in attempts) == list(range(1, len(attempts) + 1))
            assert result.attempt == len(attempts), "the result is the last attempt's"


def owned_rightly(result: Result, owner: Job) -> None:
    """A result runs exactly as long as the job that owns it, and ended as that did."""
    assert (owner.capability, owner.engine) == (result.capability, result.engine)
    assert owner.attempt == result.attempt
    assert (result.state is ResultState.RUNNING) == (owner.state is JobState.RUNNING)
    if owner.state is JobState.FAILED:
        assert result.state is ResultState.FAILED
        assert owner.error == result.reason
