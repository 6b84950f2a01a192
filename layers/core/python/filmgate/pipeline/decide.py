"""Turn comparisons into verdicts, and keep those that say more than "different"."""

from __future__ import annotations

from dataclasses import dataclass

from filmgate.library.model import Match, now
from filmgate.library.ports import Matches, ObjectStore
from filmgate.matching import decide as rule
from filmgate.matching.model import MatchClass
from filmgate.matching.settings import MatchSettings
from filmgate.pipeline.state import Comparisons, Decided, Matched


@dataclass(frozen=True, slots=True)
class DecideDeps:
    """What deciding stands on."""

    library: Matches
    objects: ObjectStore
    settings: MatchSettings


def decide(deps: DecideDeps, state: Matched) -> Decided:
    """Record a match for each pair that is at least similar; the evidence is in the verdict.

    Raises:
        NotFound: the comparisons are gone.
        TransientError: storage did not answer.
    """
    stored = deps.objects.get("artifacts", state.comparisons_key)
    matches = 0
    for pair in Comparisons.model_validate_json(stored).pairs:
        verdict = rule.decide(pair.comparison, deps.settings)
        if verdict.match_class is MatchClass.DIFFERENT:
            continue
        moment = now()
        deps.library.save_match(
            Match(
                tenant=state.tenant,
                a=pair.a,
                b=pair.b,
                verdict=verdict,
                created_at=moment,
                updated_at=moment,
            )
        )
        matches += 1
    return Decided(**state.job(), matches=matches)
