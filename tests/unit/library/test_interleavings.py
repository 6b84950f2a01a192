"""Capabilities that work on one asset at the same time never overwrite each other."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filmgate.library.jobs import Job, JobState
from filmgate.library.model import Asset
from filmgate.library.ports import Library
from filmgate.library.results import Result
from tests.contracts.interleaving import (
    ASSET,
    CAPABILITIES,
    Attempt,
    Catch,
    Ledger,
    Turns,
    Upload,
    Worker,
    owned_rightly,
    stored_asset,
    three_capabilities,
)
from tests.memory import MemoryLibrary

TENANT = "acme"

attempts = st.builds(
    Attempt,
    tenant=st.just(TENANT),
    wanted=st.frozensets(st.sampled_from(CAPABILITIES), min_size=1),
    ending=st.integers(0, 3),
    times=st.integers(1, 2),
    dies=st.booleans(),
)
uploads = st.builds(Upload, tenant=st.just(TENANT), name=st.sampled_from(["v2", "v3"]))
catches = st.just(Catch(TENANT))
workers = st.lists(attempts | attempts | uploads | catches, min_size=2, max_size=6)

Records = dict[tuple[str, ...], Asset | Job | Result]


class Watch:
    """Compares what is stored before and after each storage call."""

    def __init__(self, library: MemoryLibrary) -> None:
        self._library = library
        self._before = self._records()
        self.ledger = Ledger(TENANT)

    def after(self, name: str, args: tuple[Any, ...], answer: Any) -> None:
        self.ledger.note(name, args, answer)
        before, self._before = self._before, self._records()
        assert before.keys() <= self._before.keys(), "nothing vanishes"
        changed = {k: v for k, v in self._before.items() if before.get(k) != v}
        for key, record in changed.items():
            old = before.get(key)
            assert record.version == (old.version if old else 0) + 1
            assert not isinstance(old, Job) or old.state is JobState.RUNNING, "an end stands"
        self._only_own(name, args, [r for r in changed.values() if isinstance(r, Result)])
        for record in self._before.values():
            if isinstance(record, Result):
                owned_rightly(record, self._library.job(TENANT, record.job_id))

    def _only_own(self, name: str, args: tuple[Any, ...], results: list[Result]) -> None:
        """Only a begin and an end change results, and those of their own capabilities alone."""
        if name == "begin":
            owners = {job.capability: job.job_id for job in args[1]}
        elif name == "end":
            owners = {args[0].capability: args[0].job_id}
        else:
            owners = {}
        for result in results:
            assert owners[result.capability] == result.job_id

    def _records(self) -> Records:
        library = self._library
        return {
            **{("asset", *key): asset for key, asset in library._assets.items()},
            **{("job", *key): job for key, job in library._jobs.items()},
            **{("result", *key): result for key, result in library._results.items()},
        }


def in_turns(some: list[Worker], choose: Callable[[int], int]) -> None:
    library = MemoryLibrary()
    with three_capabilities():
        stored_asset(library, TENANT)
        watch = Watch(library)
        Turns(library, watch.after).run(some, choose)
        watch.ledger.check(library)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(some=workers, order=st.randoms(use_true_random=False))
def test_concurrent_capabilities_never_overwrite_each_other(
    some: list[Worker], order: random.Random
) -> None:
    in_turns(some, order.randrange)


@pytest.mark.parametrize("seed", range(30))
def test_of_several_that_end_one_job_one_does(seed: int) -> None:
    """A step that is repeated while it still runs, at every point of it."""
    library = MemoryLibrary()
    with three_capabilities():
        stored_asset(library, TENANT)
        Attempt(TENANT, frozenset(CAPABILITIES), dies=True)(library)
        ended: list[str] = []

        def note(name: str, args: tuple[Any, ...], answer: Any) -> None:
            if name == "end" and answer:
                ended.append(args[0].capability)

        Turns(library, note).run([Catch(TENANT)] * 3, random.Random(seed).randrange)
    assert len(ended) == len(set(ended)) == 2
    for result in library.results(TENANT, ASSET):
        owned_rightly(result, library.job(TENANT, result.job_id))


def test_the_watch_sees_a_worker_that_overwrites() -> None:
    """A library that stores ends whatever was read would be caught."""

    class Careless(MemoryLibrary):
        def end(self, job: Job, result: Result | None) -> bool:
            for record in (job, result):
                if record is not None:
                    self.save(record)
            return True

    def overwritten(seed: int) -> bool:
        library = Careless()
        some: list[Worker] = [
            Attempt(TENANT, frozenset(CAPABILITIES), ending=number) for number in range(2)
        ]
        stored_asset(library, TENANT)
        watch = Watch(library)
        try:
            Turns(library, watch.after).run([*some, Catch(TENANT)], random.Random(seed).randrange)
            watch.ledger.check(library)
        except AssertionError:
            return True
        return False

    with three_capabilities():
        assert any(overwritten(seed) for seed in range(20))


def test_a_library_is_what_the_turns_hand_out() -> None:
    seen: list[str] = []
    library: Library = MemoryLibrary()
    stored_asset(library, TENANT)

    def read(stepped: Library) -> None:
        stepped.results(TENANT, ASSET)

    Turns(library, lambda name, *_: seen.append(name)).run([read] * 2, lambda _: 0)
    assert seen == ["results", "results"]
