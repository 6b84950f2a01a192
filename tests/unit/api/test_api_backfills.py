"""A backfill is started once for each call, for the tenant of the key."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from filmgate.pipeline.backfill import BackfillOrder
from tests.unit.api.world import World


@pytest.mark.parametrize(
    ("body", "want", "everything"),
    [({}, None, False), ({"want": ["dedupe"], "everything": True}, ("dedupe",), True)],
)
def test_a_backfill_is_started_for_the_tenant(
    world: World,
    client: TestClient,
    body: dict[str, object],
    want: tuple[str, ...] | None,
    everything: bool,
) -> None:
    answer = client.post("/backfills", json=body)
    assert answer.status_code == 202
    backfill_id = answer.json()["backfill_id"]
    workflow, payload = world.workflows.started[backfill_id]
    assert workflow == "backfill"
    assert BackfillOrder.model_validate(payload) == BackfillOrder(
        tenant="acme", backfill_id=backfill_id, want=want, everything=everything
    )


@pytest.mark.parametrize("body", [{"want": ["poetry"]}, {"want": []}, {"all": True}])
def test_what_cannot_be_run_is_refused(
    world: World, client: TestClient, body: dict[str, object]
) -> None:
    assert client.post("/backfills", json=body).status_code == 422
    assert world.workflows.started == {}


def test_a_backfill_needs_a_key(world: World) -> None:
    assert world.client(None).post("/backfills", json={}).status_code == 401
