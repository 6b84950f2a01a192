"""What one video costs from upload to verdict, from measured seconds and the list prices of
`index_prices.py`.

Requests are counted by reading the code they are made in, which each line names. What cannot be
measured without the cloud is assumed, here and nowhere else: the speed of S3, the time of a
request, and what a light function takes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.benchmarks import index_prices as prices
from tests.benchmarks.common import CHECKOUT

REFERENCE = 0.032
AIM = 0.001
"""Dollars a video."""

S3_BYTES_PER_S = 60e6
LIGHT_S = 0.05
"""A function that only moves records: parsing, logging and a few requests."""
LOG_BYTES = 8_000
"""Lines of all functions about one video."""
_TRANSITIONS = 5
"""Derive, RunEngines, RunEngine, AnyFailed, Done: infra/workflows/analyze."""
_QUEUE_REQUESTS = 3
"""Sent, received, deleted."""


@dataclass(frozen=True)
class Work:
    """What was measured of one video.

    Attributes:
        file_bytes: downloaded by `ingest` and by `derive`.
        ingest_s, fingerprint_s: processor seconds, without the download.
        match_s: of index_entry, index_query and comparing with the candidates.
        search_s: of looking through the library.
        candidates: files compared with.
        matches: of them, those that are recorded.
        entry_bytes: of the index entry, stored in DynamoDB until it is folded into a segment.
    """

    file_bytes: int
    ingest_s: float
    fingerprint_s: float
    match_s: float
    search_s: float
    candidates: int
    matches: int
    entry_bytes: int


@dataclass(frozen=True)
class Line:
    """One line of the bill, in dollars."""

    what: str
    how: str
    dollars: float


def memory_gb() -> dict[str, float]:
    """GB of each function, from its function.yml."""
    found = {}
    for path in sorted((CHECKOUT / "functions").glob("*/function.yml")):
        size = re.search(r"^memorySize: (\d+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        if size is None:
            raise ValueError(f"{path} names no memorySize")
        found[path.parent.name] = int(size[1]) / 1024
    return found


def bill(work: Work) -> list[Line]:
    """Every charge for one video that arrives through the API and is judged, line by line."""
    return [
        *_functions(work),
        Line(
            "Step Functions", f"{_TRANSITIONS} transitions", _TRANSITIONS * prices.STEP_TRANSITION
        ),
        *_tables(work),
        *_objects(work),
        Line(
            "API, queue and logs",
            f"2 requests, {_QUEUE_REQUESTS} of SQS, {LOG_BYTES / 1000:g} kB of logs",
            2 * prices.HTTP_API_REQUEST
            + _QUEUE_REQUESTS * prices.SQS_REQUEST
            + LOG_BYTES / 1e9 * prices.LOG_GB,
        ),
    ]


def _functions(work: Work) -> list[Line]:
    download_s = work.file_bytes / S3_BYTES_PER_S
    seconds = {
        # Two calls: announcing the upload, and asking how it ended.
        "api": 2 * LIGHT_S,
        "ingest": work.ingest_s + download_s + LIGHT_S,
        "derive": work.fingerprint_s + download_s + LIGHT_S,
        "dedupe": work.match_s
        + work.search_s
        + LIGHT_S
        + (work.candidates + work.matches) * prices.REQUEST_S,
    }
    memory = memory_gb()
    return [
        Line(
            f"Lambda {name}",
            f"{spent:.2f} s of {memory[name]:.2f} GB",
            spent * memory[name] * prices.LAMBDA_GB_S
            + (2 if name == "api" else 1) * prices.LAMBDA_REQUEST,
        )
        for name, spent in seconds.items()
    ]


def _tables(work: Work) -> list[Line]:
    # In write units of 1 KB. A row of an asset, a job or a result is written once more in the
    # listing, and once in or out of `by_state` when its state changes. A transaction costs the
    # table's own writes twice. An asset with its media facts takes 2 KB, a result at its end too.
    created = 1 + 1 + 1
    begun = (2 * 2 + 2 + 1) + (2 * 1 + 1) + (2 * 1 + 1 + 1) + 2 * 1
    progress = 2 * (1 + 1)
    ended = (2 * 1 + 1) + (2 * 2 + 2 + 1)
    assets = created + begun + progress + ended
    idempotency = 3
    matches = work.matches * 2 * (2 * 2 + 2)
    entry = -(-work.entry_bytes // 1000) * 2
    reads = 10 + work.candidates + -(-work.entry_bytes // 4000)
    writes = assets + idempotency + matches + entry
    return [
        Line(
            "DynamoDB",
            f"{writes} writes, {reads} reads",
            writes * prices.DYNAMODB_WRITE + reads * prices.DYNAMODB_READ,
        )
    ]


def _objects(work: Work) -> list[Line]:
    # The file; tiles, their index, PDQ, fingerprint; comparisons.
    puts = 1 + 4 + 1
    # Size, file twice, fingerprint of before; own fingerprint; comparisons; the candidates'.
    gets = 3 + 1 + 1 + 1 + work.candidates
    return [
        Line("S3", f"{puts} puts, {gets} gets", puts * prices.S3_PUT + gets * prices.S3_GET),
    ]


def month_dollars(file_bytes: int, kept_bytes: int) -> float:
    """Keeping the file and what was made of it, a month."""
    return (file_bytes + kept_bytes) / 1e9 * prices.S3_GB_MONTH
