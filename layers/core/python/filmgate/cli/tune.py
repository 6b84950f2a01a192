"""`tune`: evaluate and fit class boundaries and probabilities on labelled pairs."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from filmgate.cli.errors import CliError, Code
from filmgate.cli.labelled import read_labelled, read_settings, scored_pairs
from filmgate.cli.options import Json
from filmgate.cli.output import Output, as_json
from filmgate.cli.tuning import show_costs, show_proposals, show_reliability, show_together
from filmgate.client.targets import Target, json_of

if TYPE_CHECKING:
    from filmgate.dedupe.matching.calibration import Calibration
    from filmgate.dedupe.matching.settings import MatchSettings
    from filmgate.dedupe.tuning.boundaries import Cost, Costs, Proposal
    from filmgate.dedupe.tuning.labelled import LabelledSet, Scored
    from filmgate.media.model import MediaKind

_SETTINGS = json_of("tune --write")


def tune(  # noqa: PLR0917 - options
    labelled: Annotated[
        Path,
        typer.Argument(
            metavar="LABELLED.json", help="Pairs with their labels, in the format shown above."
        ),
    ],
    precision: Annotated[
        float,
        typer.Option(
            "--precision", min=0.5, max=1.0, help="The precision wanted for near and for parts."
        ),
    ] = 0.99,
    exact_precision: Annotated[
        float,
        typer.Option("--exact-precision", min=0.5, max=1.0, help="The precision wanted for exact."),
    ] = 0.999,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings", metavar="FILE", help="Settings to start from, as JSON (default: shipped)."
        ),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="FILE", help="Write the settings to this file, as JSON."),
    ] = None,
    json: Json = None,
) -> None:
    """Show what each boundary costs on labelled pairs, propose boundaries, and fit probabilities.

    The file has {"pairs": [{"a": …, "b": …, "label": "same" or "different"}]}; "same" means that
    one contains the other's recording, whole or in part. `a` and `b` are files (paths relative
    to the folder of the JSON, compared on this machine) or ids of assets (looked up at the service,
    where a pair without a match counts as not called). Pairs may contain their "comparison", as
    those of `make bench-matching` do, and "not_compared" may count, by kind of media, pairs that
    the index never proposed.

    Probabilities are fitted for each kind of media with at least 10 pairs, separately for whole
    copies and for parts. They are valid for pairs like those in the file, in a set with the same
    share of copies: label pairs of your own library as the index proposes them, not only the clear
    ones. "In use" evaluates the probabilities of the settings on these pairs; "as proposed"
    evaluates those fitted here by five-fold cross-validation. Pairs with the same "group", a name
    of your choice, such as all copies of one source, are held out together.

    The last line is the value for FILMGATE_MATCH_SETTINGS.

    [bold]Examples[/bold]

    \b
    filmgate tune reviewed.json
    filmgate tune .build/bench/matching-tune-labelled.json --precision 0.995
    filmgate tune reviewed.json --write settings.json
    filmgate tune reviewed.json --json | jq -c .settings
    """
    output = Output(json, "tune")
    settings_file = Target.claim(write, _SETTINGS) if write else None
    known, start = read_labelled(labelled), read_settings(settings)
    pairs = scored_pairs(known, labelled.parent, start, output)
    if not pairs:
        raise CliError(f"{labelled} contains no pairs.", "Label some pairs first.", Code.USAGE)
    tuned = _Tuned(start, precision, exact_precision)
    for kind in dict.fromkeys(pair.kind for pair in pairs):
        of_kind = [pair for pair in pairs if pair.kind is kind]
        show_costs(output, kind, tuned.add(kind, of_kind, known), start)
    show_proposals(output, tuned.proposals)
    show_together(output, tuned.together)
    judged = show_reliability(output, pairs, start.calibration)
    settings_made = tuned.settings.model_copy(
        update={"calibration": _calibrated(pairs, labelled, start.calibration)}
    )
    text = settings_made.model_dump_json(exclude_none=True)
    if settings_file is not None:
        marked = {
            "generator": _SETTINGS.generator,
            **settings_made.model_dump(mode="json", exclude_none=True),
        }
        settings_file.write((as_json(marked, indent=None) + "\n").encode())
    settled = {"settings": settings_made, "proposals": tuned.proposals}
    output.result({**settled, "together": tuned.together, "reliability": judged})
    output.show(f"FILMGATE_MATCH_SETTINGS={shlex.quote(text)}")


def _calibrated(pairs: list[Scored], labelled: Path, start: Calibration) -> Calibration:
    from filmgate.client.folder import label  # noqa: PLC0415
    from filmgate.dedupe.matching.calibration import CalibrationSource  # noqa: PLC0415
    from filmgate.dedupe.tuning.probabilities import calibrate  # noqa: PLC0415

    name = label(labelled.name)
    source = CalibrationSource(
        labelled_set=name, fitted=datetime.now(UTC).date(), command=f"filmgate tune {name}"
    )
    return calibrate(pairs, source, start)


class _Tuned:
    """Settings with the boundaries proposed so far, and the cost of each proposal."""

    def __init__(self, start: MatchSettings, precision: float, exact_precision: float) -> None:
        self._start = start
        self._precision = precision
        self._exact_precision = exact_precision
        self.settings = start
        self.proposals: list[Proposal] = []
        self.together: dict[str, Cost] = {}

    def add(self, kind: MediaKind, pairs: list[Scored], known: LabelledSet) -> Costs:
        """Propose boundaries for one kind of media; returns the costs on its pairs."""
        from filmgate.dedupe.tuning.boundaries import Costs, propose  # noqa: PLC0415 - for this command only

        costs = Costs(pairs, known.not_compared.get(kind))
        before = self._start.boundaries(kind)
        boundaries, proposals = propose(
            costs,
            kind,
            before,
            precision=self._precision,
            exact_precision=self._exact_precision,
        )
        self.settings = self.settings.model_copy(update={kind.value: boundaries})
        self.proposals += proposals
        self.together[f"{kind.value} now"] = costs.all_of(before)
        self.together[f"{kind.value} as proposed"] = costs.all_of(boundaries)
        return costs
