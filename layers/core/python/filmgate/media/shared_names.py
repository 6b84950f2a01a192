"""What the shared artifacts are called, and where they lie. Light: planning and addresses need no
decoder and no arrays; `shared_artifacts` has the makers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SharedName:
    """One artifact. It is one object, so that it is stored whole or not at all.

    Attributes:
        name: what engines call it in `needs`.
        version: a name with its version, raised with any change of what a file gives.
        file: its name in the bucket.
        max_bytes: an honest decoder makes no more.
    """

    name: str
    version: str
    file: str
    content_type: str
    max_bytes: int


_BINARY = "application/octet-stream"

SHOTS = SharedName("shots", "filmgate-shots/1", "shots.json", "application/json", 8 * 1024**2)
"""Six hours with a cut every fifth of a second, the most there can be, take 1 MB."""
FRAMES = SharedName("frames", "filmgate-frames/1", "frames.pack", _BINARY, 64 * 1024**2)
"""600 pictures of ordinary detail take 30 MB; noise takes three times as much, and is thinned."""
KEYFRAMES = SharedName("keyframes", "filmgate-keyframes/1", "keyframes.pack", _BINARY, 24 * 1024**2)
"""600 pictures at 256 pixels take 8 MB; the times of 100,000 keyframes take 1 MB."""
SOUND = SharedName("sound16k", "filmgate-sound16k/1", "sound16k.pack", _BINARY, 128 * 1024**2)
"""Six hours take 90 MB."""

SHARED_NAMES = {shared.name: shared for shared in (SHOTS, FRAMES, KEYFRAMES, SOUND)}
