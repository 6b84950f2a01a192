"""Options that several commands share."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Annotated

import typer

ASSET_ID = re.compile("[0-9a-f]{26}")
"""The form of an asset's id; what has another names nothing."""

Json = Annotated[
    bool,
    typer.Option("--json", help="Write the result as JSON to stdout, and nothing else there."),
]
Stage = Annotated[
    str | None,
    typer.Option(
        "--stage", help="A stage deployed to AWS; without it, the local stack.", metavar="NAME"
    ),
]


def help_of(command: Callable[..., None]) -> str:
    """A docstring as help: its paragraphs without line breaks, for the terminal to set.

    Those that begin with a line of ``\\b`` keep their lines.
    """
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(
        paragraph.removeprefix("\b\n")
        if paragraph.startswith("\b\n")
        else paragraph.replace("\n", " ")
        for paragraph in paragraphs
    )
