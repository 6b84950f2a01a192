"""Where the files of an asset can be fetched."""

from __future__ import annotations

from datetime import timedelta
from pathlib import PurePosixPath

from filmgate.api.models import DownloadName, FileUrl
from filmgate.api.services import Services
from filmgate.clock import now
from filmgate.errors import NotFound
from filmgate.library.model import AnalyzedAsset

DOWNLOAD_EXPIRES_S = 900


def file_url(services: Services, record: AnalyzedAsset, name: DownloadName) -> FileUrl:
    """A URL for one file, good for 15 minutes. Raises NotFound where the asset has no such file."""
    bucket, key = _place(record, name)
    if not services.objects.exists(bucket, key):
        raise NotFound(f"it has no {name}")
    original = name is DownloadName.ORIGINAL
    signed_at = now()
    url = services.signer.presign_get(
        bucket,
        key,
        DOWNLOAD_EXPIRES_S,
        version_id=record.asset.version_id if original else None,
        # Uploads are of any type, HTML too: they are to be saved, never shown.
        file_name=PurePosixPath(key).name if original else None,
    )
    return FileUrl(url=url, expires_at=signed_at + timedelta(seconds=DOWNLOAD_EXPIRES_S))


def _place(record: AnalyzedAsset, name: DownloadName) -> tuple[str, str]:
    """Bucket and key, which must be the tenant's own: a signed URL can read any object."""
    tenant = record.asset.tenant
    if name is DownloadName.ORIGINAL:
        return "raw", _own(record.asset.key, f"raw/{tenant}/")
    for result in record.current:
        if key := result.artifacts.get(name.value):
            return "artifacts", _own(key, f"artifacts/{tenant}/")
    raise NotFound(f"it has no {name}")


def _own(key: str, prefix: str) -> str:
    if not key.startswith(prefix):
        raise NotFound("it has no such file")
    return key
