from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from filmgate.api.models import AssetView, MatchView, PresignedPost, Upload, UploadFile, Uploads
from filmgate.client.folder import local_file
from filmgate.client.record import FileRecord, default_database
from filmgate.client.scanner import UPLOAD_BATCH, Scanner, ScanStalled, Stage
from filmgate.client.upload_stream import UploadRejected
from filmgate.library.model import AssetStatus

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
POST = PresignedPost(url="https://raw.test", fields={})


class Api:
    """Takes uploads and moves every asset one state on with each question."""

    def __init__(self, states: list[AssetStatus]) -> None:
        self.states = states
        self.asked: list[int] = []
        self.sent: list[str] = []
        self.questions: dict[str, int] = {}
        self.before_sending: Callable[[Path], object] = lambda _: None

    def create_uploads(self, files: Sequence[UploadFile]) -> Uploads:
        self.asked.append(len(files))
        return Uploads(
            uploads=[
                Upload(asset_id=f.path, path=f.path, status=AssetStatus.WAITING, upload=POST)
                for f in files
            ]
        )

    def send(
        self, target: PresignedPost, path: Path, progress: Callable[[int], None] | None = None
    ) -> None:
        self.before_sending(path)
        self.sent.append(path.name)
        if progress:
            progress(path.stat().st_size)

    def assets_by_id(self, ids: Sequence[str]) -> list[AssetView]:
        views = []
        for asset_id in ids:
            turn = self.questions[asset_id] = self.questions.get(asset_id, -1) + 1
            status = self.states[min(turn, len(self.states) - 1)]
            view = AssetView(
                asset_id=asset_id, path=asset_id, status=status, created_at=MOMENT,
                updated_at=MOMENT,
            )  # fmt: skip
            views.append(view)
        return views

    def matches_of_assets(self, ids: Sequence[str]) -> list[MatchView]:
        return []


class Reported:
    """Remembers what was reported as progress."""

    def __init__(self) -> None:
        self.totals: dict[Stage, int] = {}
        self.done: dict[Stage, int] = {}

    def start(self, stage: Stage, total: int) -> None:
        self.totals[stage] = total

    def advance(self, stage: Stage, amount: int) -> None:
        self.done[stage] = self.done.get(stage, 0) + amount


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record of files that is empty at first."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


def scanner(api: Api, reported: Reported | None = None) -> Scanner:
    ticks = itertools.count()
    return Scanner(
        api,
        reported or Reported(),
        FileRecord(default_database()),
        patience_s=50,
        clock=lambda: next(ticks),
        sleep=lambda _: None,
    )


def files(folder: Path, count: int) -> None:
    for number in range(count):
        (folder / f"{number:03d}.mp4").write_bytes(b"%d" % number)


def test_files_go_in_batches_and_every_bar_reaches_its_end(tmp_path: Path) -> None:
    files(tmp_path, UPLOAD_BATCH + 7)
    api, reported = Api([AssetStatus.WAITING, AssetStatus.PROCESSING, AssetStatus.DONE]), Reported()
    found = scanner(api, reported).scan(tmp_path)
    assert api.asked == [UPLOAD_BATCH, 7]
    assert len(api.sent) == found.new == UPLOAD_BATCH + 7
    assert reported.done == reported.totals


def test_a_file_with_several_paths_is_sent_once(tmp_path: Path) -> None:
    files(tmp_path, UPLOAD_BATCH)
    for name in ("second.mp4", "third.mp4"):
        (tmp_path / name).hardlink_to(tmp_path / "001.mp4")
    api, reported = Api([AssetStatus.DONE]), Reported()
    found = scanner(api, reported).scan(tmp_path)
    assert len(api.sent) == found.new == UPLOAD_BATCH == sum(api.asked)
    assert {a.path: a.also for a in found.result.assets if a.also} == {
        "001.mp4": ("second.mp4", "third.mp4")
    }
    assert reported.done == reported.totals


def test_waiting_goes_on_while_anything_changes(tmp_path: Path) -> None:
    files(tmp_path, 1)
    steps = [AssetStatus.WAITING, AssetStatus.PROCESSING] * 15
    found = scanner(Api([*steps, AssetStatus.DONE])).scan(tmp_path)
    assert found.result.assets[0].status is AssetStatus.DONE


def test_waiting_ends_when_nothing_changes(tmp_path: Path) -> None:
    files(tmp_path, 2)
    with pytest.raises(ScanStalled, match=r"2 files are not finished \(2 processing\)"):
        scanner(Api([AssetStatus.PROCESSING])).scan(tmp_path)


def test_a_file_that_vanishes_or_changes_fails_alone(tmp_path: Path) -> None:
    files(tmp_path, 3)
    api = Api([AssetStatus.DONE])
    listed = [local_file(tmp_path / f"{n:03d}.mp4", f"{n}") for n in range(3)]
    (tmp_path / "000.mp4").unlink()
    (tmp_path / "001.mp4").write_bytes(b"longer than before")
    sent = scanner(api).send(listed, below=tmp_path.parent)
    assert [(a.path, a.status) for a in sent.not_sent] == [
        ("0", AssetStatus.FAILED),
        ("1", AssetStatus.FAILED),
    ]
    assert list(sent.labels.values()) == ["2"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path: path.write_bytes(b"much longer"), "changed while it was being uploaded"),
        (Path.unlink, "vanished while it was being uploaded"),
        (lambda _: None, "the upload was rejected: S3 answered AccessDenied: Policy expired"),
    ],
    ids=["changed", "vanished", "refused"],
)
def test_a_file_the_storage_does_not_take_fails_alone(
    tmp_path: Path, change: Callable[[Path], object], reason: str
) -> None:
    files(tmp_path, 3)
    api = Api([AssetStatus.DONE])

    def refuse_one(path: Path) -> None:
        if path.name == "001.mp4":
            change(path)
            raise UploadRejected("S3 answered AccessDenied: Policy expired")

    api.before_sending = refuse_one
    found = scanner(api).scan(tmp_path).result.assets
    assert [(asset.path, asset.status, asset.reason) for asset in found] == [
        ("000.mp4", AssetStatus.DONE, None),
        ("001.mp4", AssetStatus.FAILED, reason),
        ("002.mp4", AssetStatus.DONE, None),
    ]


def test_an_error_of_the_service_ends_the_scan(tmp_path: Path) -> None:
    files(tmp_path, 3)
    api = Api([AssetStatus.DONE])

    def refuse(path: Path) -> None:
        raise RuntimeError("no")

    api.before_sending = refuse
    with pytest.raises(RuntimeError, match="no"):
        scanner(api).scan(tmp_path)
