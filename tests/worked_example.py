"""Prints the stages of comparing two files, from bytes to a verdict, with their numbers.

From the root of the checkout, in the virtual environment: `python -m tests.worked_example` compares
a video and an image of the sample library with a copy each, and
`python -m tests.worked_example A B` compares two files of yours. The README of
`filmgate.dedupe.matching` shows the first output; a test compares it with what is printed.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.fingerprint.retrieval import index_entry, index_query
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.matching.compare import compare, measuring_order
from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.frame_features import MatchableFrames, matchable_frames
from filmgate.dedupe.matching.geometric_verification import affine_registrations
from filmgate.dedupe.matching.motion_correlation import MotionCorrelation
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate.dedupe.matching.spatial_alignment import best_orientation, register_frames
from filmgate.dedupe.matching.temporal_alignment import align
from filmgate.dedupe.matching.transform import Registration, SpatialTransform, similarity_matrix
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


def stages(folder: Path, a: str, b: str) -> Iterator[str]:
    """Yield one line for each stage of a pair."""
    a_print, b_print = taken(folder / a), taken(folder / b)
    yield f"{a} and {b}"
    for name, fingerprint in ((a, a_print), (b, b_print)):
        yield f"  media        {Path(name).name}: {_media(fingerprint)}"
    for name, fingerprint in ((a, a_print), (b, b_print)):
        yield f"  fingerprint  {Path(name).name}: {_features(fingerprint)}"
    yield f"  index        {_hits(a_print, b_print)}"
    a_frames, b_frames = matchable_frames(a_print), matchable_frames(b_print)
    if a_frames and b_frames:
        kinds = {fingerprint.info.kind for fingerprint in (a_print, b_print)}
        if kinds == {MediaKind.VIDEO}:
            # In the order in which `compare` measures, whichever was named first.
            if measuring_order(b_print) < measuring_order(a_print):
                yield from _video_stages(b_frames, a_frames, ("b", "a"))
            else:
                yield from _video_stages(a_frames, b_frames, ("a", "b"))
        elif kinds == {MediaKind.IMAGE}:
            yield from _image_stages(a_frames, b_frames)
    yield from _verdict(a_print, b_print)


def _media(fingerprint: Fingerprint) -> str:
    info = fingerprint.info
    duration = f"{info.duration_s:.2f} s" if info.duration_s else None
    size = f"{info.width} x {info.height}" if info.width else None
    properties = (info.format, size, duration, info.video_codec, info.audio_codec)
    return f"{info.kind.value}, {', '.join(filter(None, properties))}"


def _features(fingerprint: Fingerprint) -> str:
    frames = 0 if fingerprint.frames is None else len(fingerprint.frames.worth_matching())
    keypoints = 0 if fingerprint.keypoints is None else len(fingerprint.keypoints.positions)
    peaks = 0 if fingerprint.audio is None else len(fingerprint.audio.times_ms)
    return f"matchable frames {frames}, keypoints {keypoints}, audio peaks {peaks}"


def _hits(a_print: Fingerprint, b_print: Fingerprint) -> str:
    """Return by which features a search for `b` finds `a`."""
    with tempfile.TemporaryDirectory() as folder:
        index = SegmentIndex(MemoryDeltaStore(), MemorySegmentStore(), cache_dir=Path(folder))
        index.add("t", index_entry("a", a_print))
        candidates = index.search("t", index_query("b", b_print), limit=1)
    if not candidates:
        return "b does not find a"
    (candidate,) = candidates
    return (
        f"b finds a by frames {candidate.frame_hits}, landmarks {candidate.audio_votes},"
        f" keypoints {candidate.keypoint_votes}"
    )


def _video_stages(a: MatchableFrames, b: MatchableFrames, names: tuple[str, str]) -> Iterator[str]:
    registration = register_frames(a.frame_set, b.frame_set)
    yield f"  registration {_registration(registration, names)}"
    similarity = similarity_matrix(a.coefficients, b.coefficients, registration.a, registration.b)
    for segment in align(similarity, a.times, b.times):
        mapping = segment.mapping
        yield (
            f"  alignment    t_{names[1]} = t_{names[0]} / {mapping.speed:.3f}"
            f" {mapping.offset:+.2f} s, {len(segment.rows)} frames,"
            f" similarity {segment.similarity.mean():.2f}"
        )
        motion = MotionCorrelation.measure(a, b, segment, registration)
        yield (
            f"  motion       {motion.motion:.2f} of the picture changes,"
            f" correlation {motion.correlation:.2f}"
        )


def _image_stages(a: MatchableFrames, b: MatchableFrames) -> Iterator[str]:
    yield f"  registration {_registration(best_orientation(a.frame_set, b.frame_set))}"
    a_keypoints, b_keypoints = a.frame_set.keypoints, b.frame_set.keypoints
    if a_keypoints and b_keypoints:
        for affine in affine_registrations(a_keypoints, b_keypoints)[:1]:
            yield (
                f"  geometry     {affine.inliers} inliers, ratio {affine.inlier_ratio:.2f};"
                f" b shows {_box(affine.a_box)} of a"
            )


def _registration(registration: Registration, names: tuple[str, str] = ("a", "b")) -> str:
    a, b = _transform(registration.a), _transform(registration.b)
    return f"{names[0]} {a}, {names[1]} {b}: similarity {registration.similarity:.2f}"


def _transform(transform: SpatialTransform) -> str:
    steps = [
        "mirrored" if transform.mirror else "",
        f"rotated {transform.right_angle_deg}" if transform.right_angle_deg else "",
        "" if transform.box == SpatialTransform().box else f"cropped to {_box(transform.box)}",
    ]
    return " ".join(filter(None, steps)) or "unchanged"


def _box(box: tuple[float, float, float, float]) -> str:
    top, bottom, left, right = (f"{edge:.2f}" for edge in box)
    return f"{top} to {bottom} of the height and {left} to {right} of the width"


def _verdict(a_print: Fingerprint, b_print: Fingerprint) -> Iterator[str]:
    comparison = compare(a_print, b_print)
    for name in ("visual", "audio", "metadata"):
        score = getattr(comparison, name)
        if score is not None:
            decisive = ", decisive" if name in comparison.decisive else ""
            yield f"  {name:<12} {score:.2f}{decisive}"
    settings = MatchSettings()
    verdict = decide(comparison, settings)
    probability = "none" if verdict.probability is None else f"{verdict.probability:.2f}"
    exact = settings.boundaries(comparison.kind).exact
    yield (
        f"  verdict      {verdict.match_class.value}, score {verdict.score:.3f}"
        f" (from {verdict.boundary:.2f}; exact from {exact:.2f}),"
        f" probability {probability}"
    )
    yield f"               {verdict.reason}"


def main() -> None:
    """Print two pairs of the sample library, or the pair given as arguments."""
    if len(sys.argv) not in {1, 3}:
        raise SystemExit("Give two files, or none for the pairs of the sample library.")
    if len(sys.argv) == 3:
        try:
            print(*stages(Path(), *sys.argv[1:]), sep="\n")
        except (MediaRefused, OSError) as error:
            raise SystemExit(f"Cannot compare: {error}") from None
        return
    make_files(FOLDER, [path for pair in PAIRS for path in pair], seed=1)
    for pair in PAIRS:
        print(*stages(FOLDER, *pair), sep="\n")


if __name__ == "__main__":
    main()
