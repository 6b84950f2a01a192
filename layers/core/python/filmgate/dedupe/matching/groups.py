"""Groups of files that can stand for each other.

Chaining must not happen: A may be near B, and B near C, while A and C have nothing in common. So a
group is built around one file that all of its members match, and each member must also match more
than half of the others. A file that holds only a part of another joins no group, because it cannot
stand for it; it is listed as a match.
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
        pairs: (one, other, verdict); names may be ids or paths. Their order does not matter.

    Returns:
        Disjoint groups of two and more, largest first. Each starts with the file that all others
        match, the rest is sorted by name.
    """
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    for one, other, verdict in pairs:
        if verdict.match_class in _INTERCHANGEABLE and not verdict.transform.partial:
            scores[one][other] = scores[other][one] = verdict.score
    grouped = []
    free = set(scores)
    # Exact sums: with rounding, ties would depend on the order of the pairs.
    for centre in sorted(scores, key=lambda name: (-math.fsum(scores[name].values()), name)):
        if centre in free:
            members = _group_around(centre, scores, free)
            if len(members) > 1:
                free -= set(members)
                grouped.append([centre, *sorted(members[1:])])
    return sorted(grouped, key=lambda group: (-len(group), group[0]))


def _group_around(centre: str, scores: dict[str, dict[str, float]], free: set[str]) -> list[str]:
    members = [centre]
    for name in sorted(scores[centre], key=lambda name: (-scores[centre][name], name)):
        matched = sum(member in scores[name] for member in members)
        if name in free and matched * 2 > len(members):
            members.append(name)
    return _without_weak_members(members, scores)


def _without_weak_members(members: list[str], scores: dict[str, dict[str, float]]) -> list[str]:
    """Remove, weakest first, members that do not match more than half of the final others."""
    while True:
        matched = {name: sum(other in scores[name] for other in members) for name in members}
        weak = [name for name in members if matched[name] * 2 <= len(members) - 1]
        if not weak:
            return members
        weakest = min(weak, key=lambda name: (matched[name], name))
        members = [name for name in members if name != weakest]
