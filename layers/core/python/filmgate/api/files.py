"""URLs to download the files of an asset."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import PurePosixPath

from filmgate.api.models import DownloadName, FileUrl
from filmgate.api.services import Services
from filmgate.clock import now
from filmgate.errors import NotFound
from filmgate.library.model import AnalyzedAsset
from filmgate.library.results import Result
from filmgate.pipeline.artifacts import FINDINGS

DOWNLOAD_EXPIRES_S = 900


def file_url(services: Services, record: AnalyzedAsset, name: DownloadName) -> FileUrl:
    """Return a URL of a file, valid for 15 minutes. Raises NotFound if the asset does not have
    it."""
    if name is not DownloadName.ORIGINAL:
        return _artifact_url(services, record, record.current, name.value)
    asset = record.asset
    key = _own(asset.key, f"raw/{asset.tenant}/")
    # Uploads can have any type, such as HTML, so browsers must save them and not display them.
    file_name = PurePosixPath(key).name
    return _signed(services, "raw", key, version_id=asset.version_id, file_name=file_name)


def findings_url(services: Services, record: AnalyzedAsset, capability: str) -> FileUrl:
    """Return a URL of the latest findings of a capability, valid for 15 minutes.

    The file is a JSON list of `filmgate.library.results.Finding`. Raises NotFound without findings.
    """
    own = [result for result in record.current if result.capability == capability]
    return _artifact_url(services, record, own, FINDINGS)


def _artifact_url(
    services: Services, record: AnalyzedAsset, results: Iterable[Result], name: str
) -> FileUrl:
    for result in results:
        if key := result.artifacts.get(name):
            return _signed(services, "artifacts", _own(key, f"artifacts/{record.asset.tenant}/"))
    raise NotFound(f"it has no {name}")


def _own(key: str, prefix: str) -> str:
    """Check that a key belongs to the tenant, because a signed URL can read any object."""
    if not key.startswith(prefix):
        raise NotFound("it has no such file")
    return key


def _signed(
    services: Services,
    bucket: str,
    key: str,
    *,
    version_id: str | None = None,
    file_name: str | None = None,
) -> FileUrl:
    if not services.objects.exists(bucket, key):
        raise NotFound("it has no such file")
    signed_at = now()
    url = services.signer.presign_get(
        bucket, key, DOWNLOAD_EXPIRES_S, version_id=version_id, file_name=file_name
    )
    return FileUrl(url=url, expires_at=signed_at + timedelta(seconds=DOWNLOAD_EXPIRES_S))
