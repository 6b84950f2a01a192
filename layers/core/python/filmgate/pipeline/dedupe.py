"""The dedupe engine with its storage: index, search, compare, decide."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from filmgate.clock import now
from filmgate.dedupe.engine import FINGERPRINT, SPEC
from filmgate.dedupe.fingerprint.codec import DamagedFingerprintError, loads
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.fingerprint.retrieval import index_entry, index_query
from filmgate.dedupe.index.port import CandidateIndex, CompactionRequests, IndexQuery
from filmgate.dedupe.matching.compare import compare
from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.model import MatchClass
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate.dedupe.records import ComparedPair, Comparisons, match_of
from filmgate.engines.spec import EngineInput, EngineOutput
from filmgate.errors import NotFound, TransientError
from filmgate.library.matches import match_id
from filmgate.library.model import Asset, AssetState
from filmgate.library.ports import Assets, Matches, ObjectStore
from filmgate.pipeline.artifacts import comparisons_address, fingerprint_address
from filmgate.pipeline.budget import MatchBudget

MAX_CANDIDATES = 200
_FETCHERS = 8
"""Number of fingerprints that are downloaded in parallel; S3 takes 30 to 50 ms for each."""
_ASSETS_PER_CHECK = 8
"""One of this many assets checks whether a compaction is due, so a burst requests only a few."""
_RESERVE_S = 20.0
"""Time of the function that is reserved for decisions and records, in seconds."""


@dataclass(frozen=True, slots=True)
class DedupeEngine:
    """Finds the copies of an asset. Implements `filmgate.engines.spec.Engine`."""

    assets: Assets
    matches: Matches
    objects: ObjectStore
    index: CandidateIndex
    settings: MatchSettings
    budget: MatchBudget = field(default_factory=MatchBudget)
    clock: Callable[[], float] = time.monotonic
    compactions: CompactionRequests | None = None
    """None if no compactions are requested."""
    spec = SPEC

    def run(self, given: EngineInput) -> EngineOutput:
        """Add the asset to the index, then search. So if two copies arrive at the same time, at
        least one finds the other.

        Comparisons are an artifact of the job; a repeated job continues from them.

        Raises:
            NotFound: the fingerprint of the asset is missing.
            TransientError: storage did not answer.
        """
        own = loads(given.read(FINGERPRINT))
        tenant = given.asset.tenant
        key = comparisons_address(tenant, own.sha256, own.engine, given.job_id)
        try:
            compared = Comparisons.model_validate_json(self.objects.get("artifacts", key))
        except NotFound:
            compared = self._compare(given, own)
            body = compared.model_dump_json().encode()
            self.objects.put("artifacts", key, body, "application/json")
        matches, withdrawn = self._decide(tenant, compared)
        self._check_compaction(tenant, given.asset.asset_id)
        counts = {
            "candidates": compared.candidates,
            "matches": matches,
            "withdrawn": withdrawn,
            "uncompared": compared.uncompared,
            "outdated": compared.outdated,
            "damaged": compared.damaged,
        }
        return EngineOutput(
            summary=counts, artifacts=given.artifacts | {"comparisons": key}, notes=own.notes
        )

    def _compare(self, given: EngineInput, own: Fingerprint) -> Comparisons:
        """Compare candidates, the best first, until the time is over."""
        tenant, asset_id = given.asset.tenant, given.asset.asset_id
        allowed_s = min(
            self.budget.seconds(own.info.kind), max(0.0, given.remaining_s() - _RESERVE_S)
        )
        end = self.clock() + allowed_s
        self.index.add(tenant, index_entry(asset_id, own))
        others = self._others(tenant, index_query(asset_id, own))
        pairs: list[ComparedPair] = []
        outdated = damaged = compared_count = 0
        for other, theirs in _fingerprints(self.objects, others, own.engine):
            if self.clock() >= end:
                break
            compared_count += 1
            if isinstance(theirs, Fingerprint):
                pairs.append(_compared(asset_id, own, other.asset_id, theirs))
            elif isinstance(theirs, DamagedFingerprintError):
                damaged += 1
            else:
                outdated += 1
        return Comparisons(
            engine=own.engine,
            pairs=tuple(pairs),
            candidates=len(others),
            uncompared=len(others) - compared_count,
            outdated=outdated,
            damaged=damaged,
        )

    def _others(self, tenant: str, query: IndexQuery) -> list[Asset]:
        """Return the best candidates that are not deleted."""
        limit = MAX_CANDIDATES
        while True:
            candidates = self.index.search(tenant, query, limit=limit)
            records = self.assets.assets(tenant, [candidate.asset_id for candidate in candidates])
            others = [record for record in records if record.state is not AssetState.DELETED]
            if len(candidates) < limit or len(others) >= MAX_CANDIDATES:
                return others[:MAX_CANDIDATES]
            limit *= 2

    def _check_compaction(self, tenant: str, asset_id: str) -> None:
        """Request a compaction if one is due. If that fails, a scheduled one follows later."""
        if self.compactions is None or zlib.crc32(asset_id.encode()) % _ASSETS_PER_CHECK:
            return
        with suppress(TransientError):
            if self.index.compaction_due(tenant):
                self.compactions.request([tenant])

    def _decide(self, tenant: str, compared: Comparisons) -> tuple[int, int]:
        """Store a match for each pair that is at least similar, and withdraw matches of earlier
        runs whose pair is now different. Returns both numbers."""
        saved = 0
        different: set[str] = set()
        for pair in compared.pairs:
            verdict = decide(pair.comparison, self.settings)
            if verdict.match_class is MatchClass.DIFFERENT:
                different.add(match_id(pair.a, pair.b))
                continue
            self.matches.save_match(match_of(tenant, pair.a, pair.b, verdict, now()))
            saved += 1
        # Most different pairs never had a match, so a few reads save hundreds of writes.
        stored = self.matches.matches(tenant, sorted(different))
        for match in stored:
            self.matches.withdraw_match(tenant, match.match_id, now())
        return saved, len(stored)


Fetched = Fingerprint | DamagedFingerprintError | None


def _fingerprints(
    objects: ObjectStore, assets: Sequence[Asset], engine: str
) -> Iterator[tuple[Asset, Fetched]]:
    """Download the fingerprints of candidates, in order, batch in advance.

    None if there is none of this engine. The address is computed from the content, because a
    record may be outdated.
    """

    def fetch(asset: Asset) -> Fetched:
        if asset.sha256 is None:
            return None
        try:
            key = fingerprint_address(asset.tenant, asset.sha256, engine)
            return loads(objects.get("artifacts", key))
        except NotFound:
            return None
        except DamagedFingerprintError as error:
            return error

    with ThreadPoolExecutor(_FETCHERS) as pool:
        for start in range(0, len(assets), _FETCHERS):
            batch = assets[start : start + _FETCHERS]
            yield from zip(batch, pool.map(fetch, batch), strict=True)


def _compared(one_id: str, one: Fingerprint, other_id: str, other: Fingerprint) -> ComparedPair:
    """Compare a pair with the smaller id as `a`, so that its order does not matter."""
    if one_id < other_id:
        return ComparedPair(a=one_id, b=other_id, comparison=compare(one, other))
    return ComparedPair(a=other_id, b=one_id, comparison=compare(other, one))
