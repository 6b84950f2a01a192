"""Remove a purged asset from a band index, where it has entries in many buckets."""

from __future__ import annotations

from dataclasses import dataclass

from filmgate.dedupe.fingerprint.codec import DamagedFingerprintError, loads
from filmgate.dedupe.fingerprint.retrieval import index_entry
from filmgate.dedupe.index.bands import BandIndex
from filmgate.dedupe.versions import FINGERPRINT
from filmgate.errors import NotFound
from filmgate.library.ports import Assets, ObjectStore
from filmgate.pipeline.artifacts import fingerprint_address


@dataclass(frozen=True, slots=True)
class BandRemoval:
    """Implements `filmgate.review.purge.Searchable` for a band index.

    The fingerprint tells which buckets an asset is in, so this must run before the fingerprint is
    removed. Entries of other versions of the fingerprint engine stay in their buckets, hidden by
    the tombstone.
    """

    index: BandIndex
    assets: Assets
    objects: ObjectStore

    def remove(self, tenant: str, asset_id: str) -> None:
        """Write a tombstone, then remove the entries. Raises TransientError."""
        self.index.remove(tenant, asset_id)
        try:
            sha256 = self.assets.asset(tenant, asset_id).sha256
            key = fingerprint_address(tenant, str(sha256), FINGERPRINT)
            fingerprint = loads(self.objects.get("artifacts", key))
        except (NotFound, DamagedFingerprintError):
            return
        self.index.purge(tenant, index_entry(asset_id, fingerprint))
