"""The results of a scan, printed for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from filmgate.cli.output import (
    Output,
    class_text,
    rows,
    safe,
    score_text,
    status_text,
    table,
)
from filmgate.dedupe.matching.descriptions import describe_relation
from filmgate.report.words import counted, describe_outside, not_compared, percent

if TYPE_CHECKING:
    from filmgate.api.models import AssetView, MatchView
    from filmgate.client.scan_result import OutsideMatch, ScanMatch, ScanResult
    from filmgate.client.scanner import Scanned, Sent
    from filmgate.dedupe.tuning.truth import Found, Rate, TruthComparison

_SHOWN_PAIRS = 4
_SHOWN_FILES = 12
_SHOWN_WRONG = 20


def show_scan(output: Output, scanned: Scanned) -> None:
    """Print groups with their pairs, pairs outside the groups, and files with problems."""
    result = scanned.result
    if not result.assets:
        output.show(_nothing(scanned))
        return
    inside = {path: number for number, group in enumerate(result.groups) for path in group}
    by_group: dict[int, list[ScanMatch]] = {}
    outside = []
    for match in result.matches:
        home = inside.get(match.a)
        if home is not None and home == inside.get(match.b):
            by_group.setdefault(home, []).append(match)
        else:
            outside.append(match)
    for number, group in enumerate(result.groups):
        _show_group(output, number + 1, group, by_group.get(number, []))
    if outside:
        output.show(Text(f"\nOutside the groups: {counted(len(outside), 'pair')}", style="bold"))
        _show_pairs(output, outside)
    if result.outside:
        _show_outside(output, result.outside)
    _show_problems(output, result)
    output.show(_tally(scanned))


def _show_group(
    output: Output, number: int, group: Sequence[str], pairs: Sequence[ScanMatch]
) -> None:
    output.show(Text(f"\nGroup {number}: {len(group)} files", style="bold"))
    for path in group[:_SHOWN_FILES]:
        output.show(Text("  ") + safe(path))
    if len(group) > _SHOWN_FILES:
        output.show(Text(f"  and {len(group) - _SHOWN_FILES} more", style="dim"))
    _show_pairs(output, pairs)


def _show_pairs(output: Output, pairs: Sequence[ScanMatch]) -> None:
    for match in pairs[:_SHOWN_PAIRS]:
        head = Text("    ") + class_text(match.match_class.value) + f" {match.score:.3f}  "
        output.show(head + safe(match.a) + Text(" <> ", style="dim") + safe(match.b))
        output.show(Text("      ") + safe(match.reason, "dim"))
    if len(pairs) > _SHOWN_PAIRS:
        rest = counted(len(pairs) - _SHOWN_PAIRS, "pair")
        output.show(Text(f"    and {rest} more; --json and --report have all", style="dim"))


def _show_outside(output: Output, matches: Sequence[OutsideMatch]) -> None:
    output.show(Text(f"\n{describe_outside(matches)}: `filmgate matches`", style="bold"))
    for match in matches[:_SHOWN_PAIRS]:
        head = Text("    ") + class_text(match.match_class.value) + f" {match.score:.3f}  "
        other = safe(match.other or match.other_id)
        output.show(head + safe(match.path) + Text(" <> ", style="dim") + other)
    if len(matches) > _SHOWN_PAIRS:
        rest = counted(len(matches) - _SHOWN_PAIRS, "pair")
        output.show(Text(f"    and {rest} more; --json has all", style="dim"))


def _show_problems(output: Output, result: ScanResult) -> None:
    for status in ("refused", "failed"):
        assets = [asset for asset in result.assets if asset.status.value == status]
        if not assets:
            continue
        output.show(Text("\n") + status_text(status) + f": {len(assets)}")
        for asset in assets:
            _show_problem(output, asset.path, asset.reason or "")
    noted = [asset for asset in result.assets if asset.notes]
    if noted:
        output.show(Text(f"\nAccepted, with a note: {len(noted)}", style="bold"))
        for asset in noted[:_SHOWN_FILES]:
            _show_problem(output, asset.path, " ".join(asset.notes))
        if len(noted) > _SHOWN_FILES:
            rest = f"  and {len(noted) - _SHOWN_FILES} more; --json and --report have all"
            output.show(Text(rest, style="dim"))
    uncompared = [asset for asset in result.assets if asset.passed_over]
    if uncompared:
        output.show(Text(f"\nNot compared with all candidates: {len(uncompared)}", style="bold"))
        for asset in uncompared:
            _show_problem(output, asset.path, not_compared(asset.passed_over))


def _show_problem(output: Output, path: str, words: str) -> None:
    output.show(Text("  ") + safe(path) + Text(": ") + safe(words, "dim"))


def _nothing(scanned: Scanned) -> str:
    skipped = str(scanned.skipped)
    rest = f" Skipped: {skipped}." if skipped else ""
    return f"There are no files to scan in this folder.{rest}"


def _tally(scanned: Scanned) -> Text:
    result = scanned.result
    classes = Counter(match.match_class.value for match in result.matches)
    statuses = Counter(asset.status.value for asset in result.assets)
    parts = [
        counted(len(result.assets), "file"),
        f"{scanned.new} uploaded",
        counted(len(result.groups), "group"),
    ]
    found = [f"{classes[name]} {name}" for name in ("exact", "near", "similar")]
    parts.append(f"{counted(len(result.matches), 'pair')} ({', '.join(found)})")
    parts += [f"{statuses[name]} {name}" for name in ("refused", "failed") if statuses[name]]
    further = sum(len(asset.also) for asset in result.assets)
    if further:
        parts[0] += f" ({counted(further, 'more path')} of these)"
    over = str(scanned.skipped)
    passed = f"; skipped: {over}" if over else ""
    return Text("\n" + ", ".join(parts) + f"{passed}; {scanned.seconds:.1f} s")


def show_truth(output: Output, truth: TruthComparison, result: ScanResult) -> None:
    """Print precision and recall, per transform and class of negative, and the wrong pairs."""
    output.show(Text("\nCompared with the known truth", style="bold"))
    output.show(
        f"  precision {_rate(truth.precision)} of the pairs called copies, whole or in part, are\n"
        f"  recall    {_rate(truth.recall)} of the pairs of copies were called copies\n"
        f"  groups    {truth.groups_exact} of {truth.groups_known} complete, with no other files"
    )
    made = table("change", "found")
    output.show(rows(made, [(name, _rate(rate)) for name, rate in truth.per_transform.items()]))
    made = table("not copies, but alike", "called copies")
    output.show(rows(made, [(name, _rate(rate)) for name, rate in truth.per_negative.items()]))
    calls = {frozenset((m.a, m.b)): m for m in result.matches}
    _show_wrong(output, "Called copies, but are not", truth.false_pairs, calls)
    _show_wrong(output, "Copies that were missed", truth.missed, calls)


def _rate(rate: Rate) -> str:
    return f"{percent(rate.value)} ({rate.hits} of {rate.total})"


def _show_wrong(
    output: Output, title: str, pairs: Sequence[Found], calls: dict[frozenset[str], ScanMatch]
) -> None:
    if not pairs:
        return
    output.show(Text(f"{title}: {len(pairs)}", style="bold"))
    for pair in pairs[:_SHOWN_WRONG]:
        match = calls.get(frozenset((pair.a, pair.b)))
        found = class_text(match.match_class.value) if match else Text("no match", style="dim")
        line = Text("  ") + found + Text(f" {match.score:.3f}  " if match else "  ")
        line += safe(pair.a) + Text(" <> ", style="dim") + safe(pair.b)
        output.show(line + safe(f"  {pair.label}", "dim"))
    if len(pairs) > _SHOWN_WRONG:
        output.show(Text(f"  and {len(pairs) - _SHOWN_WRONG} more", style="dim"))


def show_uploads(
    output: Output, views: Sequence[AssetView], sent: Sent, matches: Sequence[MatchView]
) -> None:
    """Print each uploaded file with its status, and its matches."""
    made = table("asset", "status", "file", "reason or note")
    lines = [
        (view.asset_id, status_text(view.status.value), view.path, _reason_and_notes(view))
        for view in views
    ]
    lines += [("", status_text(a.status.value), a.path, a.reason or "") for a in sent.not_sent]
    output.show(rows(made, lines))
    if matches:
        show_matches(output, matches)


def _reason_and_notes(view: AssetView) -> str:
    return " ".join(filter(None, (view.reason, *view.notes)))


def show_matches(output: Output, matches: Sequence[MatchView]) -> None:
    """Print a table of pairs."""
    made = table("class", "score", "a", "b", "change", "match")
    lines = [
        (
            class_text(match.verdict.match_class.value),
            score_text(match.verdict.score),
            match.a_path or match.a,
            match.b_path or match.b,
            describe_relation(match.verdict.match_class, match.verdict.transform),
            match.match_id,
        )
        for match in matches
    ]
    output.show(rows(made, lines))
