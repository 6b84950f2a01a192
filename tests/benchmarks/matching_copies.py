"""The copies of the matching benchmark: every source through every transform.

Parameters are drawn for each source and transform. Copies, fingerprints and the frame hashes of
the peers are kept under `.build/bench`, by the content they were made of and by the code that
made them, so a second run makes nothing again.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

import filmgate_samples as samples
from filmgate.dedupe.fingerprint.codec import dumps, loads
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.tuning.truth import Parameters
from filmgate.errors import MediaRefused
from filmgate.media.limits import Limits
from filmgate.media.model import MediaKind
from filmgate.media.probe import probe
from filmgate_samples import plan, transforms
from filmgate_samples.clip import Clip, read_clip, write_clip
from tests.benchmarks.bare import code, fingerprinted
from tests.benchmarks.common import note
from tests.benchmarks.matching_peers import FrameHasher
from tests.benchmarks.matching_sources import FOLDER, SHARED_BY_ALL, Source, Split

DRAW_SEED = 20
PROCESSES = max(2, min(8, len(os.sched_getaffinity(0)))) if hasattr(os, "sched_getaffinity") else 2
_FINGERPRINTS = FOLDER / "fingerprints"
_LIMITS = Limits()
Interval = tuple[float, float]


@dataclass(frozen=True)
class Variant:
    """One way of copying.

    Attributes:
        base: the transform of `filmgate_samples.transforms`.
        fixed: parameters set here, after the others were drawn.
        shared: class of negative that all files made this way fall into among each other.
        every: made of every so-many-th source of a kind.
        least_s: made only of sources at least so long.
    """

    name: str
    base: str
    fixed: Callable[[Generator, Split], Parameters] = lambda _rng, _split: {}
    shared: str = ""
    every: int = 1
    least_s: float = 0.0


def _number(rng: Generator, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 3)


def _crop(share: float) -> Callable[[Generator, Split], Parameters]:
    return lambda _rng, _split: {"share": share}


def _rotation(rng: Generator, _: Split) -> Parameters:
    return {"degrees": round(float(rng.uniform(1, 7) * rng.choice([-1, 1])), 2)}


def _host(rng: Generator, _: Split) -> Parameters:
    return {"before_s": _number(rng, 2, 8), "after_s": _number(rng, 2, 8)}


def _same(name: str, **values: float | int | str) -> Callable[[Generator, Split], Parameters]:
    """The same for all sources of a half; what is named gets a seed of its own there."""
    return lambda _rng, split: {name: 7 + list(Split).index(split), **values}


_CROPS = tuple(Variant(f"crop {lost} %", "crop", _crop(lost / 100)) for lost in (10, 15, 20))
_PICTURES = (
    Variant("resize", "resize"),
    *_CROPS,
    Variant("crop 30 %", "crop_30", _crop(0.30)),
    Variant("letterbox", "letterbox"),
    Variant("mirror", "mirror"),
    Variant("quarter turn", "turn"),
    Variant("rotation 1-7°", "rotate", _rotation),
    Variant("logo", "logo"),
    Variant("banner", "banner"),
    Variant("colour", "colour"),
    Variant("grey", "grey"),
    Variant("noise", "noise"),
    Variant("picture in picture", "picture_in_picture"),
    Variant("five at once", "five"),
    Variant(
        "same banner",
        "banner",
        lambda _rng, split: {"share": 0.18, "bottom": True, "words": f"Channel {split}"},
        shared="same banner",
        every=4,
    ),
    Variant(
        "same surround",
        "picture_in_picture",
        _same("background", scale=0.5, x=0.5, y=0.5),
        shared="same surround",
        every=4,
    ),
)
VARIANTS: Mapping[MediaKind, tuple[Variant, ...]] = {
    MediaKind.VIDEO: (
        Variant("low bitrate", "reencode"),
        *_PICTURES,
        Variant("speed 0.8-1.25", "speed"),
        Variant("trim to half", "trim"),
        Variant("inserted", "insert", _host),
        Variant("gif of a part", "gif"),
        Variant("other sound", "resound"),
        Variant("muted", "mute"),
        # An intro longer than half of the film would be a part of it that counts.
        Variant("same intro", "intro", _same("title", title_s=2.5), "same intro", 3, 5.0),
        Variant("black ends", "black_ends", shared="same black frames", every=3),
        Variant("same sound", "resound", _same("music"), "same sound", 3),
    ),
    MediaKind.IMAGE: (Variant("low quality", "jpeg"), *_PICTURES),
    MediaKind.AUDIO: (
        Variant("mp3 at 48 kbit/s", "mp3"),
        Variant("opus at 32 kbit/s", "opus"),
        Variant("trim to half", "trim"),
        Variant("noise at 0-12 dB", "noise", lambda rng, _: {"snr_db": _number(rng, 0, 12)}),
        Variant("voice over it", "voice_over"),
        Variant("low pass 2-3.5 kHz", "low_pass"),
        Variant("resampled 0.94-1.06", "resample"),
        Variant("tempo 0.85-1.2", "tempo"),
    ),
}


@dataclass(frozen=True)
class File:
    """A source itself (`variant` is "") or a copy of it.

    Attributes:
        parts: for a copy that holds only a part of its source or more than it, which seconds of
            the source are which seconds of the copy.
        digest: SHA-256 of its content, under which its fingerprint is kept.
        refused: why it cannot be used; its fingerprint is missing.
    """

    name: str
    source: str
    kind: MediaKind
    split: Split
    alike: Mapping[str, str]
    digest: str
    refused: str = ""
    variant: str = ""
    parameters: Parameters = field(default_factory=dict)
    parts: tuple[Interval, Interval] | None = None

    @property
    def reference(self) -> bool:
        """Whether queries are searched for in it."""
        return not self.variant or self.variant in _CONSTRUCTED


_CONSTRUCTED = {v.name for made in VARIANTS.values() for v in made if v.shared}
"""Copies made to be mistaken for each other: references too."""


@dataclass(frozen=True)
class _Task:
    source: Source
    place: int
    code: str


def files(sources: list[Source], halves: Collection[Split] = tuple(Split)) -> list[File]:
    """The sources of these halves and their copies, fingerprinted. Made in several processes."""
    places: dict[MediaKind, int] = {}
    tasks = []
    for source in sources:
        place = places[source.kind] = places.get(source.kind, -1) + 1
        if source.split in halves:
            tasks.append(_Task(source, place, code()))
    # The longest work first, so that both processes end together.
    tasks.sort(key=lambda task: task.source.kind is not MediaKind.VIDEO)
    found: list[File] = []
    keep_newest(_FINGERPRINTS, code())
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        for done, made in enumerate(pool.map(_made, tasks), 1):
            found += made
            if done % 10 == 0 or done == len(tasks):
                note(f"Copies of {done} of {len(tasks)} sources are made and fingerprinted.")
    return found


def _made(task: _Task) -> list[File]:
    """One source's files. Raises RuntimeError when the code changed since the run began."""
    if code() != task.code:
        raise RuntimeError("the code of the fingerprint changed during the run; run again")
    source = task.source
    reader = _Reader(source.path)
    found = [_file(source, source.path)]
    for number, variant in enumerate(VARIANTS[source.kind]):
        if task.place % variant.every or reader.seconds < variant.least_s:
            continue
        if source.sparse and (task.place + number) % 2:
            continue
        rng = plan.stream(DRAW_SEED, f"{source.name}/{variant.name}")
        parameters = transforms.draw(source.kind, variant.base, rng)
        parameters |= variant.fixed(rng, source.split)
        path = _copy(reader, source, variant, parameters)
        shared = {variant.shared: SHARED_BY_ALL} if variant.shared else {}
        found.append(
            replace(
                _file(source, path),
                name=f"{source.name} > {variant.name}",
                variant=variant.name,
                parameters=parameters,
                alike={**source.alike, **shared},
                parts=_parts(variant.base, parameters, reader),
            )
        )
    return found


def _file(source: Source, path: Path) -> File:
    digest = _digest(path)
    return File(
        name=source.name,
        source=source.name,
        kind=source.kind,
        split=source.split,
        alike=source.alike,
        digest=digest,
        refused=_fingerprinted(path, digest),
    )


class _Reader:
    """A source's clip, decoded when first needed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def clip(self) -> Clip:
        return read_clip(self.path)

    @cached_property
    def seconds(self) -> float:
        return probe(self.path, _LIMITS).duration_s


def _copy(reader: _Reader, source: Source, variant: Variant, parameters: Parameters) -> Path:
    made_of = [_digest(source.path), variant.base, parameters, _transform_code()]
    key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:12]
    suffix = transforms.suffix(source.kind, variant.base) or source.path.suffix
    target = FOLDER / "copies" / source.path.stem / f"{variant.base}-{key}{suffix}"
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".part-{os.getpid()}-{target.name}")
        if source.kind is MediaKind.VIDEO:
            video = transforms.VIDEO_TRANSFORMS[variant.base]
            write_clip(part, video.change(reader.clip, parameters), video.encoding(parameters))
        else:
            transforms.apply_with(source.path, part, variant.base, parameters)
        part.replace(target)
    return target


def _parts(base: str, parameters: Parameters, reader: _Reader) -> tuple[Interval, Interval] | None:
    if base not in {"trim", "gif", "insert", "intro", "black_ends"} or reader.path.suffix != ".mp4":
        return None
    seconds = reader.seconds
    if base in {"trim", "gif"}:
        keep = float(parameters["keep"]) * seconds
        start = float(parameters["start"]) * (seconds - keep)
        return (start, start + keep), (0.0, keep)
    before = float(parameters["title_s" if base == "intro" else "before_s"])
    return (0.0, seconds), (before, before + seconds)


def _fingerprinted(path: Path, digest: str) -> str:
    """Keep the fingerprint and the peers' hashes of a file; why it was refused, if it was."""
    target = _kept(digest)
    if target.is_file():
        return ""
    hasher = FrameHasher()
    try:
        info = probe(path, _LIMITS)
        made = fingerprinted(path, digest, info, hasher.take)
    except MediaRefused as refusal:
        return refusal.reason
    target.parent.mkdir(parents=True, exist_ok=True)
    hashes = target.with_suffix(f".part-{os.getpid()}.npy")
    np.save(hashes, hasher.hashes())
    hashes.replace(target.with_suffix(".npy"))
    part = target.with_suffix(f".part-{os.getpid()}")
    part.write_bytes(dumps(made))
    part.replace(target)
    return ""


def print_of(file: File) -> Fingerprint:
    """Its fingerprint, from where `files` kept it."""
    return loads(_kept(file.digest).read_bytes())


def frame_hashes(file: File) -> NDArray[np.uint64]:
    """Its frame hashes for the peers, uint64 (n,)."""
    hashes: NDArray[np.uint64] = np.load(_kept(file.digest).with_suffix(".npy"))
    return hashes


def keep_newest(folder: Path, current: str, most: int = 4) -> None:
    """Remove what all but the latest versions of the code made, each in a folder of its own."""
    (folder / current).mkdir(parents=True, exist_ok=True)
    (folder / current).touch()
    for old in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)[:-most]:
        shutil.rmtree(old, ignore_errors=True)


def _kept(digest: str) -> Path:
    return _FINGERPRINTS / code() / f"{digest}.npz"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


_TRANSFORMING = ("clip", "edits", "sound_edits", "synth", "transforms")


@cache
def _transform_code() -> str:
    digest = hashlib.sha256()
    for path in _transform_files():
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _transform_files() -> Iterator[Path]:
    package = Path(samples.__file__).parent
    yield from (package / f"{name}.py" for name in _TRANSFORMING)
    yield from sorted((package / "scenes").glob("*.py"))
