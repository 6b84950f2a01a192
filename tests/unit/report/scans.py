"""A scan result and its tile sheets, drawn on the spot."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw

from filmgate.client.scan_result import OutsideMatch, ScanAsset, ScanMatch, ScanResult
from filmgate.dedupe.matching.model import FramePair, MatchClass, Segment, Transform
from filmgate.library.model import AssetStatus
from filmgate.media.model import MediaKind
from filmgate.media.storyboard import StoryboardIndex

ENGINE = "filmgate-match/1"
WEIGHTS = {"visual": 0.65, "audio": 0.25, "metadata": 0.10}


def sheet(
    times: list[float], *, hue: int = 0, mirror: bool = False
) -> tuple[bytes, StoryboardIndex]:
    """A sheet whose tile i shows a disc that moves with its time."""
    width, height, columns = 160, 90, 10
    rows = -(-len(times) // columns)
    image = Image.new("RGB", (columns * width, rows * height))
    for number, time in enumerate(times):
        tile = Image.new("HSV", (width, height), (hue, 120, 110)).convert("RGB")
        draw = ImageDraw.Draw(tile)
        x = 20 + time * 12 % 110
        draw.rectangle((0, 60, width, height), fill=(40, 70, 50))
        draw.ellipse((x, 18, x + 34, 52), fill=(250, 210, 90))
        if mirror:
            tile = tile.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        row, column = divmod(number, columns)
        image.paste(tile, (column * width, row * height))
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue(), StoryboardIndex(
        columns=columns, tile_width=width, tile_height=height, times_s=tuple(times)
    )


def asset(path: str, kind: MediaKind | None = MediaKind.VIDEO, **more: object) -> ScanAsset:
    facts: dict[str, object] = {"status": AssetStatus.DONE, "duration_s": 12.0} | more
    return ScanAsset.model_validate({"path": path, "asset_id": f"id-{path}", "kind": kind, **facts})


def match(a: str, b: str, match_class: MatchClass, score: float, **more: object) -> ScanMatch:
    segments = (Segment(a_start=2, a_end=9, b_start=0, b_end=7),)
    facts: dict[str, object] = {
        "visual": score,
        "audio": None,
        "metadata": 0.4,
        "weights": {"visual": 0.867, "metadata": 0.133},
        "transform": Transform(mirror=True, speed=1.25, crop=True),
        "segments": segments,
        "pairs": tuple(
            FramePair(a_time=2.0 + i, b_time=float(i), similarity=0.97) for i in range(7)
        ),
        "engine": ENGINE,
        "reason": f"Aligned pictures over 7.0 s agree; {score} reaches the class's boundary.",
    } | more
    return ScanMatch.model_validate(
        {"a": a, "b": b, "class": match_class, "score": score, **facts}
        | {"asset_a": f"id-{a}", "asset_b": f"id-{b}", "match_id": f"id-{a}:id-{b}"}
    )


def outside(other: str, score: float = 0.99) -> OutsideMatch:
    facts: dict[str, object] = {"class": MatchClass.EXACT, "score": score, "partial": False}
    sides = {"path": "beach.mp4", "asset_id": "id-beach.mp4", "other": other, "other_id": "id-o"}
    return OutsideMatch.model_validate(
        {**sides, **facts, "match_id": "id-beach.mp4:id-o", "reason": "The same bytes."}
    )


def result() -> ScanResult:
    """A group of three videos, one of two images, a similar pair, a refused and a failed file."""
    still: dict[str, object] = {
        "segments": (),
        "pairs": (FramePair(a_time=0, b_time=0, similarity=0.99),),
        "transform": Transform(turn=90),
        "metadata": 0.8,
    }
    return ScanResult(
        assets=(
            asset("beach.mp4"),
            asset("beach mirrored.mp4", duration_s=9.0),
            asset("trips/long cut of the whole summer.mov", duration_s=61.5),
            asset("other room.mp4"),
            asset("bridge.jpg", MediaKind.IMAGE, duration_s=0.0),
            asset("bridge turned.png", MediaKind.IMAGE, duration_s=0.0),
            asset("song.mp3", MediaKind.AUDIO),
            asset(
                "list.mp4",
                None,
                status=AssetStatus.REFUSED,
                reason="A playlist, not a video: it only points at other files.",
            ),
            asset("broken.mkv", status=AssetStatus.FAILED, reason="The worker ran out of memory."),
        ),
        matches=(
            match("bridge.jpg", "bridge turned.png", MatchClass.EXACT, 0.981, **still),
            match(
                "beach.mp4",
                "beach mirrored.mp4",
                MatchClass.EXACT,
                0.967,
                audio=0.91,
                weights=WEIGHTS,
            ),
            match(
                "beach.mp4",
                "trips/long cut of the whole summer.mov",
                MatchClass.NEAR,
                0.902,
                segments=(
                    Segment(a_start=0, a_end=5, b_start=20, b_end=25),
                    Segment(a_start=6, a_end=12, b_start=40, b_end=46),
                ),
                transform=Transform(partial=True, audio_replaced=True),
                pairs=(),
            ),
            match(
                "beach mirrored.mp4",
                "trips/long cut of the whole summer.mov",
                MatchClass.SIMILAR,
                0.81,
            ),
            match("beach.mp4", "other room.mp4", MatchClass.SIMILAR, 0.712),
        ),
        groups=(
            ("beach mirrored.mp4", "beach.mp4", "trips/long cut of the whole summer.mov"),
            ("bridge turned.png", "bridge.jpg"),
        ),
    )


def tiles(asset_id: str) -> tuple[bytes, StoryboardIndex] | None:
    """The sheet of each asset of `result`; None for sound and refused files."""
    path = asset_id.removeprefix("id-")
    if path.endswith((".mp3", ".mkv")) or path == "list.mp4":
        return None
    if path.startswith("bridge"):
        return sheet([0.0], hue=30, mirror="turned" in path)
    length = 60 if "long" in path else 12
    return sheet([i * 0.5 for i in range(length * 2)], hue=150, mirror="mirrored" in path)
