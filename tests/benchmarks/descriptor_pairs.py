"""Keypoints of pictures and of their copies, paired where the transform's geometry puts them.

Only pictures and films of the tuning half of the matching benchmark are used. Pictures are split
once more, in two folds that share none, so that what is learned on one is judged on the other.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from filmgate.dedupe.fingerprint.color import halve
from filmgate.dedupe.fingerprint.keypoints import SIDE, detect_keypoints
from filmgate.dedupe.tuning.truth import Parameters
from filmgate.media.model import MediaKind
from filmgate_samples import plan
from filmgate_samples.clip import Picture, read_clip, read_image
from filmgate_samples.edits import EDITS
from tests.benchmarks.matching_copies import PROCESSES
from tests.benchmarks.matching_sources import Source, Split, sources

SEED = 31
BASES = (
    *("jpeg", "resize", "crop", "crop_30", "rotate", "logo", "banner", "colour", "noise"),
    *("picture_in_picture", "five"),
)
DRAWS = 2
"""Copies of each picture by each transform."""

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_QUALITY = 88
_OCTAVES = 0.3
_BLUR_SHARE = 0.35
_SLACK = 0.001
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Points:
    """Keypoints of a picture: x, y and scale in its pixels, float64 (n, 3); patches (n, 8, 8)."""

    places: Matrix
    patches: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy's patches, and rows (mine, its) of keypoints that show one spot: int64 (n, 2)."""

    base: str
    patches: NDArray[np.int8]
    pairs: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Described:
    """A picture's patches and its copies; `fold` is 0 or 1, and None for frames of films."""

    fold: int | None
    patches: NDArray[np.int8]
    copies: tuple[Copy, ...]


def described() -> list[Described]:
    """All pictures of the tuning half, and the middle frame of each film."""
    mine = [source for source in sources(quick=False) if source.split is Split.TUNE]
    stills = [source for source in mine if source.kind is MediaKind.IMAGE]
    random.Random(SEED).shuffle(stills)
    films = [source for source in mine if source.kind is MediaKind.VIDEO]
    folds = [*(place % 2 for place in range(len(stills))), *(None for _ in films)]
    with ProcessPoolExecutor(PROCESSES) as pool:
        return list(pool.map(_described, [*stills, *films], folds))


def _described(source: Source, fold: int | None) -> Described:
    picture = _picture(source)
    own = _points(picture)
    copies = tuple(_copies(source.name, picture, own))
    return Described(fold, own.patches, copies)


def _picture(source: Source) -> Picture:
    if source.kind is MediaKind.IMAGE:
        return read_image(source.path)
    frames = read_clip(source.path).frames
    return np.asarray(frames[len(frames) // 2])


def _copies(name: str, picture: Picture, own: Points) -> Iterator[Copy]:
    height, width = picture.shape[:2]
    for base in BASES:
        for draw in range(DRAWS):
            rng = plan.stream(SEED, f"{name}/{base}/{draw}")
            parameters: Parameters = {} if base == "jpeg" else EDITS[base].draw(rng)
            changed = picture if base == "jpeg" else EDITS[base].change(picture, parameters)
            copy = _jpeg(changed, int(rng.integers(18, 40)) if base == "jpeg" else _QUALITY)
            found = _points(copy)
            slack = _SLACK * float(np.sqrt(copy.shape[0] * copy.shape[1]))
            matrix = geometry(base, parameters, width, height)
            yield Copy(base, found.patches, paired(own.places, found.places, matrix, slack))


def _jpeg(picture: Picture, quality: int) -> Picture:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def _points(picture: Picture) -> Points:
    """As `fingerprint.engine` finds them in a picture without bars."""
    fine = halve(picture, SIDE) @ _LUMA
    found = detect_keypoints(fine)
    pixels = found.positions * np.sqrt(fine.shape[0] * fine.shape[1])
    return Points(pixels * (picture.shape[1] / fine.shape[1]), found.descriptors)


def paired(a: Matrix, b: Matrix, matrix: Matrix, slack: float) -> NDArray[np.int64]:
    """Rows (a, b) of keypoints at one spot and scale, each other's closest: (n, 2)."""
    if not len(a) or not len(b):
        return np.zeros((0, 2), dtype=np.int64)
    moved = a[:, :2] @ matrix[:2] + matrix[2]
    octaves = np.log2(b[None, :, 2] / a[:, None, 2]) - np.log2(np.linalg.det(matrix[:2])) / 2
    error = np.abs(moved[:, None] - b[None, :, :2]).max(axis=2)
    fits = (error < _BLUR_SHARE * b[None, :, 2] + slack) & (np.abs(octaves) < _OCTAVES)
    error[~fits] = np.inf
    rows, columns = np.arange(len(a)), error.argmin(axis=1)
    mutual = (error.argmin(axis=0)[columns] == rows) & np.isfinite(error[rows, columns])
    return np.stack([rows[mutual], columns[mutual]], axis=1)


def geometry(base: str, parameters: Parameters, width: int, height: int) -> Matrix:
    """Where an edit moves the places of a picture, in pixels: (3, 2), for rows of x, y, 1."""
    if base == "five":
        own = {key[5:]: value for key, value in parameters.items() if key.startswith("crop.")}
        kept = 1 - float(own["share"])
        left = (int(width * kept), int(height * kept))
        cut = geometry("crop", own, width, height)
        return cut @ geometry("resize", {"scale": parameters["resize.scale"]}, *left)[:2]
    value = {key: float(parameters[key]) for key in parameters if key in _OF_GEOMETRY}
    size = np.array([width, height])
    if base in {"crop", "crop_30"}:
        shift = -(size * value["share"] * [value["x"], value["y"]]).astype(np.int64)
        return np.vstack([np.eye(2), shift])
    if base == "rotate":
        angle = np.radians(value["degrees"])
        turning = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        return np.vstack([turning, size / 2 - size / 2 @ turning])
    if base in {"resize", "picture_in_picture"}:
        small = np.maximum(2, np.rint(size * value["scale"] / 2) * 2)
        shift = ((size - small) * [value.get("x", 0), value.get("y", 0)]).astype(np.int64)
        return np.vstack([np.diag(small / size), shift])
    return np.vstack([np.eye(2), np.zeros(2)])


_OF_GEOMETRY = {"share", "scale", "x", "y", "degrees"}
