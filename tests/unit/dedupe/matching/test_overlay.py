"""An overlay is distinguished from encoding artefacts."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from filmgate.dedupe.fingerprint import dct
from filmgate.dedupe.matching.overlay import has_localised_overlay
from filmgate.dedupe.tuning.truth import Parameters
from filmgate_samples.edits import EDITS
from tests.clips import scene

Pictures = list[NDArray[np.uint8]]


def white(pictures: Pictures) -> NDArray[np.float32]:
    luma = np.stack([picture.mean(axis=2).astype(np.uint8) for picture in pictures])
    stored = dct.quantize(dct.whiten(dct.project(luma)))
    return stored.astype(np.float32) / np.float32(dct.SCALE)


def encoded(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(out))


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    return scene("reef", 1.5)


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("bottom", [False, True])
def test_a_logo_is_an_overlay(pictures: Pictures, right: bool, bottom: bool) -> None:
    parameters: Parameters = {"side": 0.24, "right": right, "bottom": bottom, "red": 240}
    covered = [EDITS["logo"].change(picture, parameters) for picture in pictures]
    assert has_localised_overlay(white(pictures), white(covered))
    assert has_localised_overlay(white(covered), white(pictures))


@pytest.mark.parametrize("quality", [15, 30, 90])
def test_encoding_is_not_an_overlay(pictures: Pictures, quality: int) -> None:
    coded = [encoded(picture, quality) for picture in pictures]
    assert not has_localised_overlay(white(pictures), white(coded))


@pytest.mark.parametrize("edit", ["resize", "noise", "colour", "grey"])
def test_other_edits_are_not_overlays(pictures: Pictures, edit: str) -> None:
    parameters = EDITS[edit].draw(np.random.default_rng(3))
    changed = [EDITS[edit].change(picture, parameters) for picture in pictures]
    assert not has_localised_overlay(white(pictures), white(changed))


def test_equal_pictures_have_no_overlay(pictures: Pictures) -> None:
    assert not has_localised_overlay(white(pictures), white(pictures))
