"""An object that appeared in the raw bucket, and the asset it belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from filmgate.access.model import valid_tenant
from filmgate.clock import now
from filmgate.errors import NotFound
from filmgate.library.model import Asset, AssetState, asset_id
from filmgate.library.ports import Assets

_KEY = re.compile(r"raw/([^/]+)/(.*[^/])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Upload:
    """An object that appeared in the raw bucket. ``version_id`` is None in a bucket without."""

    key: str
    version_id: str | None


def asset_of(library: Assets, upload: Upload) -> Asset | None:
    """The asset that waits for this key, or a new one for a file that was dropped here.

    None outside of ``raw/{tenant}/``. Raises TransientError.
    """
    found = _KEY.fullmatch(upload.key)
    if found is None or not valid_tenant(found[1]):
        return None
    tenant, rest = found[1], found[2]
    try:
        asset = library.asset(tenant, rest.partition("/")[0])
        if asset.key == upload.key:
            return asset
    except NotFound:
        pass
    moment = now()
    dropped = Asset(
        tenant=tenant,
        asset_id=asset_id(tenant, upload.key, upload.version_id or ""),
        path=rest,
        key=upload.key,
        state=AssetState.WAITING,
        created_at=moment,
        updated_at=moment,
    )
    return library.create(dropped)
