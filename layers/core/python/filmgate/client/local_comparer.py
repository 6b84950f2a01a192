"""Compares two files on this machine, without a service."""

from __future__ import annotations

import hashlib
from pathlib import Path

from filmgate.dedupe.fingerprint.engine import fingerprint
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.matching.compare import compare
from filmgate.dedupe.matching.model import Comparison
from filmgate.media.limits import Limits
from filmgate.media.probe import probe


class LocalComparer:
    """Compares files by path; each is fingerprinted once."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._known: dict[Path, Fingerprint] = {}

    def __call__(self, a: Path, b: Path) -> Comparison:
        """What `filmgate.dedupe.matching.compare` measures between two files.

        Raises:
            MediaRefused: one of them cannot be used.
            OSError: one of them cannot be read.
        """
        return compare(self._fingerprint(a), self._fingerprint(b))

    def _fingerprint(self, path: Path) -> Fingerprint:
        known = self._known.get(path)
        if known is None:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            info = probe(path, self._limits)
            known = self._known[path] = fingerprint(path, digest, info, self._limits)
        return known
