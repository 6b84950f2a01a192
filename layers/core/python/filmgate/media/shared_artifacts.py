"""The artifacts that any engine may need, beside the fingerprint: their makers and their checks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from filmgate.media import frames_artifact, keyframes_artifact, shots_artifact, sound_artifact
from filmgate.media.consumers import Consumer
from filmgate.media.frames_artifact import FramesConsumer
from filmgate.media.keyframes_artifact import KeyframesConsumer
from filmgate.media.model import MediaInfo
from filmgate.media.shared_names import FRAMES, KEYFRAMES, SHOTS, SOUND
from filmgate.media.shots_artifact import ShotsConsumer
from filmgate.media.sound_artifact import SoundConsumer

if TYPE_CHECKING:
    from filmgate.media.limits import Limits

Check = Callable[[bytes], None]
"""Raises `DamagedArtifactError` where bytes do not have the shape and the bounds of an artifact;
decodes nothing."""

CHECKS: Mapping[str, Check] = {
    SHOTS.name: shots_artifact.check,
    FRAMES.name: frames_artifact.check,
    KEYFRAMES.name: keyframes_artifact.check,
    SOUND.name: sound_artifact.check,
}


def consumers_for(names: Collection[str], info: MediaInfo, limits: Limits) -> dict[str, Consumer]:
    """Return what makes these artifacts, by name, in the order in which they see a picture.

    There may be more than was asked for: frames depend on shots.
    """
    consumers: dict[str, Consumer] = {}
    if SHOTS.name in names or FRAMES.name in names:
        shots = ShotsConsumer()
        consumers[SHOTS.name] = shots
        if FRAMES.name in names:
            consumers[FRAMES.name] = FramesConsumer(info, shots)
    if KEYFRAMES.name in names:
        consumers[KEYFRAMES.name] = KeyframesConsumer(info)
    if SOUND.name in names:
        consumers[SOUND.name] = SoundConsumer(limits)
    return consumers
