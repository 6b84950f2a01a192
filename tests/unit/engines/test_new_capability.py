"""A capability is one folder with an engine, and one line in the registry."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from filmgate.engines import registry
from filmgate.errors import FilmgateError
from filmgate.library.model import AssetStatus
from filmgate.library.results import Finding, ResultState
from filmgate.pipeline import derive as deriving
from filmgate.sandbox.port import Reading
from tests.unit.api.world import World
from tests.unit.functions.context import Context
from tests.unit.pipeline.flow import TENANT, Flow, picture

ENGINE = '''
"""Says of every picture that nothing was found in it."""

from filmgate.engines.spec import EngineInput, EngineOutput, EngineSpec
from filmgate.errors import EngineUnavailable
from filmgate.library.results import Finding
from filmgate.media.model import MediaKind

SPEC = EngineSpec(
    capability="nothing",
    name="do-nothing",
    version="{version}",
    accepts=frozenset({{MediaKind.IMAGE}}),
    needs={needs},
)


class DoNothing:
    spec = SPEC

    def run(self, given: EngineInput) -> EngineOutput:
        width = given.asset.info.width
        seen = Finding(label="nothing", score=1.0, text=f"{{width}} pixels wide")
        summary = {{"found": 1, "needs": list(given.artifacts)}}
        return EngineOutput(findings=(seen,), summary=summary)


def create() -> DoNothing:
    if {broken}:
        raise EngineUnavailable("its weights are not installed")
    return DoNothing()
'''


class Folder:
    """A place for packages of capabilities, registered beside what there is."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._root, self._monkeypatch = root, monkeypatch
        monkeypatch.syspath_prepend(root)

    def add(
        self,
        name: str,
        *,
        needs: tuple[str, ...] = (),
        version: str = "1",
        broken: bool = False,
    ) -> None:
        """Write the package and register its engine beside what is there."""
        package = self._root / name
        package.mkdir()
        (package / "__init__.py").touch()
        source = ENGINE.format(needs=repr(needs), version=version, broken=broken)
        (package / "engine.py").write_text(source)
        importlib.invalidate_caches()
        line = f"{name}.engine"
        self._monkeypatch.setattr(registry, "ENGINES", (*registry.ENGINES, line))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    # Modules stay imported for the whole run, so each test gives its package a name of its own.
    root = tmp_path / "packages"
    root.mkdir()
    return Folder(root, monkeypatch)


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(tmp_path)


@pytest.fixture
def client(flow: Flow) -> TestClient:
    return World(library=flow.library, objects=flow.objects, workflows=flow.workflows).client(
        TENANT
    )


@pytest.fixture
def engine_function(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The function that runs every engine without storage of its own, over memory."""
    module = importlib.import_module("functions.engine.handler")
    monkeypatch.setattr(module, "_deps", lambda: flow.running)
    module._engine.cache_clear()
    yield lambda job: module.handler(job.model_dump(mode="json"), Context())
    module._engine.cache_clear()


def test_one_folder_and_one_line_are_a_capability(
    folder: Folder, flow: Flow, client: TestClient, engine_function: Any
) -> None:
    folder.add("nothing_once")
    asset, _ = flow.upload("a.jpg", picture(1))
    work = {job.capability: job for job in flow.derive(flow.state(asset)).work}
    assert set(work) == {"dedupe", "nothing"}
    assert work["nothing"].runner == "engine"
    answer = engine_function(work["nothing"])
    assert (answer["capability"], answer["state"]) == ("nothing", "succeeded")
    flow.run_job(work["dedupe"])

    shown = client.get(f"/assets/{asset.asset_id}").json()
    assert shown["status"] == "done"
    results = {result["capability"]: result for result in shown["results"]}
    assert results["nothing"]["engine"] == "do-nothing/1"
    assert results["nothing"]["summary"] == {"found": 1, "needs": []}
    key = flow.result(asset, "nothing").artifacts["findings.json"]
    assert key == f"artifacts/{TENANT}/{asset.sha256}/nothing/do-nothing/1/findings.json"
    (found,) = json.loads(flow.objects.get("artifacts", key))
    assert Finding.model_validate(found).text == "96 pixels wide"
    assert key in client.get(f"/assets/{asset.asset_id}/findings/nothing").json()["url"]
    jobs = client.get("/jobs").json()["items"]
    assert sorted(job["capability"] for job in jobs) == ["dedupe", "nothing"]
    engines = client.get("/engines").json()["engines"]
    assert {"capability": "nothing", "engine": "do-nothing/1", "reason": None} in engines

    dedupe = flow.result(asset)
    answer = client.post(f"/assets/{asset.asset_id}/analyses", json={"want": ["nothing"]})
    assert [job["attempt"] for job in answer.json()["jobs"]] == [2]
    (again,) = flow.derive(flow.state(asset)).work
    engine_function(again)
    assert flow.record(asset).status is AssetStatus.DONE
    assert (flow.result(asset, "nothing").attempt, flow.result(asset)) == (2, dedupe)


def test_an_engine_that_needs_nothing_has_nothing_derived(
    folder: Folder, flow: Flow, engine_function: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.add("nothing_needed")
    monkeypatch.setattr(registry, "ENGINES", registry.ENGINES[-1:])
    asset, _ = flow.upload("a.jpg", picture(1))
    flow.objects.remove("raw", asset.key)
    (job,) = flow.derive(flow.state(asset)).work
    assert job.artifacts == {}
    assert flow.objects.keys("artifacts") == []
    engine_function(job)
    assert flow.record(asset).status is AssetStatus.DONE


def test_an_engine_gets_what_it_needs_and_no_more(
    folder: Folder, flow: Flow, engine_function: Any
) -> None:
    folder.add("nothing_with_needs", needs=("fingerprint",))
    asset, _ = flow.upload("a.jpg", picture(1))
    made = 0
    read = flow.reader.read

    def counted(*given: Any, **options: Any) -> Reading:
        nonlocal made
        made += 1
        return read(*given, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(flow.reader, "read", counted)
        work = flow.derive(flow.state(asset)).work
    assert made == 1, "once for both engines"
    assert work[0].artifacts == work[1].artifacts
    engine_function(next(job for job in work if job.capability == "nothing"))
    needs = flow.result(asset, "nothing").summary["needs"]
    assert needs == ["fingerprint", "pdq.json", "tiles.jpg", "tiles.json"]


def test_a_need_that_nothing_makes_is_named_before_anything_starts(
    folder: Folder, flow: Flow
) -> None:
    folder.add("nothing_makes_it", needs=("fingerprint", "dreams"))
    with pytest.raises(FilmgateError, match="do-nothing/1 needs dreams, but nothing derives"):
        flow.upload("a.jpg", picture(1))
    assert flow.workflows.started == {}


def test_a_run_whose_need_is_no_longer_made_fails(
    folder: Folder, flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.add("nothing_of_frames", needs=("frames",))
    asset, _ = flow.upload("a.jpg", picture(1))
    monkeypatch.setattr(deriving, "NEEDS", frozenset({"fingerprint"}))
    with pytest.raises(FilmgateError, match="nothing derives frames"):
        flow.derive(flow.state(asset))
    record = flow.run(asset)
    assert (record.status, record.reason_code) == (AssetStatus.FAILED, "failed")
    assert "frames" in str(record.reason)


def test_an_engine_that_cannot_be_loaded_says_why(
    folder: Folder, flow: Flow, client: TestClient, engine_function: Any
) -> None:
    folder.add("nothing_installed", broken=True)
    asset, _ = flow.upload("a.jpg", picture(1))
    job = next(job for job in flow.state(asset).work if job.capability == "nothing")
    assert engine_function(job)["state"] == "succeeded"
    result = flow.result(asset, "nothing")
    assert (result.state, result.reason) == (
        ResultState.UNAVAILABLE,
        "its weights are not installed",
    )
    (state,) = (e for e in client.get("/engines").json()["engines"] if e["capability"] == "nothing")
    assert (state["engine"], state["reason"]) == (None, "its weights are not installed")


def test_an_engine_this_version_lacks_is_named(flow: Flow, engine_function: Any) -> None:
    asset, _ = flow.upload("a.jpg", picture(1))
    (job,) = flow.state(asset).work
    with pytest.raises(FilmgateError, match="no engine nobody/9"):
        engine_function(job.model_copy(update={"engine": "nobody/9"}))
