"""The artifacts that any engine may need, beside the fingerprint: names, bounds, makers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filmgate.media import frames_artifact, keyframes_artifact, shots_artifact, sound_artifact
from filmgate.media.consumers import Consumer
from filmgate.media.frames_artifact import FramesConsumer
from filmgate.media.keyframes_artifact import KeyframesConsumer
from filmgate.media.model import MediaInfo
from filmgate.media.shots_artifact import ShotsConsumer
from filmgate.media.sound_artifact import SoundConsumer

if TYPE_CHECKING:
    from filmgate.media.limits import Limits


@dataclass(frozen=True, slots=True)
class SharedArtifact:
    """One of them. It is one object, so that it is stored whole or not at all.

    Attributes:
        version: a name with its version, raised with any change of what a file gives.
        file: its name in the bucket.
        max_bytes: no honest decoder makes more.
        check: raises `DamagedArtifactError` where bytes do not have the shape and the bounds of
            such an artifact; it decodes nothing.
    """

    version: str
    file: str
    content_type: str
    max_bytes: int
    check: Callable[[bytes], None]


_BINARY = "application/octet-stream"
SHARED: Mapping[str, SharedArtifact] = {
    part.NAME: SharedArtifact(part.VERSION, part.FILE, content_type, part.MAX_BYTES, part.check)
    for part, content_type in (
        (shots_artifact, "application/json"),
        (frames_artifact, _BINARY),
        (keyframes_artifact, _BINARY),
        (sound_artifact, _BINARY),
    )
}
"""By the name that engines have for it in `needs`."""


def consumers_for(names: Collection[str], info: MediaInfo, limits: Limits) -> dict[str, Consumer]:
    """Return what makes these artifacts, by name, in the order in which they see a picture.

    There may be more than was asked for: frames depend on shots.
    """
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
