"""Write tests/benchmarks/RESULTS.md from the JSON of the last runs."""

from __future__ import annotations

import json
from pathlib import Path

from tests.benchmarks.common import BENCH, Cell, parser, shown

TARGET = Path(__file__).with_name("RESULTS.md")
PARTS = ("fingerprint", "pipeline", "accuracy", "matching", "index", "imports")

_HEAD = """# Benchmark results

Written by `make bench` from what it measured; see README.md beside this for what each part does.
Ratios are medians within one run and carry over to other machines; seconds do not.
"""


def main() -> None:
    parser(__doc__).parse_args()
    parts = [part for name in PARTS if (part := _section(BENCH / f"{name}.json"))]
    TARGET.write_text("\n".join([_HEAD, *parts]), encoding="utf-8")
    print(f"Written to {TARGET.name}: {len(parts)} parts")


def _section(stored: Path) -> str | None:
    try:
        result = json.loads(stored.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    facts = ", ".join(f"{key} {value}" for key, value in result["machine"].items() if value)
    lines = [f"## {result['name'].capitalize()}", "", f"{facts}."]
    for sheet in result["sheets"]:
        lines += ["", f"### {sheet['title']}", "", *table(sheet["columns"], sheet["rows"])]
        if sheet["remarks"]:
            lines += ["", *(f"- {remark}" for remark in sheet["remarks"])]
    return "\n".join([*lines, ""])


def table(columns: list[str], rows: list[list[Cell]]) -> list[str]:
    """Lines of a Markdown table; columns with numbers are set to the right."""
    numeric = [any(isinstance(row[at], int | float) for row in rows) for at in range(len(columns))]
    cells = [[shown(cell).replace("|", "\\|") for cell in row] for row in rows]
    marks = ["---:" if right else "---" for right in numeric]
    return [f"| {' | '.join(line)} |" for line in (columns, marks, *cells)]


if __name__ == "__main__":
    main()
