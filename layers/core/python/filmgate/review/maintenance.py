"""What is done for every tenant from time to time, in bounded steps."""

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
"""The steps in their order, each with the name of the metric that counts what it did."""


def maintain(
    deps: PurgeDeps, tenant: str, enough_time: Callable[[], bool]
) -> Mapping[str, Callable[[], int]]:
    """The steps for one tenant, to be called in order; each raises TransientError by itself.

    What is stuck ends first: nothing is purged or removed while a job works on it.
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
