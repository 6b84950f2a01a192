"""An upload was given up: say so on its asset."""

from __future__ import annotations

from filmgate.errors import TransientError
from filmgate.library.model import NOT_PROCESSED, Asset, AssetState
from filmgate.library.ports import Assets
from filmgate.pipeline.uploads import Upload, asset_of

REASON = (
    "The file arrived and could not be looked at, try after try. "
    "Upload it again, or have an operator run the redrive command."
)
_TRIES = 5


def give_up(library: Assets, upload: Upload) -> Asset | None:
    """Record that no worker will look at this upload by itself any more.

    Returns the asset as FAILED; None where nothing is to be said: the key is no tenant's, or the
    asset is further than that by now, through this upload or another one of the same key.

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
    raise TransientError("the asset was changed by others again and again")
