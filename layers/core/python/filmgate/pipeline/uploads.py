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
    """An object that appeared in the raw bucket. ``version_id`` is None without versioning."""

    key: str
    version_id: str | None


def asset_of(library: Assets, upload: Upload) -> Asset | None:
    """Return the asset of an upload; a new one if the file was not announced.

    None outside of ``raw/{tenant}/``. Raises TransientError.
    """
    key_match = _KEY.fullmatch(upload.key)
    if key_match is None or not valid_tenant(key_match[1]):
        return None
    tenant, path = key_match[1], key_match[2]
    try:
        asset = library.asset(tenant, path.partition("/")[0])
        if asset.key == upload.key:
            return asset
    except NotFound:
        pass
    moment = now()
    unannounced = Asset(
        tenant=tenant,
        asset_id=asset_id(tenant, upload.key, upload.version_id or ""),
        path=path,
        key=upload.key,
        state=AssetState.WAITING,
        created_at=moment,
        updated_at=moment,
    )
    return library.create(unannounced)
