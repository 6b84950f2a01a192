"""Engines get the artifacts they declare: made once, in one pass, and only where none is there."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from filmgate.engines import registry
from filmgate.engines.spec import EngineInput, EngineOutput, EngineSpec
from filmgate.errors import MediaRefused, TransientError
from filmgate.library.model import Asset, AssetStatus
from filmgate.media.frames_artifact import read_frames
from filmgate.media.shared_artifacts import CHECKS
from filmgate.media.shared_names import SHARED_NAMES
from filmgate.media.shots_artifact import read_shots
from filmgate.media.sound_artifact import RATE_HZ, read_sound
from filmgate.pipeline.artifacts import NEEDS, shared_address
from filmgate.sandbox.inprocess import InProcessReader
from filmgate.sandbox.port import Reading
from tests.media_factory import shots as film
from tests.unit.pipeline.flow import TENANT, Flow, picture


class Watching:
    """An engine that reads frames, sound and shots. It is a module of the registry, too."""

    SPEC = EngineSpec(
        capability="watching",
        name="watcher",
        version="1",
        needs=("frames", "sound16k", "shots"),
    )
    spec = SPEC

    def run(self, given: EngineInput) -> EngineOutput:
        frames = list(read_frames(given.read("frames")))
        shots = read_shots(given.read("shots"))
        return EngineOutput(
            summary={
                "frames": len(frames),
                "side": max((max(rgb.shape) for _, rgb in frames), default=0),
                "sound_s": round(read_sound(given.read("sound16k")).size / RATE_HZ, 1),
                "shots": len(shots.spans()),
            }
        )


class CountingReader(InProcessReader):
    """Notes what each pass was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def read(self, *given: Any, **options: Any) -> Reading:
        self.asked.append(tuple(options["artifacts"]))
        return super().read(*given, **options)


@pytest.fixture
def reader() -> CountingReader:
    return CountingReader()


@pytest.fixture
def flow(tmp_path: Path, reader: CountingReader, monkeypatch: pytest.MonkeyPatch) -> Flow:
    modules = {"watching": Watching}
    monkeypatch.setattr(
        registry, "import_module", lambda name: modules.get(name) or import_module(name)
    )
    monkeypatch.setattr(registry, "ENGINES", (*registry.ENGINES, "watching"))
    return Flow(tmp_path, reader=reader)


def uploaded_film(flow: Flow, folder: Path) -> Asset:
    return flow.upload("film.mp4", film.film(folder / "film.mp4").read_bytes())[0]


def stored(flow: Flow, asset: Asset) -> dict[str, bytes]:
    """The shared artifacts of the asset that are there."""
    keys = {name: shared_address(TENANT, str(asset.sha256), name) for name in SHARED_NAMES}
    there = flow.objects.keys("artifacts")
    return {n: flow.objects.get("artifacts", key) for n, key in keys.items() if key in there}


def test_an_engine_reads_what_one_pass_made(
    flow: Flow, reader: CountingReader, tmp_path: Path
) -> None:
    asset = uploaded_film(flow, tmp_path)
    work = {job.capability: job for job in flow.derive(flow.state(asset)).work}
    assert reader.asked == [("fingerprint", "frames", "sound16k", "shots")]
    assert set(work["watching"].artifacts) == {"frames", "sound16k", "shots"}
    assert set(stored(flow, asset)) == {"frames", "sound16k", "shots"}, "nobody needs keyframes"
    flow.run_job(work["watching"], Watching())
    summary = flow.result(asset, "watching").summary
    # Of the 24 seconds one each, and one of each shot at most.
    assert 24 <= int(str(summary.pop("frames"))) <= 24 + 7
    assert summary == {"side": 320, "sound_s": 23.5, "shots": 7}


def test_each_artifact_has_a_version_of_its_own(flow: Flow, tmp_path: Path) -> None:
    asset = uploaded_film(flow, tmp_path)
    (keys,) = (j.artifacts for j in flow.derive(flow.state(asset)).work if j.runner == "engine")
    folder = f"artifacts/{TENANT}/{asset.sha256}"
    assert keys == {
        "frames": f"{folder}/frames/filmgate-frames/1/frames.pack",
        "sound16k": f"{folder}/sound16k/filmgate-sound16k/1/sound16k.pack",
        "shots": f"{folder}/shots/filmgate-shots/1/shots.json",
    }


def test_what_is_there_is_not_made_again(
    flow: Flow, reader: CountingReader, tmp_path: Path
) -> None:
    asset = uploaded_film(flow, tmp_path)
    flow.derive(flow.state(asset))
    before = stored(flow, asset)
    flow.derive(flow.state(asset))
    assert len(reader.asked) == 1
    flow.objects.remove("artifacts", shared_address(TENANT, str(asset.sha256), "shots"))
    flow.derive(flow.state(asset))
    assert reader.asked[1:] == [("shots",)]
    assert stored(flow, asset) == before


def test_an_engine_alone_has_no_fingerprint_made(
    flow: Flow, reader: CountingReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "ENGINES", ("watching",))
    asset, _ = flow.upload("a.jpg", picture(1))
    (job,) = flow.derive(flow.state(asset)).work
    assert reader.asked == [("frames", "sound16k", "shots")]
    assert len(flow.objects.keys("artifacts")) == 3
    flow.run_job(job, Watching())
    summary = flow.result(asset, "watching").summary
    assert summary == {"frames": 1, "side": 96, "sound_s": 0.0, "shots": 1}


def test_a_crash_between_artifacts_leaves_what_is_whole(
    flow: Flow, reader: CountingReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = uploaded_film(flow, tmp_path)
    put, left = flow.objects.put, 2

    def failing(*given: Any) -> None:
        nonlocal left
        if not left:
            raise TransientError("storage did not answer")
        left -= 1
        put(*given)

    with monkeypatch.context() as patched:
        patched.setattr(flow.objects, "put", failing)
        with pytest.raises(TransientError):
            flow.derive(flow.state(asset))
    whole = stored(flow, asset)
    assert len(whole) == 2
    for name, body in whole.items():
        CHECKS[name](body)
    flow.derive(flow.state(asset))
    missing = {"frames", "sound16k", "shots"} - set(whole)
    assert reader.asked[1:] == [("fingerprint", *missing)]


@pytest.mark.parametrize("engines", [("watching",), None])
def test_a_file_that_cannot_be_decoded_is_refused_as_a_whole(
    flow: Flow, reader: CountingReader, monkeypatch: pytest.MonkeyPatch, engines: tuple[str, ...]
) -> None:
    if engines:
        monkeypatch.setattr(registry, "ENGINES", engines)
    asset, _ = flow.upload("a.jpg", picture(1))

    def refuse(*given: Any, **options: Any) -> Reading:
        raise MediaRefused("damaged", "The picture is damaged.")

    monkeypatch.setattr(reader, "read", refuse)
    record = flow.run(asset)
    assert (record.status, record.reason_code) == (AssetStatus.REFUSED, "damaged")
    assert flow.objects.keys("artifacts") == []


def test_the_names_of_needs_are_all_there() -> None:
    assert {"fingerprint", "frames", "keyframes", "shots", "sound16k"} == NEEDS
