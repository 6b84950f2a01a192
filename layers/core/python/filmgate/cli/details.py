"""All details of one asset or one match."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from filmgate.cli.output import Output, class_text, rows, safe, score_text, status_text, table
from filmgate.cli.summary import show_matches
from filmgate.dedupe.matching.descriptions import describe_probability, describe_relation, timecode
from filmgate.report.words import not_compared, percent

if TYPE_CHECKING:
    from filmgate.api.models import AssetView, MatchView
    from filmgate.dedupe.matching.model import Verdict
    from filmgate.media.model import MediaInfo

_SHOWN_PAIRS = 6


def show_asset(output: Output, asset: AssetView, matches: Sequence[MatchView]) -> None:
    """Print the facts about a file, then its matches."""
    output.show(safe(asset.path, "bold"))
    made = table("", "")
    made.show_header = False
    output.show(rows(made, _asset_facts(asset)))
    if matches:
        output.show(Text("\nMatches", style="bold"))
        show_matches(output, matches)
    elif asset.status.value == "done":
        output.show("\nNo other file shares content with it.")


def _asset_facts(asset: AssetView) -> Iterator[tuple[str, str | Text]]:
    yield "asset", asset.asset_id
    yield "status", status_text(asset.status.value)
    if asset.reason:
        yield "reason", f"{asset.reason} ({asset.reason_code})"
    for note in asset.notes:
        yield "note", note
    if uncompared := asset.summary_count("dedupe", "uncompared"):
        yield "note", not_compared(uncompared)
    if asset.info:
        yield "media", _media(asset.info)
    if asset.size_bytes is not None:
        yield "size", f"{asset.size_bytes:,} bytes"
    if asset.sha256:
        yield "sha256", asset.sha256
    for result in asset.results:
        yield result.capability, f"{result.state.value} by {result.engine}, job {result.job_id}"
    yield "created", f"{asset.created_at:%Y-%m-%d %H:%M:%S} UTC"


def _media(info: MediaInfo) -> str:
    parts = [info.kind.value, info.format]
    if info.width and info.height:
        parts.append(f"{info.width}x{info.height}")
    if info.duration_s:
        parts.append(timecode(info.duration_s))
    if info.frame_rate:
        parts.append(f"{info.frame_rate:.3g} frames/s")
    parts += [codec for codec in (info.video_codec, info.audio_codec) if codec]
    return ", ".join(parts)


def show_match(output: Output, match: MatchView) -> None:
    """Print class, score and reason, then the evidence."""
    verdict = match.verdict
    head = class_text(verdict.match_class.value) + f" {verdict.score:.3f} "
    output.show(head + Text(f"(at least {verdict.boundary:.2f} needed)", style="dim"))
    output.show(safe(verdict.reason))
    made = table("", "")
    made.show_header = False
    facts = [
        ("a", safe(match.a_path or "gone") + Text(f"  {match.a}", style="dim")),
        ("b", safe(match.b_path or "gone") + Text(f"  {match.b}", style="dim")),
        ("a to b", describe_relation(verdict.match_class, verdict.transform)),
        ("engine", verdict.engine),
    ]
    if verdict.probability is not None:
        words = describe_probability(verdict.probability, verdict.calibrated_on)
        facts.append(("probability", words))
    output.show(rows(made, facts))
    _show_scores(output, verdict)
    _show_times(output, verdict)


def _show_scores(output: Output, verdict: Verdict) -> None:
    made = table("evidence", "score", "weight")
    for name in ("visual", "audio", "metadata"):
        value: float | None = getattr(verdict, name)
        weight = percent(verdict.weights.get(name)) if value is not None else "not in both files"
        made.add_row(name, score_text(value), weight)
    if verdict.embedding is not None:
        weight = percent(verdict.weights.get("embedding", 0.0))
        made.add_row("embedding", score_text(verdict.embedding), weight)
    output.show("")
    output.show(made)


def _show_times(output: Output, verdict: Verdict) -> None:
    if verdict.segments:
        made = table("aligned", "in a", "in b")
        for number, segment in enumerate(verdict.segments, 1):
            made.add_row(
                str(number),
                f"{timecode(segment.a_start)} to {timecode(segment.a_end)}",
                f"{timecode(segment.b_start)} to {timecode(segment.b_end)}",
            )
        output.show("")
        output.show(made)
    # Images have one frame each, whose times are meaningless.
    if verdict.segments and verdict.pairs:
        made = table("frame similarity", "in a", "in b")
        for pair in verdict.pairs[:_SHOWN_PAIRS]:
            made.add_row(percent(pair.similarity), timecode(pair.a_time), timecode(pair.b_time))
        output.show("")
        output.show(made)
