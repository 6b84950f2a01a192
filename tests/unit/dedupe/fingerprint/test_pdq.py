"""PDQ exports against the reference implementation, and their quality."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint.pdq import pdq, pdq_of
from filmgate.media.model import Frame

# What the reference implementation (pdqhash 0.2.8) makes of `_picture`.
REFERENCE = [
    ("waves", 144, 256, "feeee282003903dd7fff7fffffffff7ff7c4ff40fc00e000d000e00080008000"),
    ("waves", 131, 77, "6cbecd7e4978896099c08947bacf0b8f5b9fcb9e1b9c8ab8fbb0c3905a308b10"),
    ("waves", 64, 64, "9640ac3f2be0439f4660ccc789bd99209b4f9a5dfa70b2a71aef9accd6c89a88"),
    ("checks", 144, 256, "4b4d52ab9555ad949545aa9695519555cb55a4a2955500106aaeffae69a5ff6a"),
    ("checks", 131, 77, "fc44a804d7ff55d7d0419d95dc5195d52ac07f8028d57f953f2a286a3f2a606a"),
    ("checks", 64, 64, "01bfd1ea41ff55ffaa00fe7faa005f7f8a005f6f0a005a6ab015256af7c0a295"),
    ("xor", 144, 256, "41b721df56c9a8a54f08b1c93b660bbb37d9ee367057a54a7916f402f7a90d20"),
    ("xor", 131, 77, "b21fb2c65d13cd175a9e5c34e6fa72c961c652b5a669a769364d31c8318c31cc"),
    ("xor", 64, 64, "b6b60803c9d2be96a29cbee1502543dc54979de3d30a933e9ce331b925ad6ce4"),
]


def _picture(kind: str, height: int, width: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:height, 0:width]
    values = {
        "waves": (x * x * 3 + y * 5 * x + y * y * y // 9) // 37 % 256,
        "checks": ((x // 7 + y // 5) % 2) * 180 + ((x * 3 + y) % 60),
        "xor": (x ^ y) * 3 % 256,
    }[kind]
    return np.stack([values, (values * 7 // 5 + x) % 256, 255 - values], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(("kind", "height", "width", "digits"), REFERENCE)
def test_equals_the_reference(kind: str, height: int, width: int, digits: str) -> None:
    ours, quality = pdq_of(_picture(kind, height, width))
    # Values on the median round either way; the radius PDQ is used with is 31.
    assert (int(ours, 16) ^ int(digits, 16)).bit_count() <= 2
    assert quality == 100


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
