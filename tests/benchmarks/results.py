"""Write RESULTS.md, and the tables of SUMMARY.md, from the JSON of the last runs."""

from __future__ import annotations

import json
from pathlib import Path

from tests.benchmarks import summary_tables
from tests.benchmarks.common import BENCH, crowded, markdown, parser

TARGET = Path(__file__).with_name("RESULTS.md")
PARTS = (
    "fingerprint",
    "pipeline",
    "accuracy",
    "matching",
    "agreement",
    "sound",
    "index",
    "throughput",
    "load",
    "imports",
    "sandbox",
    "derive",
    "vectors",
    "descriptor",
)

_HEAD = """# Benchmark results

Written by `make bench` from what it measured; see README.md beside this for what each part does.
Ratios are medians within one run and carry over to other machines; seconds do not.
"""


def main() -> None:
    parser(__doc__).parse_args()
    old = _sections(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else {}
    parts: list[str] = []
    for name in PARTS:
        made = {
            stored.stem: part for stored in _newest(name) if (part := _section(stored)) is not None
        }
        parts += kept(name, made, old).values()
    TARGET.write_text("\n".join([_HEAD, *parts]), encoding="utf-8")
    summary_tables.write(_newest)
    print(f"Written to {TARGET.name}: {len(parts)} parts")


def kept(name: str, made: dict[str, str], old: dict[str, str]) -> dict[str, str]:
    """The sections of a benchmark: those made now, and of its other partial runs those there were.

    A whole run stands for all partial ones.
    """
    if name in made:
        return {name: made[name]}
    before = {title: part for title, part in old.items() if title.split("-")[0] == name}
    return dict(sorted((before | made).items()))


def _sections(text: str) -> dict[str, str]:
    """The parts of a page of results, by their name in lower case."""
    found = text.split("\n## ")[1:]
    return {part.split("\n", 1)[0].lower(): f"## {part.rstrip()}\n" for part in found}


def _newest(name: str) -> list[Path]:
    """The last whole run of a benchmark, or its last partial ones where those are newer."""
    whole = BENCH / f"{name}.json"
    partial = sorted(
        path for path in BENCH.glob(f"{name}-*.json") if not path.stem.endswith("labelled")
    )
    made = [path.stat().st_mtime for path in partial]
    if whole.exists() and whole.stat().st_mtime > max(made, default=0):
        return [whole]
    return partial or [whole]


def _section(stored: Path) -> str | None:
    try:
        result = json.loads(stored.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    facts = ", ".join(f"{key} {value}" for key, value in result["machine"].items() if value)
    lines = [f"## {result['name'].capitalize()}", "", f"{facts}."]
    if warning := crowded(result["machine"]):
        lines += ["", f"**{warning}**"]
    for sheet in result["sheets"]:
        lines += ["", f"### {sheet['title']}", "", *markdown(sheet["columns"], sheet["rows"])]
        if sheet["remarks"]:
            lines += ["", *(f"- {remark}" for remark in sheet["remarks"])]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
