"""Options that several commands share."""

from __future__ import annotations

import re
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
