"""Names and versions of what dedupe stores. Reading them loads no arrays.

Raise a version with any change that gives other results. Fingerprints are compared with those of
the same version only.
"""

from __future__ import annotations

FINGERPRINT = "filmgate-fingerprint/4"
MATCHING = "filmgate-matching/5"
