"""The real API over memory behind the real client, and buckets that take and give bytes.

What stands in for the pipeline is a rule that tests can foresee: see `Service._arrived`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import httpx
from fastapi.testclient import TestClient

from filmgate.api.app import create_app
from filmgate.clock import now
from filmgate.dedupe.engine import SPEC
from filmgate.dedupe.matching.model import FramePair, MatchClass, Segment, Verdict
from filmgate.dedupe.records import match_of
from filmgate.library.jobs import new_id
from filmgate.library.model import AssetState, AssetStatus
from filmgate.library.results import Result, ResultState
from filmgate.media.model import MediaInfo, MediaKind
from filmgate.media.storyboard import StoryboardIndex
from tests.unit.api.world import World
from tests.unit.report.scans import sheet

KEY = re.compile(rb'name="key"\r\n\r\n(.*?)\r\n')
FILE = re.compile(rb'name="file".*?\r\n\r\n(.*)\r\n--', re.DOTALL)
DETAILS = "<RequestId>1</RequestId>"
HALF = "The file ends early or reached a limit: 6.0 of 12.0 s could be decoded."
VIDEO = MediaInfo(kind=MediaKind.VIDEO, format="mp4", content_type="video/mp4", duration_s=12.0)


@dataclass
class Service(httpx.BaseTransport):
    """Answers for the API, and for the buckets behind its presigned URLs.

    Attributes:
        posted: keys of the objects that were uploaded, in order.
        broken: whether every connection fails.
        too_large: names of files that the bucket does not take.
    """

    world: World = field(default_factory=World)
    posted: list[str] = field(default_factory=list)
    broken: bool = False
    too_large: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._api = TestClient(create_app(self.world.services))._transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.broken:
            raise httpx.ConnectError("nobody listens", request=request)
        if request.url.host == "raw.test":
            return self._take(request)
        if request.url.host == "artifacts.test":
            return httpx.Response(
                200, content=self.world.objects.get("artifacts", request.url.path[1:])
            )
        return self._api.handle_request(request)

    def _take(self, request: httpx.Request) -> httpx.Response:
        if request.method != "POST":
            return httpx.Response(404, text=f"<Error><Code>NoSuchBucket</Code>{DETAILS}</Error>")
        body = request.read()
        key, content = KEY.search(body), FILE.search(body)
        assert key and content
        name = key[1].decode()
        if name.split("/")[-1] in self.too_large:
            error = "<Code>EntityTooLarge</Code><Message>Your upload is too large</Message>"
            return httpx.Response(400, text=f"<Error>{error}{DETAILS}</Error>")
        self.world.objects.put("raw", name, content[1], "application/octet-stream")
        self.posted.append(name)
        self._arrived(name.split("/")[2], content[1])
        return httpx.Response(204)

    def _arrived(self, asset_id: str, content: bytes) -> None:
        """Content that starts with `text` is refused, with `boom` fails, with `slow` is never
        done; all else is done, what starts with `half` with a note, and matches what starts with
        the same letter."""
        asset = self.world.library.asset("acme", asset_id)
        outcome: dict[str, object] = {"state": ResultState.DONE}
        if content.startswith(b"text"):
            refusal = {"reason_code": "text", "reason": "Only text."}
            self.world.library.save(
                asset.model_copy(update={"state": AssetState.REFUSED, **refusal})
            )
            return
        if content.startswith(b"boom"):
            outcome = {"state": ResultState.FAILED, "reason": "The worker was lost."}
        elif content.startswith(b"slow"):
            outcome = {"state": ResultState.RUNNING}
        elif content.startswith(b"half"):
            outcome["notes"] = (HALF,)
        folder = f"artifacts/acme/{asset.sha256}/dedupe/e"
        stored = asset.model_copy(update={"state": AssetState.STORED, "info": VIDEO})
        self.world.library.save(stored)
        files = {name: f"{folder}/{name}" for name in ("tiles.jpg", "tiles.json")}
        result = Result(
            tenant="acme",
            asset_id=asset_id,
            capability=SPEC.capability,
            engine=SPEC.reference,
            state=ResultState.DONE,
            job_id=new_id(),
            attempt=1,
            asset_created_at=asset.created_at,
            created_at=now(),
            updated_at=now(),
            artifacts=files,
        )
        self.world.library.save(result.model_copy(update=outcome))
        jpeg, index = sheet([0.0, 1.0, 2.0])
        facts = StoryboardIndex(
            columns=10, tile_width=160, tile_height=90, times_s=tuple(index.times_s)
        )
        self.world.objects.put("artifacts", f"{folder}/tiles.jpg", jpeg, "image/jpeg")
        self.world.objects.put(
            "artifacts", f"{folder}/tiles.json", facts.model_dump_json().encode(), "text/json"
        )
        if outcome["state"] is ResultState.DONE:
            self._match(asset_id, content)

    def _match(self, asset_id: str, content: bytes) -> None:
        page = self.world.library.list_analyzed("acme", status=None, limit=1000, cursor=None)
        for record in page.items:
            other = record.asset
            if other.asset_id == asset_id or record.status is not AssetStatus.DONE:
                continue
            body = self.world.objects.get("raw", other.key)
            if body[:1] == content[:1]:
                same = body == content
                self._record(asset_id, other.asset_id, 0.99 if same else 0.75, same=same)

    def _record(self, first: str, second: str, score: float, *, same: bool) -> None:
        a, b = sorted((first, second))
        verdict = Verdict(
            match_class=MatchClass.EXACT if same else MatchClass.SIMILAR,
            score=score,
            probability=0.9875 if same else 0.5,
            calibrated_on="labelled.json, 40 pairs, 2026-01-02",
            visual=score,
            audio=None,
            metadata=0.5,
            weights={"visual": 0.867, "metadata": 0.133},
            reason="The pictures agree over 2.0 s.",
            boundary=0.95 if same else 0.70,
            segments=(Segment(a_start=0, a_end=2, b_start=0, b_end=2),),
            pairs=(FramePair(a_time=1.0, b_time=1.0, similarity=0.98),),
            engine="test/1",
        )
        self.world.library.save_match(match_of("acme", a, b, verdict, now()))
