"""What one pass over a file gives: artifacts as bytes, without storage.

This is all that touches the bytes of a file, so that it can run where nothing else can be reached.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from filmgate.dedupe.engine import FINGERPRINT
from filmgate.dedupe.fingerprint import engine
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.engines.embedding.port import EmbeddingEngine
from filmgate.errors import FilmgateError
from filmgate.media import frames_artifact, keyframes_artifact, shots_artifact, sound_artifact
from filmgate.media.consumers import Consumer
from filmgate.media.decode import decode_for
from filmgate.media.frames_artifact import FramesConsumer
from filmgate.media.keyframes_artifact import KeyframesConsumer
from filmgate.media.limits import Limits
from filmgate.media.model import MediaInfo
from filmgate.media.shots_artifact import ShotsConsumer
from filmgate.media.sound_artifact import SoundConsumer
from filmgate.media.storyboard import RenderedStoryboard, Storyboard
from filmgate.pipeline.artifacts import SHARED


@dataclass(frozen=True, slots=True)
class Made:
    """What a pass made of a file.

    Attributes:
        fingerprint: where it was asked for.
        storyboard: beside the fingerprint, of a file that shows something.
        shared: the other artifacts that were asked for, by name, each at most as long as
            `filmgate.pipeline.artifacts.SHARED` says.
    """

    fingerprint: Fingerprint | None = None
    storyboard: RenderedStoryboard | None = None
    shared: Mapping[str, bytes] = field(default_factory=dict)


def make(
    path: Path,
    sha256: str,
    info: MediaInfo,
    limits: Limits,
    names: Collection[str],
    *,
    embedder: EmbeddingEngine | None = None,
) -> Made:
    """Decode a file once for all these artifacts, and no more of it than they need.

    What an artifact holds does not depend on the others, unless the time for decoding runs out.

    Args:
        path: a local file.
        sha256: its digest, kept in the fingerprint.
        info: from `filmgate.media.probe`.
        limits: bounds on decoding.
        names: of `filmgate.pipeline.artifacts.NEEDS`.
        embedder: makes vectors for the fingerprint.

    Raises:
        MediaRefused: nothing in the file can be decoded.
        TransientError: memory ran out.
        FilmgateError: an artifact came out longer than it may be.
    """
    consumers = _consumers(names, info, limits)
    fingerprint, storyboard = None, None
    if FINGERPRINT in names:
        sheet = Storyboard()
        fingerprint = engine.fingerprint(
            path,
            sha256,
            info,
            limits,
            sheet.add,
            embedder=embedder,
            consumers=tuple(consumers.values()),
        )
        storyboard = sheet.finish() if fingerprint.frames is not None else None
    elif consumers:
        decode_for(
            tuple(consumers.values()),
            path,
            info,
            limits,
            sample_rate_hz=engine.sample_rate(info),
            max_sampling_gap_s=engine.slack(info),
            sampling=engine.SAMPLING,
        )
    shared = {name: _bounded(name, consumers[name]) for name in consumers if name in names}
    return Made(fingerprint, storyboard, shared)


def _consumers(names: Collection[str], info: MediaInfo, limits: Limits) -> dict[str, Consumer]:
    """Those that make the artifacts, by name, in the order in which they are to see a picture."""
    consumers: dict[str, Consumer] = {}
    if shots_artifact.NAME in names or frames_artifact.NAME in names:
        shots = ShotsConsumer()
        consumers[shots_artifact.NAME] = shots
        if frames_artifact.NAME in names:
            consumers[frames_artifact.NAME] = FramesConsumer(info, shots)
    if keyframes_artifact.NAME in names:
        consumers[keyframes_artifact.NAME] = KeyframesConsumer(info)
    if sound_artifact.NAME in names:
        consumers[sound_artifact.NAME] = SoundConsumer(limits)
    return consumers


def _bounded(name: str, consumer: Consumer) -> bytes:
    body = consumer.finish()
    if len(body) > SHARED[name].max_bytes:
        raise FilmgateError(f"the artifact {name} has {len(body):,} bytes, more than it may have")
    return body
