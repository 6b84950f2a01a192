"""Take a purged asset out of an index in bands: its members lie in many buckets."""

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
    """`filmgate.review.purge.Searchable` over an index in bands.

    The fingerprint says which buckets an asset is in, so this comes before its removal. Members
    that another version of the fingerprint engine added stay in their buckets, under the tombstone.
    """

    index: BandIndex
    assets: Assets
    objects: ObjectStore

    def remove(self, tenant: str, asset_id: str) -> None:
        """A tombstone first, then the members. Raises TransientError."""
        self.index.remove(tenant, asset_id)
        try:
            sha256 = self.assets.asset(tenant, asset_id).sha256
            key = fingerprint_address(tenant, str(sha256), FINGERPRINT)
            fingerprint = loads(self.objects.get("artifacts", key))
        except (NotFound, DamagedFingerprintError):
            return
        self.index.purge(tenant, index_entry(asset_id, fingerprint))
