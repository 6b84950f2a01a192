"""One pair, from two fingerprints to everything measured between them.

Read in this order: `see` (pictures), `hear` (sound), `alike` (facts), `liken` (embeddings,
where there are any), then `decide`. README.md shows what each calls, and tells its words.
"""

from __future__ import annotations

from filmgate.dedupe.fingerprint.landmarks import NORMAL_PLAYBACK, SPEED_PITCH_GRID, PlaybackVariant
from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.matching.audio import Sound, hear
from filmgate.dedupe.matching.embedding_similarity import Likeness, liken
from filmgate.dedupe.matching.frame_features import Sight, shows
from filmgate.dedupe.matching.metadata import alike
from filmgate.dedupe.matching.model import ENGINE, Comparison, FramePair, Segment, Transform
from filmgate.dedupe.matching.settings import PART_S, TRIMMED_S
from filmgate.dedupe.matching.transform import View
from filmgate.dedupe.matching.visual import see
from filmgate.media.model import MediaKind

_WHOLE_SHARE = 0.9
"""Share of the sound that must be held for it to be no part: its ends have few peaks."""


def compare(a: Fingerprint, b: Fingerprint) -> Comparison:
    """Measure two assets against each other.

    Which comes first is of no account but for how the transform, the segments and the pairs are
    told: what is measured, and so the score, is the same.

    Args:
        a: the one with the smaller asset id; the transform says what was done to it to get `b`.
        b: the other.
    """
    if order(b) < order(a):
        return _compared(b, a).swapped()
    return _compared(a, b)


def order(fingerprint: Fingerprint) -> tuple[float, str]:
    """What sorts two sides: the lesser is measured against the other.

    Aligning goes frame by frame of one side, and steps of the shorter one are the finer ones. Of
    a damaged film the container tells more seconds than could be decoded.
    """
    frames = fingerprint.frames
    if frames is None or not len(frames.times_s):
        return fingerprint.info.duration_s, fingerprint.sha256
    return float(frames.times_s[-1]), fingerprint.sha256


def _compared(a: Fingerprint, b: Fingerprint) -> Comparison:
    kind = _kind(a, b)
    likeness = liken(a.embeddings, b.embeddings)
    if a.sha256 == b.sha256:
        return _identical(kind, a, likeness)
    sight = see(a, b)
    sound = _sound(a, b, sight)
    return Comparison(
        kind=kind,
        visual=sight.score if sight else None,
        audio=sound.score if sound else None,
        metadata=alike(a.info, b.info),
        embedding=likeness.score if likeness else None,
        decisive=_decisive(sight, sound),
        coverage=_coverage(sight, sound),
        transform=_transform(a, b, sight, sound),
        segments=_segments(sight, sound),
        pairs=_pairs(sight, likeness),
        engine=_engines(a, likeness),
    )


def _engines(a: Fingerprint, likeness: Likeness | None) -> str:
    """All that had a part in it."""
    return f"{ENGINE} {a.engine} {likeness.engine}" if likeness else f"{ENGINE} {a.engine}"


def _pairs(sight: Sight | None, likeness: Likeness | None) -> tuple[FramePair, ...]:
    if sight and sight.pairs:
        return sight.pairs
    return (likeness.pair,) if likeness else ()


def _kind(a: Fingerprint, b: Fingerprint) -> MediaKind:
    richest_first = (MediaKind.VIDEO, MediaKind.AUDIO, MediaKind.IMAGE)
    return min(a.info.kind, b.info.kind, key=richest_first.index)


def _identical(kind: MediaKind, a: Fingerprint, likeness: Likeness | None) -> Comparison:
    return Comparison(
        kind=kind,
        visual=1.0 if a.frames is not None else None,
        audio=1.0 if a.audio is not None and not a.audio.silent else None,
        metadata=1.0,
        embedding=1.0 if likeness else None,
        decisive=("bytes",),
        coverage=None if kind is MediaKind.IMAGE else 1.0,
        transform=Transform(identical_bytes=True),
        engine=_engines(a, likeness),
    )


def _sound(a: Fingerprint, b: Fingerprint, sight: Sight | None) -> Sound | None:
    if a.audio is None or b.audio is None or a.audio.silent or b.audio.silent:
        return None
    return hear(a.audio, b.audio, _playings(sight))


def _playings(sight: Sight | None) -> tuple[PlaybackVariant, ...]:
    """How b's sound may play a's: as fast as the pictures tell, or anyhow where there are none.

    Sound does not decide over pictures that differ, so there a search would be wasted.
    """
    if sight is None:
        return SPEED_PITCH_GRID
    if not sight.decisive or sight.speed == 1.0:
        return (NORMAL_PLAYBACK,)
    return (
        NORMAL_PLAYBACK,
        PlaybackVariant(sight.speed, sight.speed),
        PlaybackVariant(sight.speed, 1.0),
    )


def _decisive(sight: Sight | None, sound: Sound | None) -> tuple[str, ...]:
    found = []
    if sight and sight.decisive:
        found.append("visual")
    if sound and sound.decisive:
        found.append("audio")
    return tuple(found)


def _coverage(sight: Sight | None, sound: Sound | None) -> float | None:
    if sight:
        return sight.coverage
    return sound.coverage if sound else None


def _segments(sight: Sight | None, sound: Sound | None) -> tuple[Segment, ...]:
    """In the order of a's time."""
    found = sight.segments if sight and sight.segments else sound.segments if sound else ()
    return tuple(sorted(found, key=lambda part: part.a_start))


def _heard(a: Fingerprint, b: Fingerprint, sound: Sound, whole: bool) -> Transform:
    """What was done to sound without pictures. Silence holds no peaks: only lengths tell of it."""
    lengths = (a.info.duration_s, b.info.duration_s * sound.speed)
    apart_s = abs(lengths[0] - lengths[1])
    lacking_s = min(apart_s, (1 - sound.coverage) * max(lengths))
    whole = whole and sound.coverage >= _WHOLE_SHARE and lacking_s <= PART_S
    partial = bool(sound.peaks) and not whole
    trimmed = bool(sound.peaks) and whole and apart_s > TRIMMED_S
    return Transform(speed=sound.speed, partial=partial, trimmed=trimmed)


def _undone(view: View) -> View:
    """What was done to a to get b, from the view of b that undoes it."""
    if view.mirror:
        # Mirrored first, a turn one way is undone by the same turn.
        return View(mirror=True, turn=view.turn, tilt=view.tilt)
    return View(turn=-view.turn % 360, tilt=0.0 - view.tilt)


def _transform(
    a: Fingerprint, b: Fingerprint, sight: Sight | None, sound: Sound | None
) -> Transform:
    heard = [fp.audio is not None and not fp.audio.silent for fp in (a, b)]
    whole = a.info.kind is b.info.kind
    if sight is None:
        # A sound file, and a film that shows nothing, hold a part of a film: its sound.
        whole = whole and shows(a) == shows(b)
        return _heard(a, b, sound, whole) if sound else Transform()
    undo = _undone(sight.views.b)
    return Transform(
        mirror=undo.mirror,
        turn=undo.turn,
        tilt=undo.tilt,
        speed=sight.speed,
        crop=sight.cropped,
        overlaid=sight.overlaid,
        partial=sight.partial,
        recoloured=sight.recoloured,
        barred=sight.barred,
        padded=sight.padded,
        trimmed=sight.trimmed,
        audio_replaced=bool(sound and sound.score < 0.5),
        # A still never had any.
        audio_removed=whole and heard[0] != heard[1],
    )
