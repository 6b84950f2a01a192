"""Where the artifacts of a file are: by content, capability and engine.

One address is the cache key, the idempotency key and the trail back to what made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from filmgate.dedupe.engine import FINGERPRINT as FINGERPRINT_NEED
from filmgate.engines.spec import EngineSpec
from filmgate.errors import FilmgateError
from filmgate.media import frames_artifact, keyframes_artifact, shots_artifact, sound_artifact

FINGERPRINT = "fingerprint.npz"
TILES = "tiles.jpg"
TILES_INDEX = "tiles.json"
PDQ = "pdq.json"
FINDINGS = "findings.json"


def address(tenant: str, sha256: str, capability: str, engine: str, name: str) -> str:
    """The key in the artifacts bucket; `engine` is a name with its version."""
    return f"artifacts/{tenant}/{sha256}/{capability}/{engine}/{name}"


def fingerprint_address(tenant: str, sha256: str, engine: str, name: str = FINGERPRINT) -> str:
    """The key of a fingerprint or of what was made along with it."""
    return address(tenant, sha256, "fingerprint", engine, name)


@dataclass(frozen=True, slots=True)
class SharedArtifact:
    """An artifact that any engine may need; it is one object.

    Attributes:
        version: a name with its version, raised with any change of what a file gives.
        file: its name in the bucket.
        max_bytes: no honest decoder makes more.
    """

    version: str
    file: str
    content_type: str
    max_bytes: int

    def address(self, tenant: str, sha256: str, name: str) -> str:
        """The key of the artifact called `name` of this content."""
        return address(tenant, sha256, name, self.version, self.file)


_BINARY = "application/octet-stream"
SHARED: Mapping[str, SharedArtifact] = {
    part.NAME: SharedArtifact(part.VERSION, part.FILE, content_type, part.MAX_BYTES)
    for part, content_type in (
        (shots_artifact, "application/json"),
        (frames_artifact, _BINARY),
        (keyframes_artifact, _BINARY),
        (sound_artifact, _BINARY),
    )
}
"""By the name that engines have for it in `needs`."""

NEEDS = frozenset({FINGERPRINT_NEED, *SHARED})
"""Every name that an engine may declare."""


def check_needs(spec: EngineSpec) -> None:
    """Raise FilmgateError where an engine declares a need that nothing makes."""
    for name in spec.needs:
        if name not in NEEDS:
            raise FilmgateError(f"{spec.reference} needs {name}, and nothing derives {name}")
