"""The API's description as a file: `python -m filmgate.api.openapi [--write]`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from filmgate.access.service import KeyRing
from filmgate.api.app import create_app
from filmgate.api.models import Problem
from filmgate.api.services import Services

FILE = Path(__file__).with_name("openapi.json")


class _Absent:
    """Stands where a description needs no service; any use of it fails."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"describing the API must not use {name}")


def document() -> str:
    """The description as it is kept in FILE: JSON, indented, with a final newline."""
    absent: Any = _Absent()
    services = Services(absent, absent, absent, absent, KeyRing(absent), absent, stage="any")
    described = create_app(services).openapi()
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = described["components"]["schemas"]
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    described["components"]["schemas"] = dict(sorted(schemas.items()))
    return json.dumps(described, indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Print the description, or write it to its file. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m filmgate.api.openapi", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {FILE.name} instead")
    if parser.parse_args(arguments).write:
        FILE.write_text(document(), encoding="utf-8")
    else:
        sys.stdout.write(document())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
