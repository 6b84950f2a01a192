"""`tune`: what the boundaries cost on pairs whose truth is known, and better ones."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from filmgate.cli.errors import Code, Trouble
from filmgate.cli.options import ASSET_ID, Json
from filmgate.cli.output import Output, rows, table

if TYPE_CHECKING:
    from filmgate.matching.model import Comparison
    from filmgate.matching.settings import MatchSettings
    from filmgate.matching.tuning import Cost, Costs, LabelledPair, LabelledSet, Proposal, Scored
    from filmgate.media.model import MediaKind

_OFFSETS = (-0.15, -0.10, -0.05, -0.02, 0.0, 0.02, 0.04)


def tune(
    labelled: Annotated[
        Path,
        typer.Argument(
            metavar="LABELLED.json", help="Pairs with their labels; the form is shown above."
        ),
    ],
    precision: Annotated[
        float,
        typer.Option(
            "--precision", min=0.5, max=1.0, help="Wanted of what is called near, and of parts."
        ),
    ] = 0.99,
    exact_precision: Annotated[
        float,
        typer.Option("--exact-precision", min=0.5, max=1.0, help="Wanted of what is called exact."),
    ] = 0.999,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings", metavar="FILE", help="Settings to start from, as JSON (default: shipped)."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show what each boundary costs on labelled pairs, and propose boundaries.

    The file holds {"pairs": [{"a": …, "b": …, "label": "same" or "different"}]}; "same" means
    that one holds the other's recording, whole or in part. `a` and `b` are files (paths from the
    folder of the JSON, compared here) or ids of assets (asked of the service, where a pair that
    is no match counts as never called). Pairs may carry their "comparison", as those of
    `make bench-matching` do, and "not_compared" may count, by kind of media, pairs that the index
    never brought together.

    The last line is the value for FILMGATE_MATCH_SETTINGS.

    [bold]Examples[/bold]

    \b
    filmgate tune reviewed.json
    filmgate tune .build/bench/matching-tune-labelled.json --precision 0.995
    filmgate tune reviewed.json --json | jq -c .settings
    """
    output = Output(machine=json)
    from filmgate.matching.tuning import Costs, propose  # noqa: PLC0415 - only for this command

    known, start = _read(labelled), _settings(settings)
    pairs = _scored(known, labelled.parent, start, output)
    if not pairs:
        raise Trouble(f"{labelled} holds no pairs.", "Label some pairs first.", Code.USAGE)
    proposed = start
    found: list[Proposal] = []
    together: dict[str, Cost] = {}
    for kind in dict.fromkeys(pair.kind for pair in pairs):
        costs = Costs([p for p in pairs if p.kind is kind], known.not_compared.get(kind))
        boundaries, proposals = propose(
            costs,
            kind,
            start.boundaries(kind),
            precision=precision,
            exact_precision=exact_precision,
        )
        proposed = proposed.model_copy(update={kind.value: boundaries})
        found += proposals
        _show_costs(output, kind, costs, start)
        together[f"{kind.value} now"] = costs.all_of(start.boundaries(kind))
        together[f"{kind.value} as proposed"] = costs.all_of(boundaries)
    _show_proposals(output, found)
    _show_together(output, together)
    output.result({"settings": proposed, "proposals": found, "together": together})
    output.show(f"FILMGATE_MATCH_SETTINGS='{proposed.model_dump_json()}'")


def _read(path: Path) -> LabelledSet:
    from pydantic import ValidationError  # noqa: PLC0415

    from filmgate.matching.tuning import LabelledSet  # noqa: PLC0415

    try:
        return LabelledSet.model_validate_json(path.read_bytes())
    except OSError as error:
        raise Trouble(f"{path} cannot be read: {error.strerror}.", code=Code.USAGE) from error
    except ValidationError as error:
        raise _invalid(path, error) from error


def _settings(path: Path | None) -> MatchSettings:
    from pydantic import ValidationError  # noqa: PLC0415

    from filmgate.matching.settings import MatchSettings  # noqa: PLC0415

    if path is None:
        return MatchSettings()
    try:
        return MatchSettings.model_validate_json(path.read_bytes())
    except OSError as error:
        raise Trouble(f"{path} cannot be read: {error.strerror}.", code=Code.USAGE) from error
    except ValidationError as error:
        raise _invalid(path, error) from error


def _invalid(path: Path, error: ValueError) -> Trouble:
    first = getattr(error, "errors", list)()[0]
    place = ".".join(str(part) for part in first["loc"])
    where = f" at {place}" if place else ""
    return Trouble(
        f"{path} is not in the right form{where}: {first['msg']}.",
        "`filmgate tune --help` shows the form.",
        Code.USAGE,
    )


def _scored(
    known: LabelledSet, folder: Path, settings: MatchSettings, output: Output
) -> list[Scored]:
    """All pairs with their scores: measured, compared here, or fetched."""
    from filmgate.matching.tuning import scored  # noqa: PLC0415

    files: list[LabelledPair] = []
    assets: list[LabelledPair] = []
    found = []
    for pair in known.pairs:
        if pair.comparison is not None:
            found.append(scored(pair, settings))
        elif all((folder / name).is_file() for name in (pair.a, pair.b)):
            files.append(pair)
        else:
            assets.append(pair)
    if files:
        found += [scored(pair, settings) for pair in _compared(files, folder, output)]
    return found + (_fetched(assets) if assets else [])


def _compared(
    pairs: Iterable[LabelledPair], folder: Path, output: Output
) -> Iterable[LabelledPair]:
    from filmgate.client.folder import label  # noqa: PLC0415
    from filmgate.client.locally import Locally  # noqa: PLC0415 - PyAV and numpy
    from filmgate.errors import MediaRefused  # noqa: PLC0415

    compare = Locally()
    for pair in pairs:
        output.note(f"comparing {label(pair.a)} and {label(pair.b)}")
        try:
            made: Comparison = compare(folder / pair.a, folder / pair.b)
        except MediaRefused as refusal:
            raise Trouble(
                f"{pair.a} and {pair.b} cannot be compared: {refusal.reason}",
                "Take the pair out of the file.",
            ) from refusal
        yield pair.model_copy(update={"comparison": made})


def _fetched(pairs: list[LabelledPair]) -> list[Scored]:
    """Asset ids: scores from the stored matches; a pair without one was never called."""
    from filmgate.cli.site import client  # noqa: PLC0415 - brings httpx
    from filmgate.matching.tuning import Scored  # noqa: PLC0415

    ids = sorted({name for pair in pairs for name in (pair.a, pair.b)})
    if odd := [name for name in ids if not ASSET_ID.fullmatch(name)]:
        raise _unknown(odd[0])
    with client() as api:
        assets = {asset.asset_id: asset for asset in api.assets_by_id(ids)}
        matches = {frozenset((m.a, m.b)): m.verdict for m in api.matches_of_assets(ids)}
    found = []
    for pair in pairs:
        kinds = []
        for name in (pair.a, pair.b):
            info = assets[name].info if name in assets else None
            if info is None:
                raise _unknown(name)
            kinds.append(info.kind)
        verdict = matches.get(frozenset((pair.a, pair.b)))
        found.append(
            Scored(
                kind=_richest(kinds),
                score=verdict.score if verdict else 0.0,
                partial=bool(verdict and verdict.transform.partial),
                same=pair.label == "same",
            )
        )
    return found


def _unknown(name: str) -> Trouble:
    return Trouble(
        f"{name} is neither a file beside the labelled set nor an asset that is done.",
        "Name files from the folder of the JSON, or ids as `filmgate assets` shows.",
    )


def _richest(kinds: list[MediaKind]) -> MediaKind:
    from filmgate.media.model import MediaKind  # noqa: PLC0415

    return min(kinds, key=(MediaKind.VIDEO, MediaKind.AUDIO, MediaKind.IMAGE).index)


def _show_costs(output: Output, kind: MediaKind, costs: Costs, settings: MatchSettings) -> None:
    from filmgate.matching.tuning import LEAST, Boundary  # noqa: PLC0415

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


def _show_proposals(output: Output, proposals: list[Proposal]) -> None:
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


def _show_together(output: Output, costs: dict[str, Cost]) -> None:
    made = table(
        "all together", "near from", "precision", "recall", "false positives", "called", "review"
    )
    output.show(rows(made, [(name, *_cells(cost)) for name, cost in costs.items()]))


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
