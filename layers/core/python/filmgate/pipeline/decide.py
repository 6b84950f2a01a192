"""Turn comparisons into verdicts, keep those that say more than "different", and take back those
that no longer do."""

from __future__ import annotations

from dataclasses import dataclass

from filmgate.clock import now
from filmgate.dedupe.matching import decide as rule
from filmgate.dedupe.matching.model import MatchClass, Verdict
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate.library.model import Match, match_id
from filmgate.library.ports import Matches, ObjectStore
from filmgate.pipeline.state import ComparedPair, Comparisons, Decided, Matched


@dataclass(frozen=True, slots=True)
class DecideDeps:
    """What deciding stands on."""

    library: Matches
    objects: ObjectStore
    settings: MatchSettings


def decide(deps: DecideDeps, state: Matched) -> Decided:
    """Record a match for each pair that is at least similar; the evidence is in the verdict.

    A pair that was a match in an earlier run and is none by this one is withdrawn.

    Raises:
        NotFound: the comparisons are gone.
        TransientError: storage did not answer.
    """
    stored = deps.objects.get("artifacts", state.comparisons_key)
    alike: list[tuple[ComparedPair, Verdict]] = []
    different: set[str] = set()
    for pair in Comparisons.model_validate_json(stored).pairs:
        verdict = rule.decide(pair.comparison, deps.settings)
        if verdict.match_class is MatchClass.DIFFERENT:
            different.add(match_id(pair.a, pair.b))
        else:
            alike.append((pair, verdict))
    for pair, verdict in alike:
        moment = now()
        match = Match(
            tenant=state.tenant,
            a=pair.a,
            b=pair.b,
            verdict=verdict,
            created_at=moment,
            updated_at=moment,
        )
        deps.library.save_match(match)
    withdrawn = _withdraw(deps.library, state, different)
    return Decided(**state.job(), matches=len(alike), withdrawn=withdrawn)


def _withdraw(library: Matches, state: Matched, different: set[str]) -> int:
    # Most pairs that differ were never a match: a few reads save hundreds of writes.
    held = library.matches(state.tenant, sorted(different))
    for match in held:
        library.withdraw_match(state.tenant, match.match_id, now())
    return len(held)
