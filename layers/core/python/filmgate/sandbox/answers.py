"""The answers of children, taken apart by somebody who believes nothing of them.

A child that a file took over can send any bytes. What passes here has the shape and the bounds of
an honest answer, so the worst that is left of it is a wrong result for that very file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from filmgate.dedupe.engine import FINGERPRINT
from filmgate.media.limits import Limits
from filmgate.media.model import Frame, MediaInfo
from filmgate.media.packed import DamagedArtifactError
from filmgate.media.shared_artifacts import SHARED
from filmgate.media.sniff import CONTENT_TYPES
from filmgate.model import ClosedModel, FrozenModel
from filmgate.sandbox.port import Reading
from filmgate.sandbox.wire import WireError

if TYPE_CHECKING:
    from filmgate.dedupe.fingerprint.model import Fingerprint
    from filmgate.media.storyboard import RenderedStoryboard

_MOST_TEXT = 1000
"""Characters of what a file says of itself."""
_MOST_SIDE = 1_000_000
_MOST_TILES = 120
_MOST_TILE_SIDE = 4096
_MOST_PICTURES = 32
_MOST_PICTURE_SIDE = 1024
"""Pixels; decoded pictures are reduced to a quarter of it."""
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"


class ReadArguments(FrozenModel):
    """What the job ``read`` is given."""

    sha256: str
    info: MediaInfo
    limits: Limits
    pictures: bool
    artifacts: tuple[str, ...] = (FINGERPRINT,)


class _PictureShape(ClosedModel):
    time_s: float = Field(ge=0, allow_inf_nan=False)
    height: int = Field(ge=1)
    width: int = Field(ge=1)


class _Pictures(ClosedModel):
    shapes: list[_PictureShape] = Field(max_length=_MOST_PICTURES)


def media_info(parts: Sequence[bytes], limits: Limits) -> MediaInfo:
    """The facts of a probe. Raises WireError."""
    (body,) = _counted(parts, 1)
    try:
        info = MediaInfo.model_validate_json(body)
    except ValidationError as error:
        raise WireError("the facts of the file are none") from error
    numbers = (info.duration_s, info.frame_rate or 0.0)
    sides = (info.width, info.height)
    sound = (info.audio_rate_hz, info.audio_channels)
    texts = (info.video_codec, info.audio_codec, info.created_at, info.camera)
    kind = CONTENT_TYPES.get(info.format, "")
    if not (
        info.content_type in (kind, kind.replace("video/", "audio/"))
        and all(math.isfinite(number) and number >= 0 for number in numbers)
        and info.duration_s <= limits.max_duration_s
        and all(side is None or 0 < side <= _MOST_SIDE for side in sides)
        and all(value is None or 0 <= value < 2**31 for value in sound)
        and all(text is None or len(text) <= _MOST_TEXT for text in texts)
    ):
        raise WireError("the facts of the file are out of bounds")
    return info


def reading(parts: Sequence[bytes], asked: ReadArguments, engine: str) -> Reading:
    """What a file was read to. Raises WireError."""
    names = [name for name in asked.artifacts if name in SHARED]
    made, index, jpeg, shapes, pixels, *bodies = _counted(parts, 5 + len(names))
    shared = {name: _shared(name, body) for name, body in zip(names, bodies, strict=True)}
    if FINGERPRINT not in asked.artifacts:
        return Reading(None, None, shared=shared)
    found = _fingerprint(made, asked, engine)
    pictures = _pictures(shapes, pixels) if asked.pictures else ()
    return Reading(found, _tiles(index, jpeg), pictures, shared)


def _shared(name: str, body: bytes) -> bytes:
    if len(body) > SHARED[name].max_bytes:
        raise WireError(f"the artifact {name} is too long")
    try:
        SHARED[name].check(body)
    except DamagedArtifactError as error:
        raise WireError(f"the artifact {name} is none") from error
    return body


def picture_parts(pictures: Sequence[Frame]) -> tuple[bytes, bytes]:
    """Pictures as parts of an answer: their shapes as JSON, and their pixels one after another."""
    shapes = [
        _PictureShape(time_s=one.time_s, height=one.rgb.shape[0], width=one.rgb.shape[1])
        for one in pictures
    ]
    pixels = b"".join(one.rgb.tobytes() for one in pictures)
    return _Pictures(shapes=shapes).model_dump_json().encode(), pixels


def _counted(parts: Sequence[bytes], count: int) -> Sequence[bytes]:
    if len(parts) != count:
        raise WireError(f"the answer has {len(parts)} parts, not {count}")
    return parts


def _fingerprint(body: bytes, asked: ReadArguments, engine: str) -> Fingerprint:
    from filmgate.dedupe.fingerprint.codec import (  # noqa: PLC0415
        DamagedFingerprintError,
        loads,
    )

    try:
        made = loads(body)
    except DamagedFingerprintError as error:
        raise WireError("the fingerprint is none") from error
    if (made.engine, made.sha256, made.info) != (engine, asked.sha256, asked.info):
        raise WireError("the fingerprint is of another file or engine")
    if made.embeddings is not None:
        raise WireError("the fingerprint has embeddings that nobody made")
    return made


def _tiles(index: bytes, jpeg: bytes) -> RenderedStoryboard | None:
    from filmgate.media.storyboard import COLUMNS, RenderedStoryboard, StoryboardIndex  # noqa: PLC0415

    if not index and not jpeg:
        return None
    try:
        told = StoryboardIndex.model_validate_json(index)
    except ValidationError as error:
        raise WireError("the index of the tiles is none") from error
    if not (
        1 <= told.columns <= COLUMNS
        and 1 <= told.tile_width <= _MOST_TILE_SIDE
        and 1 <= told.tile_height <= _MOST_TILE_SIDE
        and 1 <= len(told.times_s) <= _MOST_TILES
        and all(math.isfinite(time_s) for time_s in told.times_s)
        and jpeg.startswith(_JPEG_START)
        and jpeg.endswith(_JPEG_END)
    ):
        raise WireError("the tiles are out of bounds")
    return RenderedStoryboard(jpeg, told)


def _pictures(shapes: bytes, pixels: bytes) -> tuple[Frame, ...]:
    import numpy as np  # noqa: PLC0415

    try:
        told = _Pictures.model_validate_json(shapes)
    except ValidationError as error:
        raise WireError("the pictures are none") from error
    sizes = [shape.height * shape.width * 3 for shape in told.shapes]
    sides = [max(shape.height, shape.width) for shape in told.shapes]
    if max(sides, default=0) > _MOST_PICTURE_SIDE or sum(sizes) != len(pixels):
        raise WireError("the pictures are out of bounds")
    found, start = [], 0
    for shape, size in zip(told.shapes, sizes, strict=True):
        rgb = np.frombuffer(pixels, np.uint8, size, start).reshape(shape.height, shape.width, 3)
        found.append(Frame(shape.time_s, rgb))
        start += size
    return tuple(found)
