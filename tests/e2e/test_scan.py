"""`filmgate scan` as its users run it: a process of its own, against the deployed stack."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filmgate.adapters.operations import Addresses, Deployment
from filmgate.client.api import FilmgateClient
from filmgate.client.scan_result import ScanResult
from filmgate.library.model import asset_id
from filmgate_samples.library import make_one
from tests.stack import RunningStack, shared_stack

pytestmark = pytest.mark.stack

Cli = Callable[..., subprocess.CompletedProcess[str]]
SAMPLES = (
    "videos/reef.mp4",
    "videos/reef_hevc.mp4",
    "images/lake.jpg",
    "images/lake_small.jpg",
    "images/fruit.jpg",
)
TIMEOUT_S = 180


@pytest.fixture(scope="module")
def running() -> RunningStack:
    return shared_stack()


@pytest.fixture(scope="module")
def environment(running: RunningStack) -> dict[str, str]:
    return os.environ | {
        "FILMGATE_API_URL": running.info.api_url,
        "FILMGATE_API_KEY": running.api_key,
        "FILMGATE_ROOT": str(running.root),
        "COLUMNS": "200",
    }


@pytest.fixture(scope="module")
def cli(environment: dict[str, str]) -> Cli:
    def run(*words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "filmgate.cli", *map(str, words)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two families, a loner, and three files that are no media."""
    root = tmp_path_factory.mktemp("scan") / "Meine Videos ♥"
    root.mkdir()
    for path in SAMPLES:
        make_one(root, path, 1)
    (root / "empty.mp4").write_bytes(b"")
    (root / "text.mp4").write_text("this is no video\n" * 100)
    (root / "list.mp4").write_text("#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    return root


@pytest.fixture(scope="module")
def scanned(cli: Cli, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("out")
    done = cli("scan", folder, "--json", out / "out.json", "--report", out / "report.html")
    assert done.returncode == 0, done.stderr
    return {
        "result": ScanResult.model_validate_json((out / "out.json").read_text()),
        "json": json.loads((out / "out.json").read_text()),
        "report": (out / "report.html").read_text(),
        "text": done.stdout,
    }


def test_copies_are_grouped_and_explained(scanned):
    families = {frozenset(group) for group in scanned["result"].groups}
    assert families == {
        frozenset({"videos/reef.mp4", "videos/reef_hevc.mp4"}),
        frozenset({"images/lake.jpg", "images/lake_small.jpg"}),
    }
    for match in scanned["result"].matches:
        assert match.reason
        assert match.engine
        assert sum(match.weights.values()) == pytest.approx(1)
        assert match.probability is not None
        assert 0.5 < match.probability < 1
        assert match.calibrated_on is not None
        assert match.calibrated_on in scanned["report"]
    assert all(
        set(match) >= {"a", "b", "class", "segments"} for match in scanned["json"]["matches"]
    )


def test_what_is_no_media_is_refused_with_a_reason(scanned):
    refused = {a.path: a for a in scanned["result"].assets if a.status.value == "refused"}
    assert set(refused) == {"empty.mp4", "text.mp4", "list.mp4"}
    assert all(asset.reason for asset in refused.values())
    assert all(a.status.value in {"done", "refused"} for a in scanned["result"].assets)


def test_the_report_has_pictures_of_both_families(scanned):
    assert scanned["report"].count("data:image/jpeg;base64,") >= 2 * (4 + 1)
    assert "videos/reef_hevc.mp4" in scanned["report"]


def test_a_second_scan_sends_nothing_and_says_the_same(cli, folder, scanned):
    done = cli("scan", folder, "--json", "-")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == scanned["json"]
    assert ", 0 uploaded," in cli("scan", folder).stdout


def test_show_and_matches_find_what_the_scan_found(cli, scanned):
    best = scanned["result"].matches[0]
    found = json.loads(cli("matches", best.asset_a, "--json").stdout)["items"]
    ids = {item["match_id"] for item in found}
    assert ":".join(sorted((best.asset_a, best.asset_b))) in ids
    shown = cli("show", found[0]["match_id"])
    assert shown.returncode == 0
    assert best.match_class.value in shown.stdout


def test_status_counts_what_is_there(cli, scanned):
    found = json.loads(cli("status", "--json").stdout)
    assert found["assets"]["done"] >= len(SAMPLES)
    assert found["assets"]["refused"] >= 3


def test_a_scan_stopped_by_ctrl_c_goes_on_where_it_was(cli, environment, tmp_path):
    for number in range(3):
        make_one(tmp_path, "images/fruit.jpg", 100 + number)
        (tmp_path / "images" / "fruit.jpg").rename(tmp_path / f"{number}.jpg")
    process = subprocess.Popen(
        [sys.executable, "-m", "filmgate.cli", "scan", str(tmp_path)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    for line in process.stderr:
        if line.startswith("Comparing"):
            process.send_signal(signal.SIGINT)
            break
    _, rest = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "run the same command again to resume" in rest
    assert "Traceback" not in rest
    done = cli("scan", tmp_path, "--json", "-")
    assert done.returncode == 0, done.stderr
    assert {a["status"] for a in json.loads(done.stdout)["assets"]} == {"done"}


def deployment(running: RunningStack) -> Deployment:
    import boto3

    session = boto3.Session(
        aws_access_key_id=running.aws.keys.access_key_id,
        aws_secret_access_key=running.aws.keys.secret_access_key,
        region_name=running.info.region,
    )
    at = Addresses(
        running.info.stage,
        running.info.ingest_queue_url,
        running.info.dead_letters_url,
        running.info.tables["keys"],
        tuple(running.info.functions),
    )
    return Deployment(at, session, running.info.endpoint_url)


UNDELIVERED = {
    name: {"DataType": "String", "StringValue": value}
    for name, value in (
        ("RULE_ARN", "arn:aws:events:us-east-1:000000000000:rule/filmgate-local-uploaded"),
        ("TARGET_ARN", "arn:aws:sqs:us-east-1:000000000000:filmgate-local-ingest"),
        ("ERROR_CODE", "NO_PERMISSIONS"),
    )
}
"""What EventBridge says of an event that it could not deliver."""


def created(key: str) -> str:
    """The message of an upload, as it lies in a dead-letter queue; from a bucket of no versions."""
    return json.dumps({"source": "aws.s3", "detail": {"object": {"key": key}}})


def test_redrive_moves_dead_letters_back_and_they_are_worked_on(cli, running, tmp_path):
    mark = uuid.uuid4().hex
    real = f"raw/local/{mark}/fruit.jpg"
    lost = [f"raw/local/{mark}/lost {number}.jpg" for number in range(11)]
    make_one(tmp_path, "images/fruit.jpg", 1)
    stack = deployment(running)
    # Its own event names its version and makes another asset than the message without one.
    stack.client("s3").put_object(
        Bucket=running.info.raw_bucket, Key=real, Body=(tmp_path / "images/fruit.jpg").read_bytes()
    )
    sqs = stack.client("sqs")
    for key in (real, *lost):
        sqs.send_message(
            QueueUrl=running.info.dead_letters_url,
            MessageBody=created(key),
            MessageAttributes=UNDELIVERED if key == real else {},
        )
    done = cli("redrive", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["moved"] >= 12
    wanted = {asset_id("local", key, ""): key for key in (real, *lost)}
    with FilmgateClient(running.info.api_url, running.api_key) as api:
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            found = {asset.asset_id: asset for asset in api.assets_by_id(list(wanted))}
            if len(found) == 12 and all(asset.status.final for asset in found.values()):
                break
            time.sleep(0.5)
    outcomes = {wanted[i]: (asset.status.value, asset.reason_code) for i, asset in found.items()}
    assert outcomes == {real: ("done", None), **dict.fromkeys(lost, ("refused", "gone"))}


def test_keys_made_by_the_operator_open_a_library_of_their_own(cli, environment):
    made = cli("keys", "create", "e2e-other", "--json")
    assert made.returncode == 0, made.stderr
    key = json.loads(made.stdout)["api_key"]
    listed = subprocess.run(
        [sys.executable, "-m", "filmgate.cli", "assets", "--json"],
        env=environment | {"FILMGATE_API_KEY": key},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    assert json.loads(listed.stdout)["items"] == []


def test_logs_tell_what_the_functions_did(cli, scanned):
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        lines = cli("logs", "ingest", "--since", "1h", "--json").stdout.splitlines()
        if lines:
            break
    assert lines
    assert all(json.loads(line)["message"] for line in lines)
