"""The jobs of child processes. Everything they need is imported here, before the fork."""

from __future__ import annotations

import importlib
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from filmgate.dedupe.engine import FINGERPRINT
from filmgate.dedupe.fingerprint.codec import dumps
from filmgate.media.image import PILLOW_PLUGINS
from filmgate.media.limits import Limits
from filmgate.media.shared_names import SHARED_NAMES
from filmgate.sandbox.answers import ReadArguments, picture_parts
from filmgate.sandbox.child import Job
from filmgate.sandbox.inprocess import InProcessReader

_NEEDED = (
    "numpy.fft",
    "av",
    "av.audio.fifo",
    "av.audio.resampler",
    "av.audio.stream",
    "av.stream",
    "av.subtitles.stream",
    "av.video.reformatter",
    "PIL.Image",
    "PIL.ImageCms",
    "PIL.ImageFile",
    *(f"PIL.{plugin}" for _, plugin in PILLOW_PLUGINS.values()),
    "filmgate.dedupe.fingerprint.engine",
    "filmgate.media.animation",
    "filmgate.media.decode",
    "filmgate.media.probe",
    "filmgate.media.shot_detector",
    "filmgate.media.storyboard",
    "filmgate.media.video",
)
for _name in _NEEDED:
    importlib.import_module(_name)


def _probe(path: Path, arguments: str) -> tuple[bytes, ...]:
    info = InProcessReader().probe(path, Limits.model_validate_json(arguments))
    return (info.model_dump_json().encode(),)


def _read(path: Path, arguments: str) -> tuple[bytes, ...]:
    given = ReadArguments.model_validate_json(arguments)
    reading = InProcessReader().read(
        path,
        given.sha256,
        given.info,
        given.limits,
        pictures=given.pictures,
        artifacts=given.artifacts,
    )
    tiles = reading.tiles
    return (
        dumps(reading.fingerprint) if reading.fingerprint else b"",
        tiles.index.model_dump_json().encode() if tiles else b"",
        tiles.jpeg if tiles else b"",
        *picture_parts(reading.pictures),
        *(reading.shared[name] for name in given.artifacts if name in SHARED_NAMES),
    )


def warm_up() -> None:
    """Read a generated picture, so that everything that is loaded or computed at first use exists
    before the first fork and not in each child."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    reader, limits = InProcessReader(), Limits()
    # Without disk space for it, children are only slower.
    with suppress(OSError), tempfile.TemporaryDirectory(prefix="filmgate-warm-") as folder:
        path = Path(folder) / "noise.jpg"
        Image.fromarray(noise).save(path)
        reading = reader.read(
            path,
            "",
            reader.probe(path, limits),
            limits,
            pictures=True,
            artifacts=(FINGERPRINT, *SHARED_NAMES),
        )
        if reading.fingerprint:
            dumps(reading.fingerprint)


JOBS: dict[str, Job] = {"probe": _probe, "read": _read}

warm_up()
