"""Regular maintenance of a tenant, in bounded steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from filmgate.review.changes import POLICY
from filmgate.review.policy import policy_of
from filmgate.review.purge import PurgeDeps, purge_due
from filmgate.review.reaper import ReaperDeps, end_stuck, remove_forgotten
from filmgate.review.retention import sweep

STEPS = {
    "stuck": "StuckJobsEnded",
    "forgotten": "ForgottenAssetsRemoved",
    "purged": "AssetsPurged",
    "removed": "DataRemoved",
}
"""The steps in order, each with the name of the metric that counts its actions."""


def maintain(
    deps: PurgeDeps, tenant: str, enough_time: Callable[[], bool]
) -> Mapping[str, Callable[[], int]]:
    """Return the steps for one tenant, to be called in order. Each may raise TransientError.

    Stuck jobs end first, because nothing is purged or removed while a job runs on it.
    """
    reaping = ReaperDeps(deps.library, deps.objects, deps.workflows, deps.audit)
    return {
        "stuck": lambda: end_stuck(reaping, tenant, enough_time=enough_time),
        "forgotten": lambda: remove_forgotten(reaping, tenant, enough_time=enough_time),
        "purged": lambda: purge_due(deps, tenant, actor=POLICY, enough_time=enough_time),
        "removed": lambda: sweep(
            deps, tenant, policy_of(deps.objects, tenant), enough_time=enough_time
        ),
    }
