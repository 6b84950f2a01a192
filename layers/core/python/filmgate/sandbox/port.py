"""What the pipeline needs of whoever reads media files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from filmgate.dedupe.engine import FINGERPRINT
from filmgate.media.limits import Limits
from filmgate.media.model import Frame, MediaInfo

if TYPE_CHECKING:
    # Receiving only probes, and does without arrays.
    from filmgate.dedupe.fingerprint.model import Fingerprint
    from filmgate.media.storyboard import RenderedStoryboard


@dataclass(frozen=True, slots=True)
class Reading:
    """All that one pass over a file gives.

    Attributes:
        fingerprint: without embeddings, which a model makes of `pictures`; None where it was not
            asked for.
        tiles: beside a fingerprint; None where the file shows nothing.
        pictures: a few that are worth embedding, where they were asked for.
        shared: the artifacts of `filmgate.media.shared_names.SHARED_NAMES` that were asked for, by
            name, each within its bounds.
    """

    fingerprint: Fingerprint | None
    tiles: RenderedStoryboard | None
    pictures: tuple[Frame, ...] = ()
    shared: Mapping[str, bytes] = field(default_factory=dict)


class MediaReader(Protocol):
    """Reads files that anybody may have made."""

    def probe(self, path: Path, limits: Limits) -> MediaInfo:
        """`filmgate.media.probe.probe`.

        Raises:
            MediaRefused: what is wrong with the file.
            TransientError: the reader ran out of memory, or was ended by something else.
        """

    def read(
        self,
        path: Path,
        sha256: str,
        info: MediaInfo,
        limits: Limits,
        *,
        pictures: bool,
        artifacts: Sequence[str] = (FINGERPRINT,),
    ) -> Reading:
        """Decode a file once for all that is asked for, and no more of it than that needs.

        What an artifact holds does not depend on the others, unless the time runs out.

        Args:
            path: a local file.
            sha256: its digest.
            info: what `probe` said of it.
            limits: bounds on decoding.
            pictures: whether some are wanted with the fingerprint, for embedding.
            artifacts: ``fingerprint``, names in `filmgate.media.shared_names.SHARED_NAMES`, or
                both.

        Raises:
            MediaRefused: what is wrong with the file.
            TransientError: the reader ran out of memory, or was ended by something else.
        """
