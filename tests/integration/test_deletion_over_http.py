"""Deletion as it is deployed: under the roles of the API and of the scheduled purge."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from filmgate.access.service import create_key
from filmgate.adapters import s3
from filmgate.adapters.dynamodb.keys import DynamoKeyStore
from filmgate.api.models import PolicyView
from filmgate.client.api import ApiError, FilmgateClient
from filmgate.clock import now
from filmgate.errors import NotFound
from filmgate.library.model import Asset, AssetState, AssetStatus
from filmgate.pipeline.runs import plan
from filmgate.review.audit import AuditEvent, broken_link
from tests.integration.test_pipeline import Site, invoke, wait_for
from tests.stack import RunningStack, environment
from tests.unit.pipeline.flow import picture

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module", autouse=True)
def aws(local: RunningStack) -> Iterator[None]:
    s3._client.cache_clear()
    with environment(**local.variables):
        yield
    s3._client.cache_clear()


@pytest.fixture
def site(local: RunningStack) -> Site:
    return Site(local)


@pytest.fixture
def api(local: RunningStack, site: Site) -> Iterator[FilmgateClient]:
    """The tenant's view of the deployed API."""
    key = create_key(DynamoKeyStore(local.info.tables["keys"]), site.tenant, "test")
    with FilmgateClient(local.info.api_url, key) as client:
        yield client


def ago(site: Site, asset_id: str, **fields: object) -> Asset:
    """The asset with these fields, as if time had passed."""
    asset = site.library.asset(site.tenant, asset_id)
    changed = site.library.compare_and_set(asset.model_copy(update=fields))
    assert changed is not None
    return changed


def left(local: RunningStack, bucket: str, prefix: str) -> list[str]:
    """Keys of all versions and delete markers."""
    found = local.aws.client("s3").list_object_versions(Bucket=bucket, Prefix=prefix)
    entries = [*found.get("Versions", []), *found.get("DeleteMarkers", [])]
    return sorted(entry["Key"] for entry in entries)


def actions(api: FilmgateClient) -> list[str]:
    """Of all events, whose chain holds."""
    events = [AuditEvent.model_validate(view.model_dump()) for view in api.audit_events()]
    assert broken_link(events) is None
    return [event.action for event in events]


def test_an_asset_is_deleted_restored_held_and_purged(
    local: RunningStack, site: Site, api: FilmgateClient
) -> None:
    site.drop("one.jpg", picture(1))
    site.drop("two.jpg", picture(1, side=150, quality=70))
    ended = site.ended(2)
    one = ended["one.jpg"].asset
    two = ended["two.jpg"].asset
    (match,) = api.matches()
    deleted = api.delete_asset(one.asset_id, "asked to")
    assert deleted.status is AssetStatus.DELETED
    assert [asset.asset_id for asset in api.assets()] == [two.asset_id]
    assert list(api.matches()) == []
    api.restore_asset(one.asset_id)
    site.ended(2)
    assert [found.match_id for found in api.matches()] == [match.match_id]
    hold = api.place_hold(one.asset_id, "case 7")
    with pytest.raises(ApiError, match="case 7"):
        api.delete_asset(one.asset_id, "asked to")
    api.release_hold(one.asset_id, hold.hold_id)
    api.delete_asset(one.asset_id, "asked to")
    assert invoke(local, "purge", {})["purged"] == 0
    ago(site, one.asset_id, purge_at=now() - timedelta(minutes=1))
    done = wait_for("purge", lambda: invoke(local, "purge", {}) if gone(site, one) else None)
    assert done["stuck"] == 0
    assert left(local, local.info.raw_bucket, one.key) == []
    assert left(local, local.info.artifacts_bucket, f"artifacts/{site.tenant}/{one.sha256}/") == []
    comparisons = f"comparisons/{site.tenant}/{one.sha256}/"
    assert left(local, local.info.artifacts_bucket, comparisons) == []
    ids = site.library.match_ids_of(site.tenant, two.asset_id, limit=9, cursor=None)
    assert ids.items == []
    assert left(local, local.info.raw_bucket, two.key)
    assert actions(api) == [
        "asset.deleted",
        "asset.restored",
        "hold.placed",
        "hold.released",
        "asset.deleted",
        "asset.purged",
    ]
    # A copy that comes later finds the one that is left, and not the one that is gone.
    site.drop("three.jpg", picture(1, side=140, quality=80))
    three = site.ended(2)["three.jpg"]
    assert three.status is AssetStatus.DONE
    (found,) = api.matches_of(three.asset.asset_id)
    assert two.asset_id in (found.a, found.b)


def gone(site: Site, asset: Asset) -> bool:
    """Whether the record is gone, after another round of the purge."""
    invoke(site.local, "purge", {})
    try:
        site.library.asset(asset.tenant, asset.asset_id)
    except NotFound:
        return True
    return False


def test_a_policy_removes_bytes_and_pictures_and_a_run_says_so(
    local: RunningStack, site: Site, api: FilmgateClient
) -> None:
    site.drop("one.jpg", picture(2))
    asset = site.ended(1)["one.jpg"].asset
    api.set_policy(PolicyView(raw=1))
    ago(site, asset.asset_id, stored_at=now() - timedelta(days=2))
    assert invoke(local, "purge", {})["removed"] == 1
    assert left(local, local.info.raw_bucket, asset.key) == []
    shown = api.asset(asset.asset_id)
    assert (shown.bytes, shown.status) == ("gone", AssetStatus.DONE)
    # What was made of it is still there, so it can be compared again.
    api.analyze(asset.asset_id)
    assert site.ended(1)["one.jpg"].status is AssetStatus.DONE
    artifacts = f"artifacts/{site.tenant}/{asset.sha256}/"
    client = local.aws.client("s3")
    for key in left(local, local.info.artifacts_bucket, artifacts):
        client.delete_object(Bucket=local.info.artifacts_bucket, Key=key)
    api.analyze(asset.asset_id)
    refused = site.ended(1)["one.jpg"]
    assert refused.status is AssetStatus.REFUSED
    assert "retention policy" in str(refused.reason)
    assert actions(api) == ["policy.changed", "data.removed"]


def test_the_reaper_ends_what_is_stuck_and_removes_what_never_came(
    local: RunningStack, site: Site, api: FilmgateClient
) -> None:
    site.drop("one.jpg", picture(3))
    asset = site.ended(1)["one.jpg"].asset
    run = plan(asset, site.library.results(site.tenant, asset.asset_id), workflow="standard")
    old = now() - timedelta(hours=5)
    jobs = [job.model_copy(update={"started_at": old}) for job in run.jobs]
    results = [result.model_copy(update={"updated_at": old}) for result in run.results]
    assert site.library.begin(asset.changed(), jobs, results)
    week = now() - timedelta(days=8)
    site.library.create(
        Asset(
            tenant=site.tenant,
            asset_id="never",
            path="never.jpg",
            key=f"raw/{site.tenant}/never/never.jpg",
            state=AssetState.WAITING,
            created_at=week,
            updated_at=week,
        )
    )
    invoke(local, "purge", {})
    (record,) = site.assets()
    assert (record.status, record.reason_code) == (AssetStatus.FAILED, "stuck")
    assert actions(api) == ["asset.forgotten"]
    api.analyze(asset.asset_id)
    assert site.ended(1)["one.jpg"].status is AssetStatus.DONE
