"""The addresses of artifacts: by content, capability and engine.

An address serves as cache key and idempotency key, and shows which engine created the artifact.
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
    """Return the key in the artifacts bucket; `engine` is a name with its version."""
    return f"artifacts/{tenant}/{sha256}/{capability}/{engine}/{name}"


def comparisons_address(tenant: str, sha256: str, engine: str, job_id: str) -> str:
    """Return the key of the comparisons of one run, under a prefix that expires."""
    return f"comparisons/{tenant}/{sha256}/{engine}/{job_id}.json"


def fingerprint_address(tenant: str, sha256: str, engine: str, name: str = FINGERPRINT) -> str:
    """Return the key of a fingerprint, or of a file that was created with it."""
    return address(tenant, sha256, "fingerprint", engine, name)


def folders_of(tenant: str, sha256: str) -> tuple[str, ...]:
    """Return the prefixes in the artifacts bucket of everything derived from a content."""
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
    """Return the kind of data of a key below `folders_of`, by its name or its capability."""
    top, _, _, capability, *rest = key.split("/")
    if top == "comparisons":
        return DataKind.FINGERPRINTS
    name = rest[-1] if rest else capability
    return _NAMES.get(name) or _CAPABILITIES.get(capability, DataKind.OUTPUTS)


def shared_address(tenant: str, sha256: str, name: str) -> str:
    """Return the key of an artifact of `filmgate.media.shared_names.SHARED_NAMES`."""
    shared = SHARED_NAMES[name]
    return address(tenant, sha256, name, shared.version, shared.file)


NEEDS = frozenset({"fingerprint", *SHARED_NAMES})
"""All names that an engine may declare: the fingerprint of `filmgate.dedupe.engine`, which this
module does not import because all capabilities use it, and the shared artifacts."""


def check_needs(spec: EngineSpec) -> None:
    """Raise FilmgateError if an engine declares a need that does not exist."""
    for name in spec.needs:
        if name not in NEEDS:
            raise FilmgateError(f"{spec.reference} needs {name}, but nothing derives {name}")
