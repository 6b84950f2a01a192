"""How often sound is called a copy that is none, and how many copies are found.

Stretches of speech and music, all different: every file of ../shared/data/speech and music is cut
into stretches of six seconds that do not overlap; where it is not there, tunes and babble are
synthesised instead. Each stretch is searched for among all others, as uploads are. Apart from
that, pairs are compared that the index need not have brought together: all of one file and of one
speaker, and others drawn by the seed. For the copies see `sound_copies.py`.

Intervals are Wilson's, at 95 %. Sequenced music repeats its bars to the sample, and then two
stretches of it do hold the same sound: pairs within one piece of music are counted apart.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint.constellation import RATE_HZ, constellation
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.fingerprint.retrieval import index_entry, index_query
from filmgate.dedupe.index.segments import SegmentIndex
from filmgate.dedupe.matching.compare import compare
from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate.dedupe.tuning.truth import Rate, is_call, wilson
from filmgate.media.decode import decode
from filmgate.media.limits import Limits
from filmgate.media.model import MediaInfo, MediaKind
from filmgate.media.probe import probe
from filmgate.pipeline.dedupe import MAX_CANDIDATES
from filmgate_samples import synth
from filmgate_samples.clip import RATE_HZ as SAMPLES_RATE_HZ
from tests.benchmarks.common import (
    SHARED,
    Cell,
    Figure,
    Result,
    Sheet,
    machine,
    note,
    parser,
    publish,
    share,
    slug,
)
from tests.benchmarks.sound_copies import Outcome, outcomes
from tests.memory import MemoryDeltaStore, MemorySegmentStore

SEED = 20
STRETCH_S = 6.0
MOST_A_FILE = 12
_TENANT = "bench"
_SETTINGS = MatchSettings()
_LIMITS = Limits()
_SYNTHESISED = 40
_SAME_MUSIC = "one piece of music"
_ALL_BUT = "all but one piece of music"
_HARD = (_SAME_MUSIC, "one recording of speech", "one speaker")
_ORDER = (*_HARD, "two pieces of music", "two speakers", "speech and music")


@dataclass(frozen=True)
class Stretch:
    """Six seconds of a file; `voice` is who speaks, "" for music."""

    name: str
    file: str
    voice: str
    made: Fingerprint


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--pairs", type=int, default=3000, help="drawn pairs (default 3000)")
    chosen = words.parse_args()
    begun = time.perf_counter()
    stretches = list(_stretches())
    note(f"{len(stretches)} stretches after {time.perf_counter() - begun:.0f} s")
    searched, candidates = _searched(stretches)
    note(f"searched after {time.perf_counter() - begun:.0f} s")
    drawn = _drawn(stretches, chosen.pairs)
    compared = [(_class(*pair), _called(*pair)) for pair in drawn]
    head = "sound.false_positives" if SHARED.is_dir() else "sound_synthesised.false_positives"
    rows: list[tuple[Cell, ...]] = []
    figures: list[Figure] = []
    for name in (*_ORDER, _ALL_BUT):
        here = _rate(
            called
            for kind, called in compared
            if kind == name or (name == _ALL_BUT and kind != _SAME_MUSIC)
        )
        rows.append((name, "a pair that is compared", *_shown_rate(here)))
        figures += share(f"{head}_a_pair_compared.{slug(name)}", here)
    every = sum(_class(*pair) != _SAME_MUSIC for pair in combinations(stretches, 2))
    wrong = [pair for pair in searched if _class(*pair) != _SAME_MUSIC]
    a_pair = wilson(len(wrong), every)
    guilty = {stretch.name for pair in wrong for stretch in pair}
    a_query = wilson(len(guilty), len(stretches))
    rows.append((_ALL_BUT, "a pair, retrieval included", *_shown_rate(a_pair)))
    rows.append((_ALL_BUT, "a query", *_shown_rate(a_query)))
    figures += share(f"{head}_a_pair", a_pair)
    figures += share(f"{head}_a_query", a_query)
    sheet = Sheet(
        f"False calls among {len(stretches)} stretches of {STRETCH_S:g} s",
        ("pairs", "false calls for", "rate", "95 % interval", "of"),
        tuple(rows),
        (
            f"Candidates a query: {candidates / len(stretches):.2f}.",
            *(f"Called: {_label(*pair)}" for pair in searched),
        ),
    )
    copies, more = _copies()
    figures += more
    seconds = time.perf_counter() - begun
    details = {"seed": SEED}
    publish(Result("sound", (sheet, copies), tuple(figures), details, seconds, machine()))


def _copies() -> tuple[Sheet, list[Figure]]:
    found = list(outcomes())
    rows: list[tuple[Cell, ...]] = []
    figures: list[Figure] = []
    head = "sound" if SHARED.is_dir() else "sound_synthesised"
    for edit in (*dict.fromkeys(outcome.edit for outcome in found), "all"):
        here = [outcome for outcome in found if edit in ("all", outcome.edit)]
        rows.append((edit, *_recalls(here)))
        figures += share(f"{head}.recall.{slug(edit)}", _rate(o.called for o in here))
        figures += share(f"{head}.retrieval_recall.{slug(edit)}", _rate(o.exact for o in here))
        figures += share(f"{head}.bands_recall.{slug(edit)}", _rate(o.bands for o in here))
    wrong = sum(outcome.wrong for outcome in found)
    figures.append(Figure(f"{head}.false_positives_of_copies", wrong, "count"))
    sheet = Sheet(
        "Copies of sound found among all originals",
        ("edit", "found", "95 % interval", "of", "brought up", "by bands"),
        tuple(rows),
        (f"Other originals called: {wrong}.",),
    )
    return sheet, figures


def _recalls(found: list[Outcome]) -> tuple[Cell, ...]:
    def share(flags: Iterable[bool]) -> str:
        return f"{100 * sum(flags) / len(found):.3g} %"

    return (
        *_shown_rate(_rate(outcome.called for outcome in found)),
        share(outcome.exact for outcome in found),
        share(outcome.bands for outcome in found),
    )


def _label(one: Stretch, other: Stretch) -> str:
    """Voices are of real people: results name none."""
    return (
        f"{_class(one, other)}{'' if one.voice or other.voice else f': {one.name} | {other.name}'}"
    )


def _stretches() -> Iterator[Stretch]:
    for name, voice, info, samples in _sounds():
        length = round(STRETCH_S * RATE_HZ)
        for part in range(min(MOST_A_FILE, len(samples) // length)):
            cut = samples[part * length : (part + 1) * length]
            title = f"{name} {part * STRETCH_S:g} s"
            digest = hashlib.sha256(title.encode()).hexdigest()
            seconds = {"duration_s": STRETCH_S}
            facts = info.model_copy(update=seconds)
            made = Fingerprint("bench", digest, facts, None, constellation(cut))
            yield Stretch(title, name, voice, made)


def _sounds() -> Iterator[tuple[str, str, MediaInfo, NDArray[np.float32]]]:
    """Name, voice, facts, and samples at the rate of fingerprints."""
    if not SHARED.is_dir():
        note(f"{SHARED} is not here: sound is synthesised")
        yield from _synthesised()
        return
    paths = [*SHARED.glob("speech/**/*.flac"), *SHARED.glob("music/*.ogg")]
    for path in sorted(paths):
        info = probe(path, _LIMITS)
        decoded = decode(path, info, _LIMITS, sample_rate_hz=1.0)
        for _ in decoded.frames:
            pass
        if decoded.audio is not None:
            yield path.stem, _voice(path), info, decoded.audio


def _voice(path: Path) -> str:
    return path.stem.split("-")[0] if "speech" in path.parts else ""


def _synthesised() -> Iterator[tuple[str, str, MediaInfo, NDArray[np.float32]]]:
    step = SAMPLES_RATE_HZ // RATE_HZ
    info = MediaInfo(
        kind=MediaKind.AUDIO, format="flac", content_type="audio/flac", duration_s=STRETCH_S
    )
    for number in range(_SYNTHESISED):
        rng = np.random.default_rng([SEED, number])
        voice = f"voice {number}" if number % 2 else ""
        sound = (synth.babble if voice else synth.music)(rng, 2 * STRETCH_S)
        yield f"sound {number}", voice, info, sound.reshape(-1, step).mean(axis=1)


def _searched(stretches: list[Stretch]) -> tuple[list[tuple[Stretch, Stretch]], int]:
    """Pairs that are called after a search, and how many candidates all searches had."""
    called, candidates = [], 0
    by_id = {_id(stretch): stretch for stretch in stretches}
    with tempfile.TemporaryDirectory() as folder:
        index = SegmentIndex(MemoryDeltaStore(), MemorySegmentStore(), cache_dir=Path(folder))
        for name, stretch in by_id.items():
            index.add(_TENANT, index_entry(name, stretch.made))
        known = set()
        for name, stretch in by_id.items():
            found = index.search(_TENANT, index_query(name, stretch.made), limit=MAX_CANDIDATES)
            candidates += len(found)
            for candidate in found:
                pair = tuple(sorted((name, candidate.asset_id)))
                if pair not in known and _called(stretch, by_id[candidate.asset_id]):
                    called.append((stretch, by_id[candidate.asset_id]))
                known.add(pair)
    return called, candidates


def _id(stretch: Stretch) -> str:
    return stretch.made.sha256[:16]


def _called(one: Stretch, other: Stretch) -> bool:
    a, b = sorted((one, other), key=_id)
    verdict = decide(compare(a.made, b.made), _SETTINGS)
    return is_call(verdict.match_class, verdict.transform.partial)


def _drawn(stretches: list[Stretch], most: int) -> list[tuple[Stretch, Stretch]]:
    """All pairs of one file and of one speaker, and so many of the others."""
    pairs = list(combinations(stretches, 2))
    hard = [pair for pair in pairs if _class(*pair) in _HARD]
    others = [pair for pair in pairs if _class(*pair) not in _HARD]
    return hard + random.Random(SEED).sample(others, min(most, len(others)))


def _class(one: Stretch, other: Stretch) -> str:
    if one.file == other.file:
        return "one recording of speech" if one.voice else _SAME_MUSIC
    if one.voice and other.voice:
        return "one speaker" if one.voice == other.voice else "two speakers"
    return "speech and music" if one.voice or other.voice else "two pieces of music"


def _rate(called: Iterable[bool]) -> Rate:
    flags = list(called)
    return wilson(sum(flags), len(flags))


def _shown_rate(rate: Rate) -> tuple[Cell, ...]:
    if rate.value is None or rate.low is None or rate.high is None:
        return None, None, "0"
    interval = f"{100 * round(rate.low, 9):.3g} to {100 * rate.high:.3g} %"
    return f"{100 * rate.value:.3g} %", interval, f"{rate.hits} of {rate.total}"


if __name__ == "__main__":
    main()
