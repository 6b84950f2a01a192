"""What makes two files that are no copies hard to tell apart."""

from __future__ import annotations

from filmgate.media.model import MediaKind
from tests.benchmarks.matching_copies import File

ORDER = (
    "same background",
    "another take",
    "same film",
    "same intro",
    "same black frames",
    "same sound",
    "same speaker",
    "same layout",
    "same banner",
    "same surround",
)
"""Classes of negative, the hardest first: a pair with several reasons counts under the first."""
UNRELATED = "unrelated"
KINDS_DIFFER = "unrelated, of two kinds"


def negative_class(query: File, reference: File) -> str | None:
    """The class of negative of two files; "" for copies, None for a pair that tells nothing.

    A source and its copies are one family. Only pairs of a copy with its own source are counted
    as copies: two copies of one source need not share anything, such as two halves.
    """
    if query.source == reference.source:
        return "" if query.variant and not reference.variant else None
    for name in ORDER:
        shared = query.alike.get(name)
        if shared is not None and shared == reference.alike.get(name):
            return name
    if query.kind is reference.kind:
        return f"{UNRELATED} {_WORDS[query.kind]}"
    return KINDS_DIFFER


_WORDS = {MediaKind.VIDEO: "videos", MediaKind.IMAGE: "pictures", MediaKind.AUDIO: "sounds"}
