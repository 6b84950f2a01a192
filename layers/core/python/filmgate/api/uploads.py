"""Register files that are about to be uploaded."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import timedelta

from filmgate.api.models import PresignedPost, Upload, UploadFile
from filmgate.api.services import Services
from filmgate.clock import now
from filmgate.library.model import AnalyzedAsset, Asset, AssetState, AssetStatus, asset_id
from filmgate.library.ports import Library
from filmgate.media.limits import Limits

_WAITS_LONG = timedelta(days=1)
_MAX_NAME = 80
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def safe_name(path: str) -> str:
    """A file name of 1 to 80 letters, digits, dots, hyphens and underscores, made from a label.

    Of `../Été à Paris.MP4` it keeps `Ete-a-Paris.MP4`; of what has nothing to keep, `file`. It
    never starts with a dot. Two labels may share one: their assets have folders of their own.
    """
    name = re.split(r"[/\\]", path)[-1]
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    stem, dot, suffix = _UNSAFE.sub("-", plain).strip(".-").rpartition(".")
    if not dot:
        stem, suffix = suffix, ""
    suffix = suffix[:16]
    stem = stem[: _MAX_NAME - len(suffix) - 1].strip(".-")
    return ".".join(part for part in (stem or "file", suffix) if part)


def request_uploads(services: Services, tenant: str, files: Sequence[UploadFile]) -> list[Upload]:
    """Record an asset for each file, unless it is there, and say where to send its bytes.

    Only an asset that waits for its bytes, or got others than announced, gets a place to send
    them; asking for it again is harmless. A file over the size limit is recorded as refused at
    once. An empty one is not: its upload is taken, and refused with all others of bad content.
    """
    wanted = [_asset(tenant, file, services.limits) for file in files]
    # One read for all, because most files of a folder that is scanned again exist.
    stored = {
        record.asset.asset_id: record
        for record in services.library.analyzed(tenant, [asset.asset_id for asset in wanted])
    }
    return [
        _upload(
            services,
            file,
            stored.get(asset.asset_id) or AnalyzedAsset(asset=services.library.create(asset)),
        )
        for file, asset in zip(files, wanted, strict=True)
    ]


def _upload(services: Services, file: UploadFile, record: AnalyzedAsset) -> Upload:
    asset, post = record.asset, None
    announced_too_large = asset.state is AssetState.REFUSED and asset.reason_code == "too_large"
    fits = file.size_bytes <= services.limits.max_file_bytes
    if record.awaits_bytes or (announced_too_large and fits):
        asset = _waiting(services.library, asset.model_copy(update={"size_bytes": file.size_bytes}))
        record = record.model_copy(update={"asset": asset})
    if record.awaits_bytes:
        signed = services.signer.presign_post(
            asset.key,
            content_type=file.content_type,
            min_bytes=file.size_bytes,
            max_bytes=file.size_bytes,
            expires_s=services.upload_expires_s,
        )
        post = PresignedPost.model_validate(signed)
    return Upload(
        asset_id=asset.asset_id,
        path=asset.path,
        status=record.status,
        upload=post,
        hint=_hint(record),
    )


def _waiting(library: Library, asset: Asset) -> Asset:
    """The asset as WAITING, so that the end of its last upload is not taken for the next one's.

    One that has waited for long begins to wait now, or it could be removed as forgotten while the
    form still holds.
    """
    if asset.state is AssetState.WAITING and now() - asset.updated_at < _WAITS_LONG:
        return asset
    waiting = asset.changed(state=AssetState.WAITING, reason_code=None, reason=None)
    return library.compare_and_set(waiting) or library.asset(asset.tenant, asset.asset_id)


def _asset(tenant: str, file: UploadFile, limits: Limits) -> Asset:
    identity = asset_id(tenant, file.path, file.sha256)
    too_large = file.size_bytes > limits.max_file_bytes
    moment = now()
    return Asset(
        tenant=tenant,
        asset_id=identity,
        path=file.path,
        key=f"raw/{tenant}/{identity}/{safe_name(file.path)}",
        state=AssetState.REFUSED if too_large else AssetState.WAITING,
        created_at=moment,
        updated_at=moment,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        reason_code="too_large" if too_large else None,
        reason=(
            f"The file has {file.size_bytes} bytes; at most {limits.max_file_bytes} are accepted."
            if too_large
            else None
        ),
    )


def _hint(record: AnalyzedAsset) -> str | None:
    if record.status is AssetStatus.DELETED:
        identity = record.asset.asset_id
        return f"It was deleted: restore it with POST /assets/{identity}/restore."
    if record.status is AssetStatus.REFUSED:
        return f"Refused: {record.reason} The same content would be refused again."
    if record.status is AssetStatus.FAILED:
        return f"It failed: run it again with POST /assets/{record.asset.asset_id}/analyses."
    return None
