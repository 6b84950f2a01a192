"""Groups of files that can stand for each other.

Chains are the danger: A is near B, B is near C, and A has nothing to do with C. So a group is
built around one file that all of its members match, and each member must also match more than
half of the others. A file that only holds a part of another joins no group: it cannot stand
for it, and is listed as a match.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from filmgate.dedupe.matching.model import MatchClass, Verdict

_INTERCHANGEABLE = {MatchClass.EXACT, MatchClass.NEAR}


def groups(pairs: Iterable[tuple[str, str, Verdict]]) -> list[list[str]]:
    """Group what matches as exact or near.

    Args:
        pairs: (one, other, verdict); names may be ids or paths.

    Returns:
        Disjoint groups of two and more, largest first; each starts with the file that all the
        others match, the rest by name. The order of the pairs does not matter.
    """
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    for one, other, verdict in pairs:
        if verdict.match_class in _INTERCHANGEABLE and not verdict.transform.partial:
            scores[one][other] = scores[other][one] = verdict.score
    found = []
    free = set(scores)
    # Exact sums: rounding would make ties depend on the order of the pairs.
    for centre in sorted(scores, key=lambda name: (-math.fsum(scores[name].values()), name)):
        if centre in free:
            members = _around(centre, scores, free)
            if len(members) > 1:
                free -= set(members)
                found.append([centre, *sorted(members[1:])])
    return sorted(found, key=lambda group: (-len(group), group[0]))


def _around(centre: str, scores: dict[str, dict[str, float]], free: set[str]) -> list[str]:
    members = [centre]
    for name in sorted(scores[centre], key=lambda name: (-scores[centre][name], name)):
        matched = sum(member in scores[name] for member in members)
        if name in free and matched * 2 > len(members):
            members.append(name)
    return _holding(members, scores)


def _holding(members: list[str], scores: dict[str, dict[str, float]]) -> list[str]:
    """Without those who no longer match more than half of the others, now that all are in."""
    while True:
        matched = {name: sum(other in scores[name] for other in members) for name in members}
        loose = [name for name in members if matched[name] * 2 <= len(members) - 1]
        if not loose:
            return members
        members = [name for name in members if name != min(loose, key=lambda n: (matched[n], n))]
