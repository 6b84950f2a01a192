"""Where the artifacts of a file are: by content, capability and engine.

One address is the cache key, the idempotency key and the trail back to what made it.
"""

from __future__ import annotations

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
