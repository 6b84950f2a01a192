"""Put an asset into the index, find who might be its copy, and compare."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from filmgate.dedupe.fingerprint.codec import loads
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.fingerprint.retrieval import index_entry, index_query
from filmgate.dedupe.index.port import CandidateIndex, CompactionRequests
from filmgate.dedupe.matching.compare import compare
from filmgate.errors import NotFound, TransientError
from filmgate.library.model import Asset
from filmgate.library.ports import Assets, ObjectStore
from filmgate.pipeline.artifacts import address, fingerprint_address
from filmgate.pipeline.budget import MatchBudget
from filmgate.pipeline.state import ComparedPair, Comparisons, Matched, ToMatch

MAX_CANDIDATES = 200
_ASSETS_PER_CHECK = 8
"""One asset in so many checks whether a compaction is due: a burst asks for few of them."""


@dataclass(frozen=True, slots=True)
class MatchDeps:
    """What matching stands on."""

    library: Assets
    objects: ObjectStore
    index: CandidateIndex
    budget: MatchBudget = field(default_factory=MatchBudget)
    clock: Callable[[], float] = time.monotonic
    compactions: CompactionRequests | None = None
    """None where nothing asks for compactions."""


def match(deps: MatchDeps, state: ToMatch) -> Matched:
    """Write, then look: an asset is in the index before it searches it, so of two copies that
    arrive together at least one finds the other.

    Raises:
        NotFound: the asset's own fingerprint is gone.
        TransientError: storage did not answer.
    """
    own = loads(deps.objects.get("artifacts", state.fingerprint_key))
    deps.index.add(state.tenant, index_entry(state.asset_id, own))
    query = index_query(state.asset_id, own)
    candidates = deps.index.search(state.tenant, query, limit=MAX_CANDIDATES)
    others = deps.library.assets(state.tenant, [found.asset_id for found in candidates])
    pairs, passed_over = _pairs(deps, state.asset_id, own, others)
    key = address(state.tenant, own.sha256, "comparisons", own.engine, f"{state.job_id}.json")
    body = Comparisons(engine=own.engine, pairs=tuple(pairs)).model_dump_json().encode()
    deps.objects.put("artifacts", key, body, "application/json")
    _check_compaction(deps, state)
    return Matched(
        **state.job(), comparisons_key=key, candidates=len(pairs), passed_over=passed_over
    )


def _check_compaction(deps: MatchDeps, state: ToMatch) -> None:
    """Ask for a compaction when one is due. If that fails, the schedule brings one later."""
    if deps.compactions is None or zlib.crc32(state.asset_id.encode()) % _ASSETS_PER_CHECK:
        return
    with suppress(TransientError):
        if deps.index.compaction_due(state.tenant):
            deps.compactions.request([state.tenant])


def _pairs(
    deps: MatchDeps, asset_id: str, own: Fingerprint, others: list[Asset]
) -> tuple[list[ComparedPair], int]:
    """Comparisons, best candidates first, while there is time; and how many it did not reach."""
    end = deps.clock() + deps.budget.seconds(own.info.kind)
    pairs: list[ComparedPair] = []
    for number, (other, theirs) in enumerate(_fingerprints(deps.objects, others, own.engine)):
        if deps.clock() >= end:
            return pairs, len(others) - number
        pairs.append(_compared(asset_id, own, other.asset_id, theirs))
    return pairs, 0


def _fingerprints(
    objects: ObjectStore, assets: list[Asset], engine: str
) -> Iterator[tuple[Asset, Fingerprint]]:
    """Those that are still there. The address comes from the content, not from the record: an
    asset may be in the index a moment before its record names its fingerprint."""
    for asset in assets:
        if asset.sha256 is None:
            continue
        key = fingerprint_address(asset.tenant, asset.sha256, engine)
        try:
            yield asset, loads(objects.get("artifacts", key))
        except NotFound:
            continue


def _compared(one_id: str, one: Fingerprint, other_id: str, other: Fingerprint) -> ComparedPair:
    """The smaller id is `a`, so both sides measure the same."""
    if one_id < other_id:
        return ComparedPair(a=one_id, b=other_id, comparison=compare(one, other))
    return ComparedPair(a=other_id, b=one_id, comparison=compare(other, one))
