"""What the pipeline needs of whoever reads media files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

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
        fingerprint: without embeddings, which a model makes of `pictures`.
        tiles: None where the file shows nothing.
        pictures: a few that are worth embedding, where they were asked for.
    """

    fingerprint: Fingerprint
    tiles: RenderedStoryboard | None
    pictures: tuple[Frame, ...] = ()


class MediaReader(Protocol):
    """Reads files that anybody may have made."""

    def probe(self, path: Path, limits: Limits) -> MediaInfo:
        """`filmgate.media.probe.probe`.

        Raises:
            MediaRefused: what is wrong with the file.
            TransientError: the reader ran out of memory, or was ended by something else.
        """

    def read(
        self, path: Path, sha256: str, info: MediaInfo, limits: Limits, *, pictures: bool
    ) -> Reading:
        """Decode a file once and keep what later steps need.

        Args:
            path: a local file.
            sha256: its digest.
            info: what `probe` said of it.
            limits: bounds on decoding.
            pictures: whether some are wanted, for embedding.

        Raises:
            MediaRefused: what is wrong with the file.
            TransientError: the reader ran out of memory, or was ended by something else.
        """
