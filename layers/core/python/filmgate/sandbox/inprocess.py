"""Reading media files without a sandbox: for trusted files, and for benchmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from filmgate.dedupe.engine import FINGERPRINT
from filmgate.errors import FilmgateError
from filmgate.media.consumers import Consumer
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
        self,
        path: Path,
        sha256: str,
        info: MediaInfo,
        limits: Limits,
        *,
        pictures: bool,
        artifacts: Sequence[str] = (FINGERPRINT,),
    ) -> Reading:
        """See `MediaReader.read`."""
        # Ingest imports this module too, but must not load NumPy.
        from filmgate.dedupe.fingerprint.embeddings import pictures_of  # noqa: PLC0415
        from filmgate.dedupe.fingerprint.engine import SAMPLING, fingerprint  # noqa: PLC0415
        from filmgate.dedupe.fingerprint.sampling import (  # noqa: PLC0415
            max_sampling_gap_s,
            sample_rate,
        )
        from filmgate.engines.embedding.sampling import Sampler  # noqa: PLC0415
        from filmgate.media.decode import decode_for  # noqa: PLC0415
        from filmgate.media.shared_artifacts import consumers_for  # noqa: PLC0415
        from filmgate.media.storyboard import Storyboard  # noqa: PLC0415

        consumers = consumers_for(artifacts, info, limits)
        taking = tuple(consumers.values())
        if FINGERPRINT not in artifacts:
            # Sample as for a fingerprint, so that artifacts do not depend on each other.
            decode_for(
                taking,
                path,
                info,
                limits,
                sample_rate_hz=sample_rate(info),
                max_sampling_gap_s=max_sampling_gap_s(info),
                sampling=SAMPLING,
            )
            return Reading(None, None, shared=_finished(consumers, artifacts))
        sheet, sampler, seen = Storyboard(), Sampler(), 0

        def keep(frame: Frame) -> None:
            nonlocal seen
            seen += 1
            sheet.add(frame)
            if pictures:
                sampler.see(frame)

        made = fingerprint(path, sha256, info, limits, keep, consumers=taking)
        return Reading(
            fingerprint=made,
            tiles=sheet.finish() if seen else None,
            pictures=pictures_of(made, sampler),
            shared=_finished(consumers, artifacts),
        )


def _finished(consumers: Mapping[str, Consumer], artifacts: Sequence[str]) -> dict[str, bytes]:
    """Return the requested artifacts of the consumers. Raises FilmgateError."""
    from filmgate.media.shared_names import SHARED_NAMES  # noqa: PLC0415

    made = {}
    for name in consumers:
        if name not in artifacts:
            continue
        body = consumers[name].finish()
        if len(body) > SHARED_NAMES[name].max_bytes:
            raise FilmgateError(f"the artifact {name} is too large: {len(body):,} bytes")
        made[name] = body
    return made
