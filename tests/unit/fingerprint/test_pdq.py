"""PDQ exports against the reference implementation, and their quality."""

from __future__ import annotations

import numpy as np
import pytest

from filmgate.fingerprint.pdq import pdq, pdq_of
from filmgate.media.model import Frame
from filmgate.samples.rendering import STILLS


@pytest.mark.parametrize("name", sorted(STILLS))
@pytest.mark.parametrize("size", [(256, 144), (144, 256), (131, 77), (64, 64), (250, 40)])
def test_equals_the_reference(name: str, size: tuple[int, int]) -> None:
    reference = pytest.importorskip("pdqhash", reason="the PDQ reference is not installed")
    picture = STILLS[name](np.random.default_rng(2), size)
    digits, quality = pdq_of(picture)
    bits, reference_quality = reference.compute(picture)
    ours = np.unpackbits(np.frombuffer(bytes.fromhex(digits), dtype=np.uint8))
    # Values on the median round either way; the radius PDQ is used with is 31.
    assert int((ours != bits).sum()) <= 2
    assert abs(quality - reference_quality) <= 1


@pytest.mark.parametrize("level", [0, 90, 255])
def test_flat_pictures_have_no_quality(level: int) -> None:
    digits, quality = pdq_of(np.full((90, 160, 3), level, dtype=np.uint8))
    assert quality == 0
    assert len(digits) == 64


def test_a_detailed_picture_has_full_quality() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    assert pdq_of(noise)[1] == 100


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1), (3, 5), (63, 65)])
def test_any_size_has_a_hash(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    digits, quality = pdq_of(picture)
    assert len(bytes.fromhex(digits)) == 32
    assert 0 <= quality <= 100


def test_a_frame_keeps_its_time() -> None:
    picture = np.zeros((4, 4, 3), dtype=np.uint8)
    assert pdq(Frame(1.5, picture))[0] == 1.5
