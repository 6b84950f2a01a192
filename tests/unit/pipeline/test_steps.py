"""From an ingested file to its matches."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from filmgate.dedupe.engine import SPEC
from filmgate.dedupe.fingerprint import codec, engine
from filmgate.dedupe.matching.model import MatchClass, Verdict
from filmgate.dedupe.records import verdict_of
from filmgate.engines import registry
from filmgate.library.jobs import JobState, Progress
from filmgate.library.matches import Match
from filmgate.library.model import AssetStatus
from filmgate.library.results import ResultState
from filmgate.media.storyboard import StoryboardIndex
from filmgate.pipeline.artifacts import check_needs
from filmgate.pipeline.state import Outcome
from tests import media_factory
from tests.unit.pipeline.flow import TENANT, Flow, picture


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(tmp_path)


def matches(flow: Flow) -> list[Match]:
    return flow.library.list_matches(TENANT, limit=99, cursor=None).items


def verdicts(flow: Flow) -> list[Verdict]:
    return [verdict_of(match) for match in matches(flow)]


def test_copies_become_matches_and_others_do_not(flow: Flow) -> None:
    for path, body in (
        ("a.jpg", picture(1)),
        ("b.jpg", picture(1, side=160, quality=80)),
        ("c.jpg", picture(2)),
    ):
        asset, _ = flow.upload(path, body)
        assert flow.run(asset).status is AssetStatus.DONE
    (match,) = matches(flow)
    paths = {flow.library.asset(TENANT, side).path for side in (match.a, match.b)}
    assert paths == {"a.jpg", "b.jpg"}
    assert match.a < match.b
    verdict = verdict_of(match)
    assert verdict.match_class in {MatchClass.EXACT, MatchClass.NEAR}
    assert verdict.pairs
    assert (match.capability, match.label) == ("dedupe", verdict.match_class.value)
    assert (match.score, match.probability) == (verdict.score, verdict.probability)


def test_a_match_of_another_capability_has_no_verdict(flow: Flow) -> None:
    for path in ("a.jpg", "b.jpg"):
        flow.run(flow.upload(path, picture(1))[0])
    (match,) = matches(flow)
    with pytest.raises(ValueError, match="faces"):
        verdict_of(match.model_copy(update={"capability": "faces"}))


def test_the_artifacts_are_beside_each_other(flow: Flow) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    flow.run(asset)
    result = flow.result(asset)
    folder = f"artifacts/{TENANT}/{asset.sha256}/fingerprint/{engine.ENGINE}"
    comparisons = result.artifacts["comparisons"]
    assert result.artifacts == {
        "fingerprint": f"{folder}/fingerprint.npz",
        "pdq.json": f"{folder}/pdq.json",
        "tiles.jpg": f"{folder}/tiles.jpg",
        "tiles.json": f"{folder}/tiles.json",
        "comparisons": comparisons,
    }
    assert comparisons.endswith(f"/{result.job_id}.json")
    stored = codec.loads(flow.objects.get("artifacts", result.artifacts["fingerprint"]))
    assert stored.sha256 == asset.sha256
    StoryboardIndex.model_validate_json(flow.objects.get("artifacts", f"{folder}/tiles.json"))
    export = json.loads(flow.objects.get("artifacts", f"{folder}/pdq.json"))
    assert export["engine"] == engine.ENGINE
    assert len(export["frames"][0]["pdq"]) == 64


def test_a_job_tells_how_far_it_is_and_how_it_ended(flow: Flow) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    (job,) = flow.derive(flow.state(asset)).work
    assert flow.job(asset).progress == Progress(step="derive", share=0.0)
    ended = flow.run_job(job)
    assert (ended.state, ended.progress, ended.error) == (JobState.SUCCEEDED, None, None)
    assert ended.finished_at is not None
    assert ended.seconds == (ended.finished_at - ended.started_at).total_seconds()
    assert flow.result(asset).seconds == ended.seconds


def test_the_same_content_is_decoded_once(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    body = picture(1)
    first, _ = flow.upload("a.jpg", body)
    flow.run(first)
    monkeypatch.setattr(engine, "fingerprint", None)
    second, _ = flow.upload("b.jpg", body)
    flow.run(second)
    assert flow.result(second).summary["matches"] == 1
    (verdict,) = verdicts(flow)
    assert verdict.transform.identical_bytes


def test_a_film_cut_short_is_accepted_with_how_much_was_decoded(flow: Flow, tmp_path: Path) -> None:
    whole, _ = flow.upload("whole.mp4", media_factory.video(tmp_path / "a.mp4").read_bytes())
    half = media_factory.cut_in_half_index_first(tmp_path).read_bytes()
    # The second takes the fingerprint of the first.
    cut = [flow.upload(path, half)[0] for path in ("half.mp4", "again.mp4")]
    for asset in (whole, *cut):
        assert flow.run(asset).status is AssetStatus.DONE
    assert flow.record(whole).notes == ()
    for asset in cut:
        note = flow.record(asset).notes[0]
        found = re.search(r"ends early .*: (\S+) of (\S+) s could be decoded", note)
        assert found
        assert 3 < float(found[1]) < 9
        assert float(found[2]) == pytest.approx(12, abs=0.2)


def test_a_damaged_artifact_is_made_again(flow: Flow) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    key = flow.derive(flow.state(asset)).work[0].artifacts["fingerprint"]
    whole = flow.objects.get("artifacts", key)
    flow.objects.put("artifacts", key, whole[:40], "x/y")
    flow.derive(flow.state(asset))
    assert flow.objects.get("artifacts", key) == whole


def test_a_refusal_while_deriving_ends_all_jobs(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    shots = SPEC.model_copy(update={"capability": "shots", "name": "shots", "runner": "engine"})
    monkeypatch.setattr(registry, "specs", lambda: (SPEC, shots))
    asset, _ = flow.upload("a.jpg", picture(1))
    flow.objects.remove("raw", asset.key)
    derived = flow.derive(flow.state(asset))
    assert (derived.outcome, derived.reason_code, derived.work) == (Outcome.REFUSED, "gone", ())
    record = flow.record(asset)
    assert (record.status, record.reason_code) == (AssetStatus.REFUSED, "gone")
    assert [result.state for result in record.results] == [ResultState.REFUSED] * 2
    jobs = flow.library.list_jobs(TENANT, limit=9, cursor=None).items
    assert [job.state for job in jobs] == [JobState.REFUSED] * 2
    assert [job.error for job in jobs] == [None] * 2
    assert flow.derive(flow.state(asset)).outcome is Outcome.REFUSED, "and may be refused again"


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
    assert flow.record(asset).status is AssetStatus.PROCESSING, "its head is good"
    ended = flow.run(asset)
    assert (ended.status, ended.reason_code) == (AssetStatus.REFUSED, "damaged")
    assert ended.reason


def test_every_need_of_an_engine_is_known() -> None:
    for spec in registry.specs():
        check_needs(spec)
