"""Mark the asset of an abandoned upload as failed."""

from __future__ import annotations

from filmgate.errors import TransientError
from filmgate.library.model import NOT_PROCESSED, Asset, AssetState
from filmgate.library.ports import Assets
from filmgate.pipeline.uploads import Upload, asset_of

REASON = (
    "The file was uploaded, but repeated attempts to read it failed. "
    "Upload it again, or have an operator run the redrive command."
)
_TRIES = 5


def give_up(library: Assets, upload: Upload) -> Asset | None:
    """Record that this upload will not be retried automatically.

    Returns the asset as FAILED. Returns None if the key does not belong to a tenant, or if the
    asset is not WAITING any more, because of this upload or another one with the same key.

    Raises:
        TransientError: storage did not answer.
    """
    for _ in range(_TRIES):
        asset = asset_of(library, upload)
        if asset is None or asset.state is not AssetState.WAITING:
            return None
        failed = asset.changed(state=AssetState.FAILED, reason_code=NOT_PROCESSED, reason=REASON)
        if (stored := library.compare_and_set(failed)) is not None:
            return stored
    raise TransientError("other writers kept changing the asset")
