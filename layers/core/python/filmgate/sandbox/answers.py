"""Validation of the answers of child processes, which are not trusted.

A child that was taken over by a file can send any bytes. Answers that pass here have a valid shape
and are within bounds, so at worst the result for this one file is wrong.
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
from filmgate.media.shared_artifacts import CHECKS
from filmgate.media.shared_names import SHARED_NAMES
from filmgate.media.sniff import CONTENT_TYPES
from filmgate.model import ClosedModel, FrozenModel
from filmgate.sandbox.port import Reading
from filmgate.sandbox.wire import WireError

if TYPE_CHECKING:
    from filmgate.dedupe.fingerprint.model import Fingerprint
    from filmgate.media.storyboard import RenderedStoryboard

_MOST_TEXT = 1000
"""Maximum length of texts in a file's metadata, in characters."""
_MOST_SIDE = 1_000_000
_MOST_TILES = 120
_MOST_TILE_SIDE = 4096
_MOST_PICTURES = 32
_MOST_PICTURE_SIDE = 1024
"""In pixels; decoded pictures have at most a quarter of it."""
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"


class ReadArguments(FrozenModel):
    """The arguments of the job ``read``."""

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
    """Return the result of a probe. Raises WireError."""
    (body,) = _counted(parts, 1)
    try:
        info = MediaInfo.model_validate_json(body)
    except ValidationError as error:
        raise WireError("the facts of the file are invalid") from error
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
    """Return the result of reading a file. Raises WireError."""
    names = [name for name in asked.artifacts if name in SHARED_NAMES]
    archive, index, jpeg, shapes, pixels, *bodies = _counted(parts, 5 + len(names))
    shared = {name: _shared(name, body) for name, body in zip(names, bodies, strict=True)}
    if FINGERPRINT not in asked.artifacts:
        return Reading(None, None, shared=shared)
    fingerprint = _fingerprint(archive, asked, engine)
    pictures = _pictures(shapes, pixels) if asked.pictures else ()
    return Reading(fingerprint, _tiles(index, jpeg), pictures, shared)


def _shared(name: str, body: bytes) -> bytes:
    if len(body) > SHARED_NAMES[name].max_bytes:
        raise WireError(f"the artifact {name} is too long")
    try:
        CHECKS[name](body)
    except DamagedArtifactError as error:
        raise WireError(f"the artifact {name} is invalid") from error
    return body


def picture_parts(pictures: Sequence[Frame]) -> tuple[bytes, bytes]:
    """Return two parts of an answer: the shapes of pictures as JSON, and their concatenated
    pixels."""
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
        fingerprint = loads(body)
    except DamagedFingerprintError as error:
        raise WireError("the fingerprint is invalid") from error
    if (fingerprint.engine, fingerprint.sha256, fingerprint.info) != (
        engine,
        asked.sha256,
        asked.info,
    ):
        raise WireError("the fingerprint is of another file or engine")
    if fingerprint.embeddings is not None:
        raise WireError("the fingerprint has embeddings, but none were requested")
    return fingerprint


def _tiles(index: bytes, jpeg: bytes) -> RenderedStoryboard | None:
    from filmgate.media.storyboard import COLUMNS, RenderedStoryboard, StoryboardIndex  # noqa: PLC0415

    if not index and not jpeg:
        return None
    try:
        storyboard = StoryboardIndex.model_validate_json(index)
    except ValidationError as error:
        raise WireError("the index of the tiles is invalid") from error
    if not (
        1 <= storyboard.columns <= COLUMNS
        and 1 <= storyboard.tile_width <= _MOST_TILE_SIDE
        and 1 <= storyboard.tile_height <= _MOST_TILE_SIDE
        and 1 <= len(storyboard.times_s) <= _MOST_TILES
        and all(math.isfinite(time_s) for time_s in storyboard.times_s)
        and jpeg.startswith(_JPEG_START)
        and jpeg.endswith(_JPEG_END)
    ):
        raise WireError("the tiles are out of bounds")
    return RenderedStoryboard(jpeg, storyboard)


def _pictures(shapes: bytes, pixels: bytes) -> tuple[Frame, ...]:
    import numpy as np  # noqa: PLC0415

    try:
        header = _Pictures.model_validate_json(shapes)
    except ValidationError as error:
        raise WireError("the pictures are invalid") from error
    sizes = [shape.height * shape.width * 3 for shape in header.shapes]
    sides = [max(shape.height, shape.width) for shape in header.shapes]
    if max(sides, default=0) > _MOST_PICTURE_SIDE or sum(sizes) != len(pixels):
        raise WireError("the pictures are out of bounds")
    frames, start = [], 0
    for shape, size in zip(header.shapes, sizes, strict=True):
        rgb = np.frombuffer(pixels, np.uint8, size, start).reshape(shape.height, shape.width, 3)
        frames.append(Frame(shape.time_s, rgb))
        start += size
    return tuple(frames)
