"""Coverage of each package, from coverage's JSON; fails where one is below the limit.

python -m tests.coverage_by_package .build/coverage.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

LEAST = 85.0
"""Per cent of the statements of a package that tests must run."""
ROOTS = ("layers/core/python", "infra/local", "infra/packaging", "infra/samples")
"""Folders that packages lie in; their names are left out of the package's."""


IN_OTHER_PROCESSES = (
    "filmgate.adapters",
    "filmgate.sandbox",
    "filmgate_local",
    "filmgate_packaging",
    "filmgate_samples",
    "functions",
)
"""Packages without a limit, and those in them. The adapters, the child that decodes, the local AWS,
its packaging, the processes that draw samples and the wiring of the functions run mostly outside
the test process, where nothing counts what runs."""


@dataclass(frozen=True)
class Covered:
    """Statements of one package, and how many of them ran."""

    package: str
    ran: int
    statements: int

    @property
    def percent(self) -> float:
        return 100 * self.ran / self.statements if self.statements else 100.0

    def below(self, least: float) -> bool:
        """Whether the package has a limit and is under it."""
        outside = any(f"{self.package}.".startswith(f"{name}.") for name in IN_OTHER_PROCESSES)
        return not outside and self.percent < least


def by_package(report: Mapping[str, Any]) -> list[Covered]:
    """The packages of a report, in order of their names. A package is a folder, without those in
    it."""
    ran: dict[str, int] = {}
    statements: dict[str, int] = {}
    for path, file in report["files"].items():
        name = package(path)
        ran[name] = ran.get(name, 0) + file["summary"]["covered_lines"]
        statements[name] = statements.get(name, 0) + file["summary"]["num_statements"]
    return [Covered(name, ran[name], statements[name]) for name in sorted(ran)]


def package(path: str) -> str:
    """The dotted name of the folder that a source file lies in."""
    folder = PurePosixPath(path.replace("\\", "/")).parent
    for root in ROOTS:
        if folder.is_relative_to(root):
            folder = folder.relative_to(root)
    return ".".join(folder.parts)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("report", type=Path)
    words.add_argument("--least", type=float, default=LEAST, help="per cent (default 85)")
    chosen = words.parse_args()
    found = by_package(json.loads(chosen.report.read_bytes()))
    low = [one for one in found if one.below(chosen.least)]
    for one in found:
        mark = "  below the limit" if one in low else ""
        print(f"{one.package:<40} {one.percent:5.1f} % of {one.statements:5}{mark}")
    whole = Covered("all", sum(c.ran for c in found), sum(c.statements for c in found))
    print(f"{'all':<40} {whole.percent:5.1f} % of {whole.statements:5}")
    if low:
        names = ", ".join(one.package for one in low)
        raise SystemExit(f"Tests run less than {chosen.least:g} % of {names}.")


if __name__ == "__main__":
    main()
