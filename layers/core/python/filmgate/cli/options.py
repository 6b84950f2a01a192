"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

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
