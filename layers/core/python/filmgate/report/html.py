"""Writes the report: one self-contained HTML page without scripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from filmgate import __version__
from filmgate.client.scan_result import ScanAsset, ScanMatch, ScanResult
from filmgate.client.targets import REPORT, Target
from filmgate.dedupe.matching.descriptions import describe_probability, describe_relation, timecode
from filmgate.dedupe.matching.model import FramePair, MatchClass
from filmgate.dedupe.tuning.truth import TruthComparison
from filmgate.library.model import AssetStatus
from filmgate.media.model import MediaKind
from filmgate.report.pictures import Pictures, Tile, TileSource
from filmgate.report.timeline import Timeline, timeline
from filmgate.report.words import describe_outside, not_compared, percent

PICTURE_BUDGET_BYTES = 12 * 1024 * 1024
"""Limit on data URIs in one report; further pairs are shown without pictures."""
MAX_PAIRS = 400
"""Pairs shown in full; the rest are counted."""
_OPEN_PAIRS = 3


@dataclass(frozen=True, slots=True)
class Score:
    """One row of sub-scores; `value` and `weight` in 0..1, `value` None where absent."""

    name: str
    value: float | None
    weight: float


@dataclass(frozen=True, slots=True)
class Aligned:
    """Two pictures side by side with their places in time, in words (empty for images)."""

    a: Tile
    b: Tile
    a_at: str
    b_at: str
    similarity: float | None


@dataclass(frozen=True, slots=True)
class Pair:
    """One match as the page shows it; `probability` is in words, empty where there is none."""

    match: ScanMatch
    words: str
    probability: str
    scores: tuple[Score, ...]
    pictures: tuple[Aligned, ...]
    timeline: Timeline | None
    open: bool


@dataclass(frozen=True, slots=True)
class GroupFile:
    """One file of a group, with a picture where there is one."""

    path: str
    facts: str
    tile: Tile | None


@dataclass(slots=True)
class Group:
    """Files that are copies of one another, with their pairs."""

    number: int
    files: list[GroupFile]
    pairs: list[Pair] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Omitted:
    """What was omitted to limit the size of the page."""

    pairs: int
    without_pictures: int


def write(
    target: Target, scan: ScanResult, tiles: TileSource, truth: TruthComparison | None = None
) -> None:
    """Write one self-contained HTML file.

    Every name from a file is escaped. Raises what `Target.write` does.
    """
    target.write(render(scan, tiles, truth).encode("utf-8", "backslashreplace"))


def render(
    scan: ScanResult,
    tiles: TileSource,
    truth: TruthComparison | None = None,
    *,
    made_at: datetime | None = None,
) -> str:
    """The page as text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - slow to load

    environment = Environment(
        loader=PackageLoader("filmgate.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, clock=timecode, not_compared=not_compared)
    environment.globals["pair_key"] = lambda a, b: frozenset((a, b))
    return environment.get_template("report.html").render(
        _context(scan, tiles, truth, made_at or datetime.now(UTC))
    )


def _context(
    scan: ScanResult, tiles: TileSource, truth: TruthComparison | None, made_at: datetime
) -> dict[str, Any]:
    pictures = Pictures(tiles, budget_bytes=PICTURE_BUDGET_BYTES)
    shown = scan.matches[:MAX_PAIRS]
    assets = {asset.path: asset for asset in scan.assets}
    group_of = {path: n for n, group in enumerate(scan.groups) for path in group}
    groups = [
        Group(n + 1, [_file(path, assets.get(path), pictures) for path in paths])
        for n, paths in enumerate(scan.groups)
    ]
    related: list[Pair] = []
    without_pictures = 0
    for match in shown:
        group = group_of.get(match.a)
        target = (
            groups[group].pairs if group is not None and group_of.get(match.b) == group else related
        )
        spent = pictures.spent
        target.append(_pair(match, assets, pictures, open_=len(target) < _OPEN_PAIRS))
        without_pictures += spent and match.visual is not None
    return {
        "generator": REPORT.generator,
        "version": __version__,
        "made_at": made_at,
        "summary": _summary(scan),
        "truth": truth,
        "calls": {frozenset((match.a, match.b)): match for match in scan.matches},
        "groups": groups,
        "related": related,
        "refused": _with_status(scan.assets, AssetStatus.REFUSED),
        "failed": _with_status(scan.assets, AssetStatus.FAILED),
        "outside": scan.outside[:MAX_PAIRS],
        "outside_pairs": len(scan.outside),
        "outside_words": describe_outside(scan.outside) if scan.outside else "",
        "noted": [asset for asset in scan.assets if asset.notes],
        "uncompared": [asset for asset in scan.assets if asset.passed_over],
        "omitted": Omitted(len(scan.matches) - len(shown), without_pictures),
        "engines": sorted({match.engine for match in scan.matches}),
    }


def _file(path: str, asset: ScanAsset | None, pictures: Pictures) -> GroupFile:
    if asset is None:
        return GroupFile(path, "", None)
    facts = [asset.kind.value if asset.kind else ""]
    if asset.duration_s:
        facts.append(timecode(asset.duration_s))
    return GroupFile(path, ", ".join(facts), pictures.middle(asset.asset_id))


def _pair(
    match: ScanMatch, assets: dict[str, ScanAsset], pictures: Pictures, *, open_: bool
) -> Pair:
    sides = assets.get(match.a), assets.get(match.b)
    is_image = any(side is not None and side.kind is MediaKind.IMAGE for side in sides)
    lengths = [side.duration_s if side else None for side in sides]
    return Pair(
        match=match,
        words=describe_relation(match.match_class, match.transform),
        probability=""
        if match.probability is None
        else describe_probability(match.probability, match.calibrated_on),
        scores=tuple(
            Score(name, value, match.weights.get(name, 0.0))
            for name, value in (
                ("visual", match.visual),
                ("audio", match.audio),
                ("metadata", match.metadata),
                *((("embedding", match.embedding),) if match.embedding is not None else ()),
            )
        ),
        pictures=tuple(_aligned(match, pictures, is_image=is_image)),
        timeline=None if is_image else timeline(match.segments, *lengths),
        open=open_,
    )


def _aligned(match: ScanMatch, pictures: Pictures, *, is_image: bool) -> Iterable[Aligned]:
    moments = pictures.moments(match)
    for moment in moments[:1] if is_image else moments:
        a = pictures.nearest(match.asset_a, moment.a_time)
        b = pictures.nearest(match.asset_b, moment.b_time)
        if a is None or b is None:
            return
        yield Aligned(
            a,
            b,
            "" if is_image else timecode(a.time_s),
            "" if is_image else timecode(b.time_s),
            _similarity(match.pairs, moment.a_time, moment.b_time),
        )


def _similarity(pairs: Sequence[FramePair], a_time: float, b_time: float) -> float | None:
    """The measured similarity of this pair of frames; None if the pair comes from the alignment."""
    for pair in pairs:
        if pair.a_time == a_time and pair.b_time == b_time:
            return pair.similarity
    return None


def _summary(scan: ScanResult) -> list[tuple[str, str, str]]:
    """(number, label, tone) for the head of the page."""
    classes = [match.match_class for match in scan.matches]
    statuses = [asset.status for asset in scan.assets]
    spare = sum(len(group) - 1 for group in scan.groups)
    rows = [
        _counted(len(scan.assets), "file", ""),
        _counted(len(scan.groups), "group", " of copies"),
        _counted(spare, "redundant file", ""),
        *(_counted(classes.count(c), f"{c.value} pair", "", c.value) for c in _SHOWN_CLASSES),
        (str(statuses.count(AssetStatus.REFUSED)), "refused", ""),
    ]
    failed = statuses.count(AssetStatus.FAILED)
    return [*rows, (str(failed), "failed", "bad")] if failed else rows


def _counted(count: int, noun: str, rest: str, tone: str = "") -> tuple[str, str, str]:
    return str(count), f"{noun}{'' if count == 1 else 's'}{rest}", tone


_SHOWN_CLASSES = (MatchClass.EXACT, MatchClass.NEAR, MatchClass.SIMILAR)


def _with_status(assets: Iterable[ScanAsset], status: AssetStatus) -> list[ScanAsset]:
    return [asset for asset in assets if asset.status is status]
