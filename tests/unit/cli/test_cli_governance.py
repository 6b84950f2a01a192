"""Deletion, holds, the audit log and the retention policy on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from filmgate.library.model import AssetStatus
from tests.unit.cli.conftest import Run
from tests.unit.cli.service import Service


def result_of(run: Run, *words: object, exit_code: int = 0) -> dict[str, Any]:
    done = run(*words, "--json")
    assert done.exit_code == exit_code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def scanned(run: Run, folder: Path) -> dict[str, str]:
    """Asset ids by path."""
    return {one["path"]: one["asset_id"] for one in result_of(run, "scan", folder)["assets"]}


def paths(run: Run) -> set[str]:
    return {one["path"].split("/")[-1] for one in result_of(run, "assets")["items"]}


def test_a_file_is_forgotten_by_its_path_and_comes_back(
    run: Run, service: Service, folder: Path
) -> None:
    scanned(run, folder)
    assert "a.mp4" in paths(run)
    (gone,) = result_of(run, "forget", folder / "a.mp4", "--reason", "asked to")["forgotten"]
    assert gone["status"] == "deleted"
    assert gone["purge_at"]
    assert (folder / "a.mp4").exists(), "nothing here is touched"
    assert "a.mp4" not in paths(run)
    assert not [
        match
        for match in result_of(run, "matches")["items"]
        if gone["asset_id"] in (match["a"], match["b"])
    ]
    (back,) = result_of(run, "restore", gone["asset_id"])["restored"]
    assert back["deleted_at"] is None
    assert "a.mp4" in paths(run)
    events = result_of(run, "audit", "export", "--verify")
    assert events["verified"] is True
    assert [event["action"] for event in events["events"]] == ["asset.deleted", "asset.restored"]
    assert events["events"][0]["details"]["reason"] == "asked to"


def test_a_folder_is_forgotten_with_all_that_was_scanned_in_it(
    run: Run, service: Service, folder: Path
) -> None:
    scanned(run, folder)
    (folder / "c.mp4").unlink()
    gone = result_of(run, "forget", folder / "sub", folder / "c.mp4")["forgotten"]
    assert {one["path"].split("/")[-1] for one in gone} == {"b copy.mp4", "c.mp4"}


def test_what_the_service_does_not_have_is_said(run: Run, service: Service, folder: Path) -> None:
    scanned(run, folder)
    for target in (folder / "no.mp4", "f" * 26):
        done = run("forget", target)
        assert done.exit_code == 1
        assert "The service has no file" in done.stderr
    assert run("restore", "nonsense").exit_code == 2
    assert run("holds", "place", "nonsense", "--reason", "x").exit_code == 2


def test_a_held_file_stays_and_the_others_go(run: Run, service: Service) -> None:
    held = service.world.add_asset("acme", "held.png")
    other = service.world.add_asset("acme", "other.png")
    hold = result_of(run, "holds", "place", held.asset_id, "--reason", "case 7")["hold"]
    found = result_of(run, "forget", held.asset_id, other.asset_id, exit_code=1)
    assert [one["asset_id"] for one in found["forgotten"]] == [other.asset_id]
    assert "case 7" in found["kept"][0]["reason"]
    (listed,) = result_of(run, "holds", "list")["holds"]
    assert listed["hold"]["hold_id"] == hold["hold_id"]
    result_of(run, "holds", "place", other.asset_id, "--reason", "case 8")
    assert len(result_of(run, "holds", "list")["holds"]) == 2, "deleted ones too"
    assert result_of(run, "holds", "release", held.asset_id, hold["hold_id"])["released"]
    assert not result_of(run, "holds", "release", held.asset_id, hold["hold_id"])["released"]
    assert result_of(run, "holds", "list", held.asset_id)["holds"] == []
    result_of(run, "forget", held.asset_id)


def test_a_changed_audit_log_is_noticed(run: Run, service: Service) -> None:
    asset = service.world.add_asset("acme", "a.png")
    result_of(run, "forget", asset.asset_id)
    result_of(run, "restore", asset.asset_id)
    events = service.world.audit._events["acme"]
    events[0] = events[0].model_copy(update={"actor": "nobody"})
    done = run("audit", "export", "--verify", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["broken_at"] == 1
    assert "event 1 does not match" in done.stderr
    assert run("audit", "export").exit_code == 0, "nobody asked"


def test_the_actor_is_the_id_of_the_key(run: Run, service: Service) -> None:
    asset = service.world.add_asset("acme", "a.png")
    result_of(run, "forget", asset.asset_id)
    (event,) = result_of(run, "audit", "export")["events"]
    ids = {record.key_id for record in service.world.key_store.records("acme")}
    assert event["actor"] in ids


def test_a_policy_is_changed_kind_by_kind(run: Run, service: Service) -> None:
    assert set(result_of(run, "policy", "get")["policy"].values()) == {None}
    result_of(run, "policy", "set", "--raw", "90", "--frames", "30")
    after = result_of(run, "policy", "set", "--frames", "forever")["policy"]
    assert after["raw"] == 90
    assert after["frames"] is None
    for words in ([], ["--raw", "0"], ["--raw", "soon"], ["--raw", "99999"]):
        assert run("policy", "set", *words).exit_code == 2
    shown = run("policy", "get")
    assert "90 days" in shown.stdout


def test_a_scan_says_of_a_deleted_file_that_it_is(run: Run, service: Service, folder: Path) -> None:
    ids = scanned(run, folder)
    gone = next(asset_id for path, asset_id in ids.items() if path.endswith("a.mp4"))
    result_of(run, "forget", gone)
    again = result_of(run, "scan", folder)
    (one,) = [
        asset
        for asset in again["assets"]
        if asset["path"].endswith("/a.mp4") or asset["path"] == "a.mp4"
    ]
    assert one["status"] == AssetStatus.DELETED.value
    assert "filmgate restore" in one["reason"]
    assert not [match for match in again["matches"] if one["path"] in (match["a"], match["b"])]
    assert not [group for group in again["groups"] if one["path"] in group]


@pytest.mark.parametrize("words", [["forget"], ["policy", "set", "--raw", "1"]])
def test_a_terminal_is_asked_before_anything_goes(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    asset = service.world.add_asset("acme", "a.png")
    target = [asset.asset_id] if words == ["forget"] else []
    monkeypatch.setattr("filmgate.cli.deletion.on_terminal", lambda: True)
    assert run(*words, *target).exit_code == 1, "no answer is no"
    assert service.world.audit.last("acme") is None
    assert run(*words, *target, "--yes").exit_code == 0
    assert service.world.audit.last("acme") is not None
