"""Where the files of an asset can be fetched."""

from __future__ import annotations

from datetime import timedelta
from pathlib import PurePosixPath

from filmgate.api.models import DownloadName, FileUrl
from filmgate.api.services import Services
from filmgate.clock import now
from filmgate.errors import NotFound
from filmgate.library.model import Asset

DOWNLOAD_EXPIRES_S = 900


def file_url(services: Services, asset: Asset, name: DownloadName) -> FileUrl:
    """A URL for one file, good for 15 minutes. Raises NotFound where the asset has no such file."""
    bucket, key = _place(asset, name)
    if not services.objects.exists(bucket, key):
        raise NotFound(f"it has no {name}")
    original = name is DownloadName.ORIGINAL
    signed_at = now()
    url = services.signer.presign_get(
        bucket,
        key,
        DOWNLOAD_EXPIRES_S,
        version_id=asset.version_id if original else None,
        # Uploads are of any type, HTML too: they are to be saved, never shown.
        file_name=PurePosixPath(key).name if original else None,
    )
    return FileUrl(url=url, expires_at=signed_at + timedelta(seconds=DOWNLOAD_EXPIRES_S))


def _place(asset: Asset, name: DownloadName) -> tuple[str, str]:
    if name is DownloadName.ORIGINAL:
        return "raw", asset.key
    sibling = asset.fingerprint_key if name is DownloadName.PDQ else asset.tiles_key
    if sibling is None:
        raise NotFound(f"it has no {name}")
    return "artifacts", str(PurePosixPath(sibling).with_name(name.value))
