"""Reading media in this process: for files of one's own, and for measuring."""

from __future__ import annotations

from pathlib import Path

from filmgate.media.limits import Limits
from filmgate.media.model import Frame, MediaInfo
from filmgate.sandbox.port import Reading


class InProcessReader:
    """`filmgate.sandbox.port.MediaReader` without a sandbox."""

    def probe(self, path: Path, limits: Limits) -> MediaInfo:
        """See `MediaReader.probe`."""
        from filmgate.media.probe import probe  # noqa: PLC0415 - the parent of a sandbox has no use

        return probe(path, limits)

    def read(
        self, path: Path, sha256: str, info: MediaInfo, limits: Limits, *, pictures: bool
    ) -> Reading:
        """See `MediaReader.read`."""
        # Receiving imports this module too, and does without arrays.
        from filmgate.dedupe.fingerprint.embeddings import pictures_of  # noqa: PLC0415
        from filmgate.dedupe.fingerprint.engine import fingerprint  # noqa: PLC0415
        from filmgate.engines.embedding.sampling import Sampler  # noqa: PLC0415
        from filmgate.media.storyboard import Storyboard  # noqa: PLC0415

        sheet, sampler, seen = Storyboard(), Sampler(), 0

        def keep(frame: Frame) -> None:
            nonlocal seen
            seen += 1
            sheet.add(frame)
            if pictures:
                sampler.see(frame)

        made = fingerprint(path, sha256, info, limits, keep)
        return Reading(
            fingerprint=made,
            tiles=sheet.finish() if seen else None,
            pictures=pictures_of(made, sampler),
        )
