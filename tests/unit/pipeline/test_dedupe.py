"""Finding copies: what is compared, what is left out, and what a later run changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from filmgate.dedupe.engine import SPEC
from filmgate.dedupe.fingerprint import engine
from filmgate.dedupe.matching.groups import groups
from filmgate.dedupe.matching.settings import Boundaries, MatchSettings
from filmgate.dedupe.records import verdict_of
from filmgate.library.jobs import JobState
from filmgate.library.matches import Match
from filmgate.library.model import Asset, AssetStatus
from filmgate.media.model import MediaKind
from filmgate.pipeline import dedupe
from filmgate.pipeline.artifacts import fingerprint_address
from filmgate.pipeline.budget import BudgetSettings
from filmgate.pipeline.ingest import ingest
from filmgate.pipeline.state import RunState
from tests.unit.pipeline.flow import TENANT, Flow, picture


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(tmp_path)


def matches(flow: Flow) -> list[Match]:
    return flow.library.list_matches(TENANT, limit=99, cursor=None).items


def address_of(asset: Asset) -> str:
    return fingerprint_address(TENANT, str(asset.sha256), engine.ENGINE)


def test_two_that_arrive_together_find_each_other(flow: Flow) -> None:
    """Both are derived before either is compared."""
    first, _ = flow.upload("a.jpg", picture(1))
    second, _ = flow.upload("b.jpg", picture(1, side=160))
    work = [flow.derive(flow.state(asset)).work[0] for asset in (first, second)]
    for job in work:
        flow.run_job(job)
    found = [flow.result(asset).summary["candidates"] for asset in (first, second)]
    assert found == [0, 1]
    assert len(flow.library.matches_of(TENANT, first.asset_id, limit=9, cursor=None).items) == 1


def test_a_damaged_candidate_costs_only_itself(flow: Flow) -> None:
    copies = [flow.upload(f"{n}.jpg", picture(1, side=96 + n))[0] for n in range(3)]
    for asset in copies:
        flow.run(asset)
    key = address_of(copies[1])
    flow.objects.put("artifacts", key, flow.objects.get("artifacts", key)[:40], "x/y")
    last, _ = flow.upload("last.jpg", picture(1, side=160))
    counts = flow.dedupe(last)
    assert (counts["candidates"], counts["damaged"], counts["matches"]) == (3, 1, 2)
    assert (counts["outdated"], counts["uncompared"]) == (0, 0)
    assert flow.record(last).status is AssetStatus.DONE
    touched = {side for match in matches(flow) for side in (match.a, match.b)}
    assert touched == {asset.asset_id for asset in (*copies, last)}, "matches of before stay"


def test_a_candidate_without_a_fingerprint_of_this_engine_counts_as_outdated(flow: Flow) -> None:
    first, _ = flow.upload("a.jpg", picture(1))
    flow.run(first)
    flow.objects.remove("artifacts", address_of(first))
    second, _ = flow.upload("b.jpg", picture(1, side=160))
    counts = flow.dedupe(second)
    assert (counts["candidates"], counts["outdated"], counts["matches"]) == (1, 1, 0)
    assert flow.record(second).status is AssetStatus.DONE


def test_an_engine_bump_leaves_old_assets_until_they_run_again(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [flow.upload(f"{n}.jpg", picture(1, side=96 + n))[0] for n in range(2)]
    for asset in old:
        flow.run(asset)
    (before,) = matches(flow)
    bump(monkeypatch)
    new, _ = flow.upload("new.jpg", picture(1, side=160))
    counts = flow.dedupe(new)
    assert (counts["candidates"], counts["outdated"], counts["matches"]) == (2, 2, 0)
    assert matches(flow) == [before]
    for asset in old:
        flow.again(asset)
        assert flow.run(asset).status is AssetStatus.DONE
        record = flow.record(asset)
        assert [result.engine for result in record.results] == [
            "filmgate-dedupe/4.5",
            "filmgate-dedupe/99.5",
        ]
        assert [result.attempt for result in record.results] == [1, 1]
        assert [result.engine for result in record.current] == ["filmgate-dedupe/99.5"]
    assert len(matches(flow)) == 3, "all pairs are found again"
    assert flow.library.match(TENANT, before.match_id).created_at == before.created_at


def bump(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fingerprint has another version, and with it the engine."""
    spec = SPEC.model_copy(update={"version": "99.5"})
    monkeypatch.setattr("filmgate.dedupe.engine.SPEC", spec)
    monkeypatch.setattr(dedupe.DedupeEngine, "spec", spec)
    monkeypatch.setattr(engine, "ENGINE", "filmgate-fingerprint/99")


def test_a_done_asset_runs_again_and_says_the_same(flow: Flow) -> None:
    first, _ = flow.upload("a.jpg", picture(1))
    flow.run(first)
    second, _ = flow.upload("b.jpg", picture(1, side=160))
    flow.run(second)
    before, said = matches(flow), flow.result(second)
    for asset in (second, first):
        flow.again(asset)
        assert flow.record(asset).status is AssetStatus.PROCESSING
        assert flow.result(asset).summary == (said.summary if asset is second else {
            **said.summary, "candidates": 0, "matches": 0,
        }), "the last result stays until there is another"  # fmt: skip
        assert flow.run(asset).status is AssetStatus.DONE
        assert (flow.job(asset).attempt, flow.result(asset).attempt) == (2, 2)
    after = matches(flow)
    assert [match.payload for match in after] == [match.payload for match in before]
    assert after[0].created_at == before[0].created_at


def test_a_job_that_ended_is_not_run_twice(flow: Flow) -> None:
    """An Express workflow may start twice."""
    asset, _ = flow.upload("a.jpg", picture(1))
    done = flow.run(asset)
    flow.objects.remove("artifacts", address_of(asset))
    (job,) = flow.state(asset).work
    assert flow.run_job(job).state is JobState.SUCCEEDED, "and needs nothing to say so"
    assert flow.record(asset) == done


def test_a_job_run_again_continues_at_its_comparisons(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker died between comparing and deciding."""
    flow.run(flow.upload("a.jpg", picture(1))[0])
    asset, _ = flow.upload("b.jpg", picture(1, side=160))
    (job,) = flow.derive(flow.state(asset)).work

    def die(*_: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(dedupe.DedupeEngine, "_decide", die)
        with pytest.raises(MemoryError):
            flow.run_job(job)
    assert flow.job(asset).state is JobState.RUNNING
    monkeypatch.setattr(dedupe, "compare", None)
    assert flow.run_job(job).state is JobState.SUCCEEDED
    assert flow.result(asset).summary["matches"] == len(matches(flow)) == 1


def test_a_pair_that_differs_in_a_later_run_is_no_match_any_longer(flow: Flow) -> None:
    """Three copies are one group; by stricter settings one of them is not a copy of either."""
    first, _ = flow.upload("a.jpg", picture(1))
    second, _ = flow.upload("b.jpg", picture(1))
    third, _ = flow.upload("c.jpg", picture(1, side=64, quality=30))
    for asset in (first, second, third):
        flow.run(asset)

    def grouped() -> list[list[str]]:
        return [sorted(g) for g in groups((m.a, m.b, verdict_of(m)) for m in matches(flow))]

    assert grouped() == [sorted(a.asset_id for a in (first, second, third))]
    strict = flow.stricter(MatchSettings(image=Boundaries(exact=1.0, near=1.0, similar=1.0)))
    withdrawn = []
    for _ in range(2):
        flow.again(third)
        withdrawn.append(flow.dedupe(third, strict)["withdrawn"])
    assert withdrawn == [2, 0]
    assert grouped() == [sorted((first.asset_id, second.asset_id))]
    assert flow.library.matches_of(TENANT, third.asset_id, limit=9, cursor=None).items == []
    flow.again(third)
    flow.run(third)
    assert len(flow.library.matches_of(TENANT, third.asset_id, limit=9, cursor=None).items) == 2


def test_tenants_do_not_match_each_other(flow: Flow) -> None:
    first, _ = flow.upload("a.jpg", picture(1))
    flow.run(first)
    receipt = ingest(flow.ingesting, flow.put("raw/rival/a.jpg", picture(1)))
    _, payload = flow.workflows.started[str(receipt.run_id)]
    record = flow.work(RunState.model_validate(payload))
    assert (record.asset.tenant, record.status) == ("rival", AssetStatus.DONE)
    assert record.current[0].summary["candidates"] == 0
    assert matches(flow) == []


def test_no_candidate_is_fetched_once_the_time_is_over(flow: Flow) -> None:
    for name in "abc":
        flow.run(flow.upload(f"{name}.jpg", picture(1))[0])
    asset, _ = flow.upload("d.jpg", picture(1, side=160))
    counts = flow.dedupe(asset, replace(flow.deduping, clock=clock(0.0, 1.0, 99.0)))
    assert (counts["candidates"], counts["matches"], counts["uncompared"]) == (3, 1, 2)
    assert flow.record(asset).status is AssetStatus.DONE


def clock(*ticks: float) -> Callable[[], float]:
    """A clock that is read so often at most."""
    times: Iterator[float] = iter(ticks)
    return lambda: next(times)


@pytest.mark.parametrize(
    ("remaining_s", "searching_s", "compared"),
    [(300.0, 0.0, 2), (300.0, 19.0, 2), (300.0, 21.0, 0), (30.0, 9.0, 2), (30.0, 11.0, 0),
     (20.0, 0.0, 0), (5.0, 0.0, 0)],
)  # fmt: skip
def test_the_deadline_covers_search_and_comparison(
    flow: Flow, remaining_s: float, searching_s: float, compared: int
) -> None:
    """A picture has 20 s, and 20 s of the function's time are kept for decisions and records."""
    for name in "ab":
        flow.run(flow.upload(f"{name}.jpg", picture(1))[0])
    asset, _ = flow.upload("c.jpg", picture(1, side=160))
    (job,) = flow.derive(flow.state(asset)).work
    time = [0.0]

    class Slow:
        def add(self, *given: Any) -> None:
            flow.index.add(*given)

        def search(self, *given: Any, **named: Any) -> Any:
            time[0] += searching_s
            return flow.index.search(*given, **named)

        def compact(self, tenant: str) -> int:
            return flow.index.compact(tenant)

        def remove(self, *given: Any) -> None:
            flow.index.remove(*given)

        def compaction_due(self, tenant: str) -> bool:
            return flow.index.compaction_due(tenant)

    slow = replace(flow.deduping, index=Slow(), clock=lambda: time[0])
    flow.run_job(job, slow, lambda: remaining_s)
    summary = flow.result(asset).summary
    assert (summary["matches"], summary["uncompared"]) == (compared, 2 - compared)


def test_the_time_to_compare_is_a_setting(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILMGATE_MATCH_BUDGET", '{"image_s": 0.5, "other_s": 7}')
    budget = BudgetSettings().match_budget
    assert (budget.seconds(MediaKind.VIDEO), budget.seconds(MediaKind.AUDIO)) == (7.0, 7.0)
    flow.run(flow.upload("a.jpg", picture(1))[0])
    asset, _ = flow.upload("b.jpg", picture(1, side=160))
    for ticks, reached in (((0.0, 0.4), 1), ((0.0, 0.6), 0)):
        engine_in_time = replace(flow.deduping, budget=budget, clock=clock(*ticks))
        assert flow.dedupe(asset, engine_in_time)["matches"] == reached
        flow.again(asset)
    monkeypatch.setenv("FILMGATE_MATCH_BUDGET", '{"image_s": 0}')
    with pytest.raises(ValidationError):
        BudgetSettings()
