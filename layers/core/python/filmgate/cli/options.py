"""Options that several commands share."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

ASSET_ID = re.compile("[0-9a-f]{26}")
"""The format of an asset's id."""

Json = Annotated[
    Path | None,
    typer.Option(
        "--json",
        metavar="[OUT]",
        help="Write the result as JSON to this file. With - or without a name: to stdout, with "
        "nothing else there.",
    ),
]
Stage = Annotated[
    str | None,
    typer.Option(
        "--stage", help="A stage deployed to AWS; without it, the local stack.", metavar="NAME"
    ),
]


class Command(TyperCommand):
    """A command whose --json may be given without a name, last or before another option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(_with_stdout_default(args)))


def _with_stdout_default(args: list[str]) -> Iterator[str]:
    """The arguments with - after each --json without a name."""
    for place, arg in enumerate(args):
        yield arg
        if arg == "--":
            yield from args[place + 1 :]
            return
        following = args[place + 1] if place + 1 < len(args) else "--"
        if arg == "--json" and following.startswith("-") and following != "-":
            yield "-"


def help_of(command: Callable[..., None]) -> str:
    """A docstring as help: its paragraphs without line breaks, to be wrapped by the terminal.

    Paragraphs that begin with a line of ``\\b`` keep their line breaks.
    """
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(
        paragraph.removeprefix("\b\n")
        if paragraph.startswith("\b\n")
        else paragraph.replace("\n", " ")
        for paragraph in paragraphs
    )
