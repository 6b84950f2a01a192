"""The port for reading media files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from filmgate.dedupe.engine import FINGERPRINT
from filmgate.media.limits import Limits
from filmgate.media.model import Frame, MediaInfo

if TYPE_CHECKING:
    # Ingest only probes files and must not load NumPy.
    from filmgate.dedupe.fingerprint.model import Fingerprint
    from filmgate.media.storyboard import RenderedStoryboard


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of one pass over a file.

    Attributes:
        fingerprint: without embeddings, which a model computes from `pictures`; None if it was not
            requested.
        tiles: the storyboard, if a fingerprint was requested; None if the file has no pictures.
        pictures: a few pictures for embedding, if they were requested.
        shared: the requested artifacts of `filmgate.media.shared_names.SHARED_NAMES`, by name, each
            within its size limit.
    """

    fingerprint: Fingerprint | None
    tiles: RenderedStoryboard | None
    pictures: tuple[Frame, ...] = ()
    shared: Mapping[str, bytes] = field(default_factory=dict)


class MediaReader(Protocol):
    """Reads untrusted media files."""

    def probe(self, path: Path, limits: Limits) -> MediaInfo:
        """`filmgate.media.probe.probe`.

        Raises:
            MediaRefused: the file cannot be accepted.
            TransientError: the reader ran out of memory or was killed.
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
        """Decode a file once for all requested artifacts, and only as far as they need.

        The content of an artifact does not depend on the others, unless the time runs out.

        Args:
            path: a local file.
            sha256: its digest.
            info: the result of `probe`.
            limits: bounds on decoding.
            pictures: whether to return pictures for embedding with the fingerprint.
            artifacts: ``fingerprint``, names in `filmgate.media.shared_names.SHARED_NAMES`,
                or both.

        Raises:
            MediaRefused: the file cannot be accepted.
            TransientError: the reader ran out of memory or was killed.
        """
