"""Many small files at once through a stack, and what became of each."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from filmgate.api.models import AssetView, UploadFile
from filmgate.client.api import FilmgateClient
from filmgate.library.model import AssetStatus
from filmgate_local import stack
from tests.media_factory import video
from tests.stack import RunningStack

COPY_EVERY = 10
"""Of so many pictures, the last is the previous one, encoded again."""
SENDERS = 4
_POLL_S = 0.5


@dataclass(frozen=True)
class Files:
    """What is to be sent.

    Attributes:
        good: files the service must take.
        bad: files it must refuse.
        copies: pairs of names that it must call copies.
    """

    good: tuple[Path, ...]
    bad: tuple[Path, ...]
    copies: frozenset[frozenset[str]]


@dataclass(frozen=True)
class Outcome:
    """What the service says of all that was sent.

    Attributes:
        accepted: uploads that storage took.
        statuses: assets by their final status, or the one they hung in.
        reasons: of the failed ones, how often each.
        jobs: how many assets had so many jobs.
        matches: pairs that were recorded.
        repeated: pairs recorded more than once, or under one side only.
        copies_found: of the copies sent.
        waiting: messages left in the queue.
        dead: messages in the dead-letter queue.
        sent_seconds: until storage had taken all.
        seconds: from the first announcement to the last final state.
    """

    accepted: int
    statuses: dict[str, int]
    reasons: dict[str, int]
    jobs: dict[int, int]
    matches: int
    repeated: int
    copies_found: int
    waiting: int
    dead: int
    sent_seconds: float
    seconds: float


def make(folder: Path, images: int, videos: int = 0, bad: int = 0, seed: int = 1) -> Files:
    """JPEGs of 320x240 no two alike but the copies, short clips of one scene; texts
    named JPEG."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    good, copies, picture = [], set(), None
    for number in range(images):
        path = folder / f"picture-{number:05}.jpg"
        if picture is not None and number % COPY_EVERY == COPY_EVERY - 1:
            picture.save(path, quality=70)
            copies.add(frozenset((path.name, good[-1].name)))
        else:
            blocks = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
            picture = Image.fromarray(blocks).resize((320, 240), Image.Resampling.BICUBIC)
            picture.save(path, quality=92)
        good.append(path)
    for number in range(videos):
        clip = folder / f"clip-{number:05}.mp4"
        good.append(video(clip, seconds=1.0 + number / 10))
    texts = []
    for number in range(bad):
        path = folder / f"text-{number:05}.jpg"
        path.write_text(f"no picture {number}")
        texts.append(path)
    return Files(tuple(good), tuple(texts), frozenset(copies))


def send(running: RunningStack, files: Files) -> tuple[list[str], int]:
    """Announce and upload everything; asset ids, and how many uploads storage took."""
    paths = [*files.good, *files.bad]
    random.Random(1).shuffle(paths)
    with FilmgateClient(running.info.api_url, running.api_key) as client:
        announced = [
            UploadFile(
                path=path.name,
                size_bytes=path.stat().st_size,
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            )
            for path in paths
        ]
        uploads = client.create_uploads(announced).uploads

        def post(pair: tuple[int, Path]) -> bool:
            target = uploads[pair[0]].upload
            if target is None:
                return False
            client.send(target, pair[1])
            return True

        with ThreadPoolExecutor(SENDERS) as pool:
            accepted = sum(pool.map(post, enumerate(paths)))
    return [upload.asset_id for upload in uploads], accepted


def run(running: RunningStack, files: Files, patience_s: float) -> Outcome:
    """Send everything and wait until all is final, or nothing has been final for so long."""
    began = time.monotonic()
    ids, accepted = send(running, files)
    sent = time.monotonic() - began
    assets = wait(running, ids, patience_s)
    seconds = time.monotonic() - began
    return Outcome(
        accepted=accepted, sent_seconds=sent, seconds=seconds, **_found(running, files, assets)
    )


def wait(running: RunningStack, ids: list[str], patience_s: float) -> list[AssetView]:
    """The assets once all are final, or when no further one has become so for that long."""
    last, since = -1, time.monotonic()
    with FilmgateClient(running.info.api_url, running.api_key) as client:
        while True:
            assets = client.assets_by_id(ids)
            final = sum(asset.status.final for asset in assets)
            if final != last:
                last, since = final, time.monotonic()
            if final == len(ids) or time.monotonic() - since > patience_s:
                return assets
            time.sleep(_POLL_S + len(ids) / 500)


def _found(running: RunningStack, files: Files, assets: list[AssetView]) -> dict[str, Any]:
    with FilmgateClient(running.info.api_url, running.api_key) as client:
        matches = list(client.matches())
    pairs = Counter(frozenset((match.a_path, match.b_path)) for match in matches)
    shown = stack.status(running.root)
    failed = [asset for asset in assets if asset.status is AssetStatus.FAILED]
    return {
        "statuses": dict(Counter(asset.status.value for asset in assets)),
        "reasons": dict(Counter(asset.reason or "" for asset in failed)),
        "jobs": _jobs(running),
        "matches": len(pairs),
        "repeated": sum(count - 1 for count in pairs.values()) + _one_sided(running),
        "copies_found": sum(pair in pairs for pair in files.copies),
        "waiting": shown.waiting or 0,
        "dead": shown.dead or 0,
    }


def _jobs(running: RunningStack) -> dict[int, int]:
    """How many assets had how many jobs, by the table."""
    of: Counter[str] = Counter()
    for item in _items(running, "assets", "asset_id"):
        of[item["asset_id"]] += item["sk"] == "JOB"
    return dict(sorted(Counter(of.values()).items()))


def _one_sided(running: RunningStack) -> int:
    """Pairs whose other half is missing."""
    sides = {(i["pk"].split("#", 1)[1], i["sk"]) for i in _items(running, "matches")}
    return sum((other, one) not in sides for one, other in sides)


def _items(running: RunningStack, table: str, *more: str) -> Iterator[dict[str, str]]:
    """The keys and more texts of all items that have these texts."""
    pages = running.aws.client("dynamodb").get_paginator("scan")
    for page in pages.paginate(TableName=running.info.tables[table], ConsistentRead=True):
        for item in page["Items"]:
            if all(name in item for name in more):
                yield {name: item[name]["S"] for name in ("pk", "sk", *more)}


@contextmanager
def killing(running: RunningStack, every_s: float, seed: int = 1) -> Iterator[list[str]]:
    """Kill a random worker of the stack every so many seconds; yields what was killed."""
    killed: list[str] = []
    over = threading.Event()
    chance = random.Random(seed)

    def kill() -> None:
        while not over.wait(every_s):
            workers = _workers(running.info.pid)
            if workers:
                pid, name = chance.choice(workers)
                try:
                    os.kill(pid, signal.SIGKILL)
                    killed.append(name)
                except ProcessLookupError:
                    continue

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def _workers(daemon_pid: int) -> list[tuple[int, str]]:
    """Process id and function of the workers of pipeline functions under a daemon."""
    command = ["ps", "-ww", "--ppid", str(daemon_pid), "-o", "pid=,args="]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = []
    for line in shown.splitlines():
        pid, _, args = line.strip().partition(" ")
        if "ministack-lambda-" in args and "-api-" not in args:
            name = args.split("ministack-lambda-filmgate-local-", 1)[-1].split("-", 1)[0]
            found.append((int(pid), name))
    return found
