"""One pair of files on its way from bytes to a verdict, with the numbers of each stage.

From the root of the checkout, with the virtual environment on: `python -m tests.worked_example`
takes a film and a picture of the sample library, each with a copy of it, and
`python -m tests.worked_example A B` takes two files of yours. The README of
`filmgate.dedupe.matching` shows the first, and a test holds it against what is printed.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.fingerprint.retrieval import index_entry, index_query
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.matching.compare import compare, order
from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.frame_features import Usable, usable
from filmgate.dedupe.matching.geometric_verification import placements
from filmgate.dedupe.matching.motion_correlation import along
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate.dedupe.matching.spatial_alignment import best_orientation, find_views
from filmgate.dedupe.matching.temporal_alignment import align
from filmgate.dedupe.matching.transform import View, Views, similarities
from filmgate.errors import MediaRefused
from filmgate.media.model import MediaKind
from filmgate_samples.library import make_files
from tests.clips import taken
from tests.memory import MemoryDeltaStore, MemorySegmentStore

PAIRS = (
    ("videos/reef.mp4", "videos/reef_fast.mp4"),
    ("images/lake.jpg", "images/lake_cropped.jpg"),
)
FOLDER = Path(__file__).parents[1] / ".build/worked-example"


def told(folder: Path, a: str, b: str) -> Iterator[str]:
    """The stages of a pair, one line each."""
    first, second = taken(folder / a), taken(folder / b)
    yield f"{a} and {b}"
    for name, made in ((a, first), (b, second)):
        yield f"  media        {Path(name).name}: {_facts(made)}"
    for name, made in ((a, first), (b, second)):
        yield f"  fingerprint  {Path(name).name}: {_kept(made)}"
    yield f"  index        {_found(first, second)}"
    left, right = usable(first), usable(second)
    if left and right:
        kinds = {made.info.kind for made in (first, second)}
        if kinds == {MediaKind.VIDEO}:
            # As `compare` has it, whichever was named first.
            backwards = order(second) < order(first)
            yield from _films(right, left, "b", "a") if backwards else _films(left, right)
        elif kinds == {MediaKind.IMAGE}:
            yield from _pictures(left, right)
    yield from _judged(first, second)


def _facts(made: Fingerprint) -> str:
    info = made.info
    length = f"{info.duration_s:.2f} s" if info.duration_s else None
    size = f"{info.width} x {info.height}" if info.width else None
    told = (info.format, size, length, info.video_codec, info.audio_codec)
    return f"{info.kind.value}, {', '.join(filter(None, told))}"


def _kept(made: Fingerprint) -> str:
    frames = 0 if made.frames is None else len(made.frames.worth_matching())
    points = 0 if made.keypoints is None else len(made.keypoints.positions)
    peaks = 0 if made.audio is None else len(made.audio.times_ms)
    return f"frames worth matching {frames}, keypoints {points}, peaks of sound {peaks}"


def _found(first: Fingerprint, second: Fingerprint) -> str:
    """What b's search brings a up by."""
    with tempfile.TemporaryDirectory() as folder:
        index = SegmentIndex(MemoryDeltaStore(), MemorySegmentStore(), cache_dir=Path(folder))
        index.add("t", index_entry("a", first))
        found = index.search("t", index_query("b", second), limit=1)
    if not found:
        return "b does not find a"
    (one,) = found
    return (
        f"b finds a by frames {one.frame_hits}, landmarks {one.audio_votes},"
        f" keypoints {one.keypoint_votes}"
    )


def _films(a: Usable, b: Usable, one: str = "a", other: str = "b") -> Iterator[str]:
    views = find_views(a.pictures, b.pictures)
    yield f"  views        {_view(views, one, other)}"
    table = similarities(a.coefficients, b.coefficients, views.a, views.b)
    for stretch in align(table, a.times, b.times):
        line = stretch.line
        yield (
            f"  line         t_{other} = t_{one} / {line.speed:.3f} {line.offset:+.2f} s,"
            f" {len(stretch.rows)} frames, similarity {stretch.similarity.mean():.2f}"
        )
        change = along(a, b, stretch, views)
        yield (
            f"  residual     {change.energy:.2f} of the picture changes,"
            f" correlation {change.correlation:.2f}"
        )


def _pictures(a: Usable, b: Usable) -> Iterator[str]:
    yield f"  views        {_view(best_orientation(a.pictures, b.pictures))}"
    first, second = a.pictures.keypoints, b.pictures.keypoints
    for placed in placements(first, second)[:1] if first and second else ():
        yield (
            f"  placement    {placed.agreed} keypoints agree, {placed.share:.2f} of those that"
            f" could; b shows {_box(placed.a_box)} of a"
        )


def _view(views: Views, one: str = "a", other: str = "b") -> str:
    seen = f"{one} {_seen(views.a)}, {other} {_seen(views.b)}"
    return f"{seen}: similarity {views.similarity:.2f}"


def _seen(view: View) -> str:
    told = [f"turned {view.turn}" if view.turn else "", "mirrored" if view.mirror else ""]
    told.append("" if view.box == View().box else f"cut to {_box(view.box)}")
    return " ".join(filter(None, told)) or "whole"


def _box(box: tuple[float, float, float, float]) -> str:
    top, bottom, left, right = (f"{edge:.2f}" for edge in box)
    return f"{top} to {bottom} down and {left} to {right} across"


def _judged(first: Fingerprint, second: Fingerprint) -> Iterator[str]:
    made = compare(first, second)
    for name in ("visual", "audio", "metadata"):
        score = getattr(made, name)
        if score is not None:
            decisive = ", decisive" if name in made.decisive else ""
            yield f"  {name:<12} {score:.2f}{decisive}"
    settings = MatchSettings()
    verdict = decide(made, settings)
    chance = "none" if verdict.probability is None else f"{verdict.probability:.2f}"
    yield (
        f"  verdict      {verdict.match_class.value}, score {verdict.score:.3f}"
        f" (from {verdict.boundary:.2f}; exact from {settings.boundaries(made.kind).exact:.2f}),"
        f" probability {chance}"
    )
    yield f"               {verdict.reason}"


def main() -> None:
    """Print two pairs of the sample library, or the pair that was named."""
    if len(sys.argv) not in {1, 3}:
        raise SystemExit("Name two files, or none for the pairs of the sample library.")
    if len(sys.argv) == 3:
        try:
            print(*told(Path(), *sys.argv[1:]), sep="\n")
        except (MediaRefused, OSError) as error:
            raise SystemExit(f"Not to be compared: {error}") from None
        return
    make_files(FOLDER, [path for pair in PAIRS for path in pair], seed=1)
    for pair in PAIRS:
        print(*told(FOLDER, *pair), sep="\n")


if __name__ == "__main__":
    main()
