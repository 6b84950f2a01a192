"""Hashes as films have them, in any number: what the index's benchmark searches.

Uniform random bits would flatter every index. Here a frame is a mixture of smooth random fields,
whose coefficients fall off as one over frequency like those of pictures: a scene that changes into
another within its shot, and a look that many films share. So bits are correlated within a film
and between films, frames repeat, and repeated ones are dropped as the fingerprint drops them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint import dct
from filmgate.dedupe.index.port import IndexEntry, IndexQuery

FRAMES = 120
"""Frames of a film before repeated ones are dropped."""

_SHOT = 12
_FIELDS = 4096
_LOOKS = 64
_REPEAT_BITS = 16
_FILMS_AT_ONCE = 500
_NONE = np.zeros(0, np.uint32)
_NO_CROPS = np.zeros((0, 32), np.uint8)

Coefficients = NDArray[np.int8]
Hashes = NDArray[np.uint8]


class Corpus:
    """Films by number, always the same."""

    def __init__(self, seed: int = 1) -> None:
        self._seed = seed
        rng = np.random.default_rng(seed)
        raw = rng.standard_normal((_FIELDS, 16, 16), dtype=np.float32)
        raw /= np.maximum(dct.whitening(), 1)
        self._fields = (dct.whiten(raw) * dct.SCALE).astype(np.float32)

    def films(self, first: int, count: int) -> Iterator[tuple[int, Coefficients, Hashes]]:
        """Number, int8 (n, 16, 16) and uint8 (n, 32) of each film from `first` on."""
        for start in range(first, first + count, _FILMS_AT_ONCE):
            many = range(start, min(start + _FILMS_AT_ONCE, first + count))
            drawn = [self._drawn(film) for film in many]
            coefficients = np.concatenate(drawn)
            hashes = dct.bits(coefficients).reshape(len(drawn), FRAMES, 32)
            for film, frames, bits in zip(many, drawn, hashes, strict=True):
                kept = _changing(bits)
                yield film, frames[kept], bits[kept]

    def film(self, number: int) -> tuple[Coefficients, Hashes]:
        """One film's coefficients and hashes."""
        ((_, coefficients, hashes),) = self.films(number, 1)
        return coefficients, hashes

    def entries(self, first: int, count: int) -> Iterator[IndexEntry]:
        """The films as the index takes them in."""
        for film, _, hashes in self.films(first, count):
            yield entry(film, hashes)

    def _drawn(self, film: int) -> Coefficients:
        rng = np.random.default_rng((self._seed, film))
        shots = FRAMES // _SHOT
        scene, next_scene = self._fields[rng.integers(0, _FIELDS, (2, shots))]
        look = self._fields[rng.integers(0, _LOOKS)]
        turn = np.linspace(0, rng.uniform(0.3, 3.0, shots), _SHOT).T[..., None, None]
        moved = scene[:, None] * np.cos(turn) + next_scene[:, None] * np.sin(turn)
        mixed = (0.8 * moved + 0.6 * look).reshape(FRAMES, 16, 16)
        return np.clip(np.rint(mixed), -127, 127).astype(np.int8)


def _changing(bits: Hashes) -> list[int]:
    """Frames unlike the one kept before."""
    kept = [0]
    for row in range(1, len(bits)):
        if int(np.bitwise_count(bits[row] ^ bits[kept[-1]]).sum()) >= _REPEAT_BITS:
            kept.append(row)
    return kept


def name(film: int) -> str:
    """As long as an asset's id."""
    return f"{film:026x}"


def entry(film: int, hashes: Hashes) -> IndexEntry:
    """A film without crops and sound."""
    return IndexEntry(name(film), f"{film:064x}", hashes, _NO_CROPS, _NONE, _NONE.view(np.int32))


def query(coefficients: Coefficients) -> IndexQuery:
    """All orientations of these frames."""
    turned = [dct.bits(dct.orient(coefficients, *way)) for way in dct.ORIENTATIONS]
    return asked(np.stack(turned))


def asked(frames: Hashes) -> IndexQuery:
    """A query of these hashes, uint8 (variants, n, 32), by an asset that is in no corpus."""
    return IndexQuery("query", "f" * 64, frames, _NO_CROPS, _NONE, _NONE.view(np.int32))


def copied(coefficients: Coefficients, bits: int, rng: np.random.Generator) -> Hashes:
    """Hashes that differ from those of the frames in so many bits, uint8 (n, 32).

    In those that noise reaches first: where a coefficient is close to the median, and at high
    frequencies, which whitening amplifies.
    """
    flat = coefficients.reshape(len(coefficients), 256).astype(np.float32)
    margin = np.abs(flat - np.median(flat[:, 1:], axis=1, keepdims=True))
    strength = np.abs(rng.standard_normal(flat.shape)) * dct.whitening().reshape(256)
    reach = np.where(strength > 0, margin / np.maximum(strength, 1e-9), np.inf)
    plain = np.unpackbits(dct.bits(coefficients), axis=1)
    flipped = np.argsort(reach, axis=1)[:, :bits]
    np.put_along_axis(plain, flipped, 1 - np.take_along_axis(plain, flipped, axis=1), axis=1)
    return np.packbits(plain, axis=1)
