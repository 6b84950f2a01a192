"""Assets in DynamoDB. They share a table with their results and with jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pynamodb.attributes import (
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    VersionAttribute,
)
from pynamodb.exceptions import PutError
from pynamodb.models import Model

from filmgate.adapters.dynamodb.errors import refused, transient
from filmgate.adapters.dynamodb.rows import StatefulRow, expected, instant, pk, position, possible
from filmgate.adapters.dynamodb.tables import in_table
from filmgate.errors import NotFound
from filmgate.library.model import Asset, AssetState, DataKind, Hold
from filmgate.media.model import MediaInfo

ASSET = "ASSET"


class AssetRow(StatefulRow):
    """An asset, under its own id."""

    tenant = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    path = UnicodeAttribute()
    key = UnicodeAttribute()
    state = UnicodeAttribute()
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()
    version_id = UnicodeAttribute(null=True)
    size_bytes = NumberAttribute(null=True)
    sha256 = UnicodeAttribute(null=True)
    info = JSONAttribute(null=True)
    reason_code = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    holds = JSONAttribute(null=True)
    deleted_at = UnicodeAttribute(null=True)
    purge_at = UnicodeAttribute(null=True)
    state_before = UnicodeAttribute(null=True)
    purge_started_at = UnicodeAttribute(null=True)
    stored_at = UnicodeAttribute(null=True)
    removed = JSONAttribute(null=True)
    removing = JSONAttribute(null=True)
    version = VersionAttribute()

    def record(self) -> Asset:
        """The asset in this row."""
        return Asset(
            tenant=self.tenant,
            asset_id=self.asset_id,
            path=self.path,
            key=self.key,
            state=AssetState(self.state),
            created_at=datetime.fromisoformat(self.created_at),
            updated_at=datetime.fromisoformat(self.updated_at),
            version_id=self.version_id,
            size_bytes=None if self.size_bytes is None else int(self.size_bytes),
            sha256=self.sha256,
            info=None if self.info is None else MediaInfo.model_validate(self.info),
            reason_code=self.reason_code,
            reason=self.reason,
            holds=tuple(Hold.model_validate(hold) for hold in self.holds or ()),
            deleted_at=_moment(self.deleted_at),
            purge_at=_moment(self.purge_at),
            state_before=None if self.state_before is None else AssetState(self.state_before),
            purge_started_at=_moment(self.purge_started_at),
            stored_at=_moment(self.stored_at),
            removing=tuple(DataKind(kind) for kind in self.removing or ()),
            removed={
                DataKind(kind): datetime.fromisoformat(at)
                for kind, at in (self.removed or {}).items()
            },
            version=int(self.version),
        )


def asset_row(rows: type[AssetRow], asset: Asset) -> AssetRow:
    """The row of an asset; its version is the one that a write has to find."""
    created_at, updated_at = instant(asset.created_at), instant(asset.updated_at)
    stored = asset.state is AssetState.STORED
    deleted = asset.state is AssetState.DELETED
    # Deleted assets are listed by when they are purged, and in no other list.
    since = instant(asset.purge_at) if asset.purge_at else updated_at
    return rows(
        pk(asset.tenant, asset.asset_id),
        ASSET,
        listing_pk=None if deleted else pk(asset.tenant, "assets"),
        listing_sk=None if deleted else position(created_at, asset.asset_id, ASSET),
        # A stored asset is listed by the states of its results.
        state_pk=None if stored else pk(asset.tenant, asset.state.value),
        state_sk=None if stored else position(since, asset.asset_id, ASSET),
        tenant=asset.tenant,
        asset_id=asset.asset_id,
        path=asset.path,
        key=asset.key,
        state=asset.state.value,
        created_at=created_at,
        updated_at=updated_at,
        version_id=asset.version_id,
        size_bytes=asset.size_bytes,
        sha256=asset.sha256,
        info=None if asset.info is None else asset.info.model_dump(mode="json"),
        reason_code=asset.reason_code,
        reason=asset.reason,
        holds=[hold.model_dump(mode="json") for hold in asset.holds] or None,
        deleted_at=_text(asset.deleted_at),
        purge_at=_text(asset.purge_at),
        state_before=asset.state_before.value if asset.state_before else None,
        purge_started_at=_text(asset.purge_started_at),
        stored_at=_text(asset.stored_at),
        removing=[kind.value for kind in asset.removing] or None,
        removed={kind.value: instant(at) for kind, at in asset.removed.items()} or None,
        **expected(asset.version),
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else instant(moment)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


class OwnerRow(Model):
    """An asset among those that have the same content; the content leads the key."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


def owners_pk(tenant: str, sha256: str) -> str:
    """Where the owners of a content lie."""
    return f"{tenant}#content#{sha256}"


class DynamoAssets:
    """`filmgate.library.ports.Assets`. Every method may raise TransientError."""

    def __init__(self, assets_table: str) -> None:
        self._assets = in_table(AssetRow, assets_table)

    def create(self, asset: Asset) -> Asset:
        """Store a new asset, or return the one already stored under its id, unchanged."""
        row = asset_row(self._assets, asset)
        with transient("an asset"):
            try:
                row.save()
            except PutError as error:
                if not refused(error):
                    raise
                return self.asset(asset.tenant, asset.asset_id)
        return row.record()

    def compare_and_set(self, asset: Asset) -> Asset | None:
        """Store the asset if the stored one has its version; None if it was changed."""
        row = asset_row(self._assets, asset)
        with transient("an asset"):
            try:
                row.save()
            except PutError as error:
                if not refused(error):
                    raise
                return None
        return row.record()

    def asset(self, tenant: str, asset_id: str) -> Asset:
        """Strongly consistent. Raises NotFound."""
        if not possible(asset_id):
            raise NotFound(f"no asset {asset_id}")
        with transient("an asset"):
            try:
                row = self._assets.get(pk(tenant, asset_id), ASSET, consistent_read=True)
            except self._assets.DoesNotExist:
                raise NotFound(f"no asset {asset_id}") from None
        return row.record()

    def assets(self, tenant: str, ids: Sequence[str]) -> list[Asset]:
        """Those of the ids that exist, in the order asked. Strongly consistent."""
        wanted = dict.fromkeys(asset_id for asset_id in ids if possible(asset_id))
        keys = [(pk(tenant, asset_id), ASSET) for asset_id in wanted]
        with transient("assets"):
            rows = list(self._assets.batch_get(keys, consistent_read=True))
        records = {row.asset_id: row.record() for row in rows}
        return [records[asset_id] for asset_id in ids if asset_id in records]
