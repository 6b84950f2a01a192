"""`policy`: the retention period of each kind of data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from filmgate.cli.deletion import Yes, ask
from filmgate.cli.errors import EXIT_CODES, CliError, Code
from filmgate.cli.options import Command, Json, help_of
from filmgate.cli.output import Output, rows, table
from filmgate.library.model import DataKind

if TYPE_CHECKING:
    from filmgate.api.models import PolicyView

_FOREVER = "forever"
_WORDS = {
    DataKind.RAW: "the uploaded bytes",
    DataKind.FRAMES: "pictures taken from them",
    DataKind.SOUND: "sound taken from them",
    DataKind.FINGERPRINTS: "fingerprints, used to find copies",
    DataKind.EMBEDDINGS: "embeddings stored separately",
    DataKind.FINDINGS: "detailed findings of engines",
    DataKind.OUTPUTS: "all other outputs of engines",
}
Days = Annotated[
    str | None,
    typer.Option(metavar="DAYS", help="Days, or forever; unchanged if not given."),
]

app = typer.Typer(no_args_is_help=True, epilog=EXIT_CODES)


def policy() -> None:
    """Show and set for how many days each kind of data is kept.

    [bold]Examples[/bold]

    \b
    filmgate policy get
    filmgate policy set --raw 90 --frames 30
    """


def get(json: Json = None) -> None:
    """Show the retention policy.

    [bold]Examples[/bold]

    \b
    filmgate policy get
    filmgate policy get --json | jq .policy.raw
    """
    output = Output(json, "policy get")
    from filmgate.cli.context import client  # noqa: PLC0415 - brings httpx

    with client() as api:
        found = api.policy()
    output.result({"policy": found})
    _show(output, found)


def set_(  # noqa: PLR0917 - options
    raw: Days = None,
    frames: Days = None,
    sound: Days = None,
    fingerprints: Days = None,
    embeddings: Days = None,
    findings: Days = None,
    outputs: Days = None,
    yes: Yes = False,
    json: Json = None,
) -> None:
    """Set for how many days data is kept. Older data is removed for good within about a day, except
    under a legal hold. Matches and other results are kept.

    [bold]Examples[/bold]

    \b
    filmgate policy set --raw 90
    filmgate policy set --raw 30 --frames 30 --sound 30 --yes
    filmgate policy set --raw forever
    """
    output = Output(json, "policy set")
    given = {
        "raw": raw,
        "frames": frames,
        "sound": sound,
        "fingerprints": fingerprints,
        "embeddings": embeddings,
        "findings": findings,
        "outputs": outputs,
    }
    changes = {kind: _days(kind, text) for kind, text in given.items() if text is not None}
    if not changes:
        raise CliError("Nothing to set.", "Give a kind of data, such as --raw 90.", Code.USAGE)
    if not yes and any(changes.values()):
        ask("Older data will be removed for good. Continue?")
    from filmgate.cli.context import client  # noqa: PLC0415 - brings httpx

    with client() as api:
        after = api.set_policy(api.policy().model_copy(update=changes))
    output.result({"policy": after})
    _show(output, after)


def _days(kind: str, text: str) -> int | None:
    if text == _FOREVER:
        return None
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= 36_500:
        raise typer.BadParameter("use 1 to 36500 days, or forever", param_hint=f"--{kind}")
    return int(text)


def _show(output: Output, shown: PolicyView) -> None:
    lines = [(kind.value, _kept(shown.days(kind)), words) for kind, words in _WORDS.items()]
    output.show(rows(table("kind", "kept", "description"), lines))


def _kept(days: int | None) -> str:
    return _FOREVER if days is None else f"{days} days" if days > 1 else "1 day"


app.callback(help=help_of(policy))(policy)
app.command(cls=Command, epilog=EXIT_CODES, help=help_of(get))(get)
app.command(name="set", cls=Command, epilog=EXIT_CODES, help=help_of(set_))(set_)
