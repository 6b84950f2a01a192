"""Copies of sound made by every edit of the samples, searched for among all originals.

Some files of ../shared/data/speech and music, one a speaker, at most twelve seconds of each; where
they are not there, synthesised sounds. What either index loses is missed there; only what the
exact index brings up is compared.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from filmgate.dedupe.fingerprint.constellation import RATE_HZ, constellation
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.fingerprint.retrieval import index_entry, index_query
from filmgate.dedupe.index.bands import BandIndex
from filmgate.dedupe.index.port import CandidateIndex
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.matching.compare import compare
from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate.dedupe.tuning.truth import is_call
from filmgate.media.model import MediaInfo, MediaKind
from filmgate.pipeline.dedupe import MAX_CANDIDATES
from filmgate_samples import plan, synth
from filmgate_samples.clip import RATE_HZ as SAMPLES_RATE_HZ
from filmgate_samples.clip import Sound, read_sound
from filmgate_samples.sound_edits import SOUND_EDITS
from tests.benchmarks.common import SHARED
from tests.memory import MemoryBucketStore, MemoryDeltaStore, MemorySegmentStore

SEED = 20
SECONDS = 12.0
SPEAKERS = 25
_TENANT = "bench"
_SETTINGS = MatchSettings()


@dataclass(frozen=True)
class Outcome:
    """One copy: whether each index brought its original up, and whether it was called so; and how
    many others were called."""

    edit: str
    exact: bool
    bands: bool
    called: bool
    wrong: int


def outcomes() -> Iterator[Outcome]:
    """Every original through every edit, with parameters drawn by the seed."""
    originals = dict(_originals())
    prints = {name: _print(name, sound) for name, sound in originals.items()}
    with tempfile.TemporaryDirectory() as folder:
        exact = SegmentIndex(MemoryDeltaStore(), MemorySegmentStore(), cache_dir=Path(folder))
        bands = BandIndex(MemoryBucketStore())
        for name, made in prints.items():
            for index in (exact, bands):
                index.add(_TENANT, index_entry(name, made))
        for name, sound in originals.items():
            for edit, way in SOUND_EDITS.items():
                drawn = way.draw(plan.stream(SEED, f"{name}/{edit}"))
                copy = _print(f"{name}/{edit}", way.change(sound, drawn))
                found = _candidates(exact, copy)
                called = {other for other in found if _called(prints[other], copy)}
                yield Outcome(
                    edit,
                    name in found,
                    name in _candidates(bands, copy),
                    name in called,
                    len(called - {name}),
                )


def _originals() -> Iterator[tuple[str, Sound]]:
    """Names, and sound at the rate of files."""
    if not SHARED.is_dir():
        for number in range(SPEAKERS):
            rng = np.random.default_rng([SEED, number])
            yield f"sound {number}", (synth.babble if number % 2 else synth.music)(rng, SECONDS)
        return
    speakers: dict[str, Path] = {}
    for path in sorted(SHARED.glob("speech/**/*.flac")):
        speakers.setdefault(path.stem.split("-")[0], path)
    drawn = random.Random(SEED).sample(sorted(speakers.values()), SPEAKERS)
    for path in [*drawn, *sorted(SHARED.glob("music/*.ogg"))]:
        yield path.stem, read_sound(path)[: int(SECONDS * SAMPLES_RATE_HZ)]


def _print(name: str, sound: Sound) -> Fingerprint:
    step = SAMPLES_RATE_HZ // RATE_HZ
    whole = sound[: len(sound) // step * step]
    info = MediaInfo(
        kind=MediaKind.AUDIO,
        format="flac",
        content_type="audio/flac",
        duration_s=len(whole) / SAMPLES_RATE_HZ,
    )
    digest = hashlib.sha256(name.encode()).hexdigest()
    reduced = whole.reshape(-1, step).mean(axis=1).astype(np.float32)
    return Fingerprint("bench", digest, info, None, constellation(reduced))


def _candidates(index: CandidateIndex, copy: Fingerprint) -> set[str]:
    found = index.search(_TENANT, index_query("copy", copy), limit=MAX_CANDIDATES)
    return {candidate.asset_id for candidate in found}


def _called(one: Fingerprint, other: Fingerprint) -> bool:
    a, b = sorted((one, other), key=lambda made: made.sha256)
    verdict = decide(compare(a, b), _SETTINGS)
    return is_call(verdict.match_class, verdict.transform.partial)
