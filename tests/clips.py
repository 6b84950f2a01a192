"""Small films and pictures, rendered on the spot, and their fingerprints."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from filmgate.dedupe.fingerprint.engine import fingerprint
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.tuning.truth import Parameters
from filmgate.media.limits import Limits
from filmgate.media.probe import probe
from filmgate_samples import synth, transforms
from filmgate_samples.clip import Clip, Encoding, Picture, Sound, write_clip
from filmgate_samples.rendering import SCENES

SIZE = (160, 90)
RATE_HZ = 12.5


def scene(name: str, seconds: float, seed: int = 1) -> list[Picture]:
    """Pictures of one of the sample library's scenes, `RATE_HZ` a second."""
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return list(SCENES[name](np.random.default_rng(seed), SIZE, times))


def music(seconds: float, seed: int = 1) -> Sound:
    return synth.music(np.random.default_rng(seed), seconds)


def film(target: Path, pictures: Sequence[Picture], sound: Sound | None = None) -> Path:
    times = np.arange(len(pictures)) / RATE_HZ
    write_clip(target, Clip(pictures, times, RATE_HZ, sound), Encoding())
    return target


def taken(path: Path) -> Fingerprint:
    """The fingerprint of a file, as the service makes it."""
    limits = Limits()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return fingerprint(path, digest, probe(path, limits), limits)


def copied(source: Path, folder: Path, transform: str, seed: int = 5) -> tuple[Path, Parameters]:
    """A copy made by one of the sample library's transforms, and the parameters it drew."""
    kind = transforms.kind_of(source)
    target = folder / f"{transform}{transforms.suffix(kind, transform) or source.suffix}"
    parameters = transforms.apply(source, target, transform, np.random.default_rng(seed))
    return target, dict(parameters)
