"""From a received file to its matches."""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from filmgate.dedupe.fingerprint import codec, engine
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.index.settings import IndexSettings
from filmgate.dedupe.matching.groups import groups
from filmgate.dedupe.matching.model import MatchClass
from filmgate.dedupe.matching.settings import Boundaries, MatchSettings
from filmgate.errors import TransientError
from filmgate.library.model import AssetStatus, JobStatus
from filmgate.media.model import MediaKind
from filmgate.media.tiles import TileIndex
from filmgate.pipeline.decide import DecideDeps, decide
from filmgate.pipeline.match import MatchDeps, match
from filmgate.pipeline.state import Failure, Matched, ToMatch
from filmgate.settings import BudgetSettings
from tests import media_factory
from tests.memory import MemoryDeltaStore, MemorySegmentStore
from tests.unit.pipeline.flow import TENANT, Flow, picture


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(tmp_path)


def test_copies_become_matches_and_others_do_not(flow: Flow) -> None:
    for path, body in (
        ("a.jpg", picture(1)),
        ("b.jpg", picture(1, side=160, quality=80)),
        ("c.jpg", picture(2)),
    ):
        asset, _ = flow.upload(path, body)
        assert flow.run(asset).status is AssetStatus.DONE
    (match,) = flow.library.list_matches(TENANT, limit=9, cursor=None).items
    paths = {flow.library.asset(TENANT, side).path for side in (match.a, match.b)}
    assert paths == {"a.jpg", "b.jpg"}
    assert match.a < match.b
    assert match.verdict.match_class in {MatchClass.EXACT, MatchClass.NEAR}
    assert match.verdict.pairs


def test_the_artefacts_are_beside_each_other(flow: Flow) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    flow.run(asset)
    asset = flow.library.asset(TENANT, asset.asset_id)
    assert asset.fingerprint_key is not None
    folder = f"artifacts/{TENANT}/{asset.sha256}/fingerprint/{engine.ENGINE}"
    assert asset.fingerprint_key == f"{folder}/fingerprint.npz"
    assert asset.tiles_key == f"{folder}/tiles.jpg"
    assert asset.engine == engine.ENGINE
    stored = codec.loads(flow.objects.get("artifacts", asset.fingerprint_key))
    assert stored.sha256 == asset.sha256
    TileIndex.model_validate_json(flow.objects.get("artifacts", f"{folder}/tiles.json"))
    export = json.loads(flow.objects.get("artifacts", f"{folder}/pdq.json"))
    assert export["engine"] == engine.ENGINE
    assert len(export["frames"][0]["pdq"]) == 64


def test_the_same_content_is_decoded_once(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    body = picture(1)
    first, _ = flow.upload("a.jpg", body)
    flow.run(first)
    monkeypatch.setattr(engine, "fingerprint", None)
    second, _ = flow.upload("b.jpg", body)
    assert flow.run(second).matches == 1
    (match,) = flow.library.list_matches(TENANT, limit=9, cursor=None).items
    assert match.verdict.transform.identical_bytes


def test_a_film_cut_short_is_accepted_with_how_much_was_decoded(flow: Flow, tmp_path: Path) -> None:
    whole, _ = flow.upload("whole.mp4", media_factory.video(tmp_path / "a.mp4").read_bytes())
    half = media_factory.cut_in_half_index_first(tmp_path).read_bytes()
    # The second takes the fingerprint of the first.
    cut = [flow.upload(path, half)[0] for path in ("half.mp4", "again.mp4")]
    for asset in (whole, *cut):
        assert flow.run(asset).status is AssetStatus.DONE
    assert flow.library.asset(TENANT, whole.asset_id).notes == ()
    for asset in cut:
        note = flow.library.asset(TENANT, asset.asset_id).notes[0]
        told = re.search(r"ends early .*: (\S+) of (\S+) s could be decoded", note)
        assert told
        assert 3 < float(told[1]) < 9
        assert float(told[2]) == pytest.approx(12, abs=0.2)


def test_a_damaged_artefact_is_made_again(flow: Flow) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    carried = flow.fingerprint(flow.state(asset))
    whole = flow.objects.get("artifacts", carried["fingerprint_key"])
    flow.objects.put("artifacts", carried["fingerprint_key"], whole[:40], "x/y")
    flow.fingerprint(flow.state(asset))
    assert flow.objects.get("artifacts", carried["fingerprint_key"]) == whole


def test_two_that_arrive_together_find_each_other(flow: Flow) -> None:
    """Each step of both, in every order in which one may come before the other's."""
    first, _ = flow.upload("a.jpg", picture(1))
    second, _ = flow.upload("b.jpg", picture(1, side=160))
    one, two = flow.fingerprint(flow.state(first)), flow.fingerprint(flow.state(second))
    # The records of both may lag behind the index: as if neither had named its fingerprint yet.
    flow.library.save(first)
    flow.library.save(second)
    one, two = flow.match(one), flow.match(two)
    assert one["candidates"] + two["candidates"] >= 1
    flow.finish(flow.decide(one))
    flow.finish(flow.decide(two))
    assert len(flow.library.matches_of(TENANT, first.asset_id, limit=9, cursor=None).items) == 1


def test_a_candidate_that_vanished_is_passed_over(flow: Flow) -> None:
    first, _ = flow.upload("a.jpg", picture(1))
    carried = flow.fingerprint(flow.state(first))
    flow.match(carried)
    flow.objects.remove("artifacts", carried["fingerprint_key"])
    second, _ = flow.upload("b.jpg", picture(1, side=160))
    ended = flow.run(second)
    assert (ended.status, ended.matches) == (AssetStatus.DONE, 0)


def test_steps_run_twice_change_nothing(flow: Flow) -> None:
    first, _ = flow.upload("a.jpg", picture(1))
    flow.run(first)
    second, _ = flow.upload("b.jpg", picture(1, side=160))
    flow.run(second)
    before = flow.library.list_matches(TENANT, limit=9, cursor=None).items
    flow.run(second)
    flow.run(first)
    after = flow.library.list_matches(TENANT, limit=9, cursor=None).items
    assert [match.verdict for match in after] == [match.verdict for match in before]
    assert after[0].created_at == before[0].created_at


def test_a_pair_that_differs_in_a_later_run_is_no_match_any_longer(flow: Flow) -> None:
    """Three copies are one group; by stricter settings one of them is no copy of either."""
    first, _ = flow.upload("a.jpg", picture(1))
    second, _ = flow.upload("b.jpg", picture(1))
    third, _ = flow.upload("c.jpg", picture(1, side=64, quality=30))
    for asset in (first, second, third):
        flow.run(asset)

    def grouped() -> list[list[str]]:
        matches = flow.library.list_matches(TENANT, limit=9, cursor=None).items
        return [sorted(g) for g in groups((m.a, m.b, m.verdict) for m in matches)]

    assert grouped() == [sorted(a.asset_id for a in (first, second, third))]
    strict = Boundaries(exact=1.0, near=1.0, similar=1.0)
    deps = DecideDeps(flow.library, flow.objects, MatchSettings(image=strict))
    carried = Matched.model_validate(flow.match(flow.fingerprint(flow.state(third))))
    assert [decide(deps, carried).withdrawn for _ in range(2)] == [2, 0]
    assert grouped() == [sorted((first.asset_id, second.asset_id))]
    assert flow.library.matches_of(TENANT, third.asset_id, limit=9, cursor=None).items == []
    flow.run(third)
    assert len(flow.library.matches_of(TENANT, third.asset_id, limit=9, cursor=None).items) == 2


def test_tenants_do_not_match_each_other(flow: Flow) -> None:
    first, _ = flow.upload("a.jpg", picture(1))
    carried = flow.fingerprint(flow.state(first))
    flow.match(carried)
    assert flow.match(carried | {"tenant": "other"})["candidates"] == 0


def test_a_file_deleted_meanwhile_is_refused(flow: Flow) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    flow.objects.remove("raw", asset.key)
    ended = flow.run(asset)
    assert (ended.status, ended.reason_code) == (AssetStatus.REFUSED, "gone")
    job = flow.library.job(TENANT, str(asset.job_id))
    assert job.status is JobStatus.SUCCEEDED


def test_a_file_that_changed_meanwhile_is_refused(flow: Flow) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    flow.put(asset.key, picture(2))
    flow.library.save(asset.model_copy(update={"version_id": None}))
    assert flow.run(asset).reason_code == "changed"


def test_content_that_cannot_be_decoded_is_refused(flow: Flow) -> None:
    out = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(out, "PNG")
    start = out.getvalue().index(b"IDAT") + 8
    body = out.getvalue()[:start] + b"\0" * 2000 + out.getvalue()[start + 2000 :]
    asset, _ = flow.upload("a.png", body)
    assert asset.status is AssetStatus.PROCESSING, "its head is good"
    ended = flow.run(asset)
    assert (ended.status, ended.reason_code) == (AssetStatus.REFUSED, "damaged")
    assert flow.library.asset(TENANT, asset.asset_id).reason


@pytest.mark.parametrize(
    ("failure", "code", "told"),
    [
        (Failure(name="States.Timeout"), "timed_out", "longer"),
        (
            Failure(name="TransientError", cause='{"errorMessage": "S3 did not answer"}'),
            "failed",
            "TransientError: S3 did not answer",
        ),
        (Failure(name="Boom", cause="not json"), "failed", "Boom: not json"),
        (Failure(name="Boom", cause="[1]"), "failed", "Boom: [1]"),
        (Failure(name="Boom", cause="x" * 9999), "failed", "Boom"),
    ],
)
def test_a_fault_is_recorded_in_plain_words(
    flow: Flow, failure: Failure, code: str, told: str
) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    state = flow.state(asset).model_dump()
    flow.finish(state | {"outcome": "failed", "error": failure.model_dump()})
    failed = flow.library.asset(TENANT, asset.asset_id)
    assert (failed.status, failed.reason_code) == (AssetStatus.FAILED, code)
    assert failed.reason is not None
    assert told in failed.reason
    assert len(failed.reason) < 500
    job = flow.library.job(TENANT, str(asset.job_id))
    assert (job.status, job.error) == (JobStatus.FAILED, failed.reason)


def test_an_old_run_does_not_end_a_later_one(flow: Flow) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    state = flow.state(asset).model_dump()
    flow.library.save(asset.model_copy(update={"job_id": f"{asset.asset_id}-2"}))
    flow.finish(state | {"outcome": "failed"})
    assert flow.library.asset(TENANT, asset.asset_id).status is AssetStatus.PROCESSING


def test_a_failure_that_comes_late_does_not_undo_the_end(flow: Flow) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    state = flow.state(asset).model_dump()
    flow.finish(state | {"outcome": "ok", "matches": 0})
    late = Failure(name="States.Timeout", cause="")
    told = flow.finish(state | {"outcome": "failed", "error": late.model_dump()})
    assert told.status is AssetStatus.DONE
    assert flow.library.asset(TENANT, asset.asset_id).status is AssetStatus.DONE
    assert flow.library.job(TENANT, str(asset.job_id)).status is JobStatus.SUCCEEDED


def test_comparing_stops_in_time_and_says_so(flow: Flow) -> None:
    for name in "abc":
        flow.run(flow.upload(f"{name}.jpg", picture(1))[0])
    asset, _ = flow.upload("d.jpg", picture(1, side=160))
    carried = flow.fingerprint(flow.state(asset))
    ticks = iter((0.0, 1.0, 99.0))
    deps = MatchDeps(flow.library, flow.objects, flow.index, clock=lambda: next(ticks))
    matched = match(deps, ToMatch.model_validate(carried))
    assert (matched.candidates, matched.passed_over) == (1, 2)
    carried |= matched.model_dump(mode="json")
    flow.finish(flow.decide(carried))
    assert flow.library.asset(TENANT, asset.asset_id).passed_over == 2
    assert flow.library.job(TENANT, str(asset.job_id)).passed_over == 2


@pytest.mark.parametrize("fails", [False, True])
def test_one_match_in_eight_asks_for_a_compaction_that_is_due(
    flow: Flow, tmp_path: Path, fails: bool
) -> None:
    calls: list[list[str]] = []

    class Requests:
        def request(self, tenants: Sequence[str]) -> None:
            calls.append(list(tenants))
            if fails:
                raise TransientError("throttled")

    delta, segments = MemoryDeltaStore(), MemorySegmentStore()
    rule = IndexSettings(compact_entries=3)
    index = SegmentIndex(delta, segments, rule, cache_dir=tmp_path / "own")
    deps = MatchDeps(flow.library, flow.objects, index, compactions=Requests())
    asset, _ = flow.upload("a.jpg", picture(1))
    state = ToMatch.model_validate(flow.fingerprint(flow.state(asset)))
    asks = [name for name in (f"asset-{i}" for i in range(99)) if not zlib.crc32(name.encode()) % 8]
    others = [name for name in (f"asset-{i}" for i in range(99)) if zlib.crc32(name.encode()) % 8]
    for name in (asks[0], others[0]):
        match(deps, state.model_copy(update={"asset_id": name}))
    assert calls == [], "two entries are too few"
    match(deps, state.model_copy(update={"asset_id": others[1]}))
    assert calls == [], "it is due, and this asset does not check"
    match(deps, state.model_copy(update={"asset_id": asks[1]}))
    assert calls == [[TENANT]]


def test_the_time_to_compare_is_a_setting(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILMGATE_MATCH_BUDGET", '{"image_s": 0.5, "other_s": 7}')
    budget = BudgetSettings().match_budget
    assert (budget.seconds(MediaKind.VIDEO), budget.seconds(MediaKind.AUDIO)) == (7.0, 7.0)
    flow.run(flow.upload("a.jpg", picture(1))[0])
    asset, _ = flow.upload("b.jpg", picture(1, side=160))
    carried = flow.fingerprint(flow.state(asset))
    for ticks, reached in (((0.0, 0.4), 1), ((0.0, 0.6), 0)):
        clock = partial(next, iter(ticks))
        deps = MatchDeps(flow.library, flow.objects, flow.index, budget, clock=clock)
        assert match(deps, ToMatch.model_validate(carried)).candidates == reached
    monkeypatch.setenv("FILMGATE_MATCH_BUDGET", '{"image_s": 0}')
    with pytest.raises(ValidationError):
        BudgetSettings()


def test_a_job_that_ended_while_its_file_was_decoded_stays_ended(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    state = flow.state(asset)
    whole = engine.fingerprint

    def slow(*given: Any, **named: Any) -> Any:
        late = Failure(name="States.Timeout", cause="")
        flow.finish(state.model_dump() | {"outcome": "failed", "error": late.model_dump()})
        return whole(*given, **named)

    monkeypatch.setattr(engine, "fingerprint", slow)
    flow.fingerprint(state)
    assert flow.library.asset(TENANT, asset.asset_id).status is AssetStatus.FAILED


def test_an_end_overwrites_no_other_writer(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record changes between the read and the write of the last step: both stay."""
    asset, _ = flow.upload("a.jpg", picture(1))
    read = flow.library.asset

    def meanwhile(tenant: str, asset_id: str) -> Any:
        monkeypatch.setattr(flow.library, "asset", read)
        known = read(tenant, asset_id)
        assert flow.library.replace(known, known.changed(engine="e/1"))
        return known

    monkeypatch.setattr(flow.library, "asset", meanwhile)
    flow.finish(flow.state(asset).model_dump() | {"outcome": "ok", "matches": 0})
    ended = flow.library.asset(TENANT, asset.asset_id)
    assert (ended.status, ended.engine) == (AssetStatus.DONE, "e/1")
