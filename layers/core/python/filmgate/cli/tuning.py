"""The tables of `tune`: boundary costs, proposals, and reliability of probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmgate.cli.output import Output, rows, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filmgate.dedupe.matching.calibration import Calibration
    from filmgate.dedupe.matching.settings import MatchSettings
    from filmgate.dedupe.tuning.boundaries import Cost, Costs, Proposal
    from filmgate.dedupe.tuning.labelled import Scored
    from filmgate.dedupe.tuning.reliability import Reliability
    from filmgate.media.model import MediaKind

_OFFSETS = (-0.15, -0.10, -0.05, -0.02, 0.0, 0.02, 0.04)


def show_costs(output: Output, kind: MediaKind, costs: Costs, settings: MatchSettings) -> None:
    """Print the cost of each boundary of a kind at its current value and near it."""
    from filmgate.dedupe.tuning.boundaries import LEAST, Boundary  # noqa: PLC0415

    current = settings.boundaries(kind)
    title = f"{kind.value}: {costs.copies} pairs of copies, {costs.others} of others"
    made = table(
        "boundary", "from", "precision", "recall", "false positives", "called", "review",
        title=title,
    )  # fmt: skip
    lines = []
    for boundary in Boundary:
        value = getattr(current, boundary.value)
        for offset in _OFFSETS:
            at = round(value + offset, 2)
            if LEAST[boundary] <= at <= (current.near if boundary is Boundary.SIMILAR else 1):
                mark = "  now" if not offset else ""
                cost = costs.at(boundary, at, current)
                lines.append((f"{boundary.value}{mark}", *_cells(cost)))
    output.show(rows(made, lines))


def show_proposals(output: Output, proposals: list[Proposal]) -> None:
    """Print the boundaries that reach the wanted precision, or come closest to it."""
    made = table(
        "proposed", "wanted", "from", "precision", "recall", "false positives", "called", "review"
    )
    output.show(
        rows(
            made,
            [
                (
                    f"{p.kind.value} {p.boundary.value}{'' if p.reached else ' (not reached)'}",
                    f"{p.wanted:.3f}",
                    *_cells(p.proposed),
                )
                for p in proposals
            ],
        )
    )


def show_together(output: Output, costs: dict[str, Cost]) -> None:
    """Print the cost of all boundaries of a kind together, current and proposed."""
    made = table(
        "all together", "near from", "precision", "recall", "false positives", "called", "review"
    )
    output.show(rows(made, [(name, *_cells(cost)) for name, cost in costs.items()]))


def show_reliability(
    output: Output, pairs: Sequence[Scored], calibration: Calibration
) -> dict[str, Reliability | None]:
    """Print and return how reliable the current and the fitted probabilities are on these pairs."""
    from filmgate.dedupe.tuning.probabilities import cross_validate, evaluate  # noqa: PLC0415

    now, proposed = evaluate(pairs, calibration), cross_validate(pairs)
    found = {}
    for kind in now:
        for words, one in (("in use", now[kind]), ("as proposed", proposed[kind])):
            found[f"{kind.value} {words}"] = one
            _show_bins(output, f"{kind.value}: probabilities {words}", one)
    return found


def _show_bins(output: Output, title: str, found: Reliability | None) -> None:
    if found is None:
        output.show(f"{title}: not available, because there are too few labelled pairs")
        return
    output.show(
        f"{title}: expected calibration error {found.ece:.3f}, Brier score {found.brier:.3f}"
        f" ({found.brier_of_share:.3f} for predicting {found.copies:.3f} for each pair)"
    )
    made = table("probability", "predicted", "observed", "pairs")
    lines = []
    for one in found.bins:
        shares = (f"{one.predicted:.3f}", f"{one.observed:.3f}")
        lines.append((f"{one.low:.1f} to {one.high:.1f}", *shares, str(one.pairs)))
    output.show(rows(made, lines))


def _cells(cost: Cost) -> tuple[str, ...]:
    return (
        f"{cost.value:.2f}",
        _rate(cost.precision),
        _rate(cost.recall),
        "-" if cost.false_positive_rate is None else f"{100 * cost.false_positive_rate:.3f} %",
        f"{cost.called} ({cost.called - cost.right} wrong)",
        str(cost.review),
    )


def _rate(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
