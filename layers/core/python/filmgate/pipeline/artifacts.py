"""Where the artifacts of a file are: by content, capability and engine.

One address is the cache key, the idempotency key and the trail back to what made it.
"""

from __future__ import annotations

from filmgate.engines.spec import EngineSpec
from filmgate.errors import FilmgateError
from filmgate.library.model import DataKind
from filmgate.media.shared_names import SHARED_NAMES

FINGERPRINT = "fingerprint.npz"
TILES = "tiles.jpg"
TILES_INDEX = "tiles.json"
PDQ = "pdq.json"
FINDINGS = "findings.json"


def address(tenant: str, sha256: str, capability: str, engine: str, name: str) -> str:
    """The key in the artifacts bucket; `engine` is a name with its version."""
    return f"artifacts/{tenant}/{sha256}/{capability}/{engine}/{name}"


def comparisons_address(tenant: str, sha256: str, engine: str, job_id: str) -> str:
    """The key of what one run compared, under a prefix that the bucket empties in time."""
    return f"comparisons/{tenant}/{sha256}/{engine}/{job_id}.json"


def fingerprint_address(tenant: str, sha256: str, engine: str, name: str = FINGERPRINT) -> str:
    """The key of a fingerprint or of what was made along with it."""
    return address(tenant, sha256, "fingerprint", engine, name)


def folders_of(tenant: str, sha256: str) -> tuple[str, ...]:
    """Prefixes in the artifacts bucket under which lies all that was made of a content."""
    return f"artifacts/{tenant}/{sha256}/", f"comparisons/{tenant}/{sha256}/"


_NAMES = {
    TILES: DataKind.FRAMES,
    TILES_INDEX: DataKind.FRAMES,
    FINDINGS: DataKind.FINDINGS,
}
_CAPABILITIES = {
    "frames": DataKind.FRAMES,
    "keyframes": DataKind.FRAMES,
    "shots": DataKind.FINDINGS,
    "sound16k": DataKind.SOUND,
    "fingerprint": DataKind.FINGERPRINTS,
    "comparisons": DataKind.FINGERPRINTS,
    "embeddings": DataKind.EMBEDDINGS,
}


def kind_of(key: str) -> DataKind:
    """The kind of what lies under a key below `folders_of`: by its name, else by what made it."""
    top, _, _, capability, *rest = key.split("/")
    if top == "comparisons":
        return DataKind.FINGERPRINTS
    name = rest[-1] if rest else capability
    return _NAMES.get(name) or _CAPABILITIES.get(capability, DataKind.OUTPUTS)


def shared_address(tenant: str, sha256: str, name: str) -> str:
    """The key of an artifact of `filmgate.media.shared_names.SHARED_NAMES`."""
    shared = SHARED_NAMES[name]
    return address(tenant, sha256, name, shared.version, shared.file)


NEEDS = frozenset({"fingerprint", *SHARED_NAMES})
"""Every name that an engine may declare: that of `filmgate.dedupe.engine`, which this module does
not import because every capability uses it, and the shared ones."""


def check_needs(spec: EngineSpec) -> None:
    """Raise FilmgateError where an engine declares a need that nothing makes."""
    for name in spec.needs:
        if name not in NEEDS:
            raise FilmgateError(f"{spec.reference} needs {name}, and nothing derives {name}")
