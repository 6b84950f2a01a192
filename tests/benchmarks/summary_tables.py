"""The tables of SUMMARY.md, from the JSON of the last runs, between marks in its text.

What was not measured on this machine stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.benchmarks.common import CHECKOUT, Cell, markdown

SUMMARY = CHECKOUT / "tests" / "benchmarks" / "SUMMARY.md"
_PEERS = ("pHash @0.1", "PDQ @0.1")
_OURS = ("n", "ours", *_PEERS)

Stored = dict[str, Any]


def write(stored: Callable[[str], Iterable[Path]], target: Path = SUMMARY) -> None:
    """Put each table that has a new measurement into its place.

    Args:
        stored: the JSON of the last run of a benchmark by its name; several for partial runs.
    """
    text = target.read_text(encoding="utf-8")
    for benchmark, made in (("matching", copies), ("index", search)):
        for path in stored(benchmark):
            if path.exists():
                result = json.loads(path.read_text(encoding="utf-8"))
                text = placed(text, benchmark, made(result))
    target.write_text(text, encoding="utf-8")


def placed(text: str, name: str, lines: list[str]) -> str:
    """The text with what stands between the marks of a name replaced.

    Raises:
        ValueError: the text does not hold the marks once.
    """
    begin, end = f"<!-- {name}: written by make bench -->", f"<!-- {name}: end -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    body = "\n".join([begin, *lines, end])
    replaced, count = pattern.subn(lambda _: body, text)
    if count != 1:
        raise ValueError(f"{SUMMARY.name} has the marks of {name} {count} times, not once")
    return replaced


def copies(result: Stored) -> list[str]:
    """Recall by transform, films and pictures side by side, ours and the peers'."""
    films, pictures = (_by_transform(result, kind) for kind in ("videos", "pictures"))
    names = [name for name in sorted(films | pictures) if name != "all"]
    rows = [
        [name, *_cells(films.get(name)), *_cells(pictures.get(name))] for name in [*names, "all"]
    ]
    columns = ["done to it", "videos", "ours", "pHash", "PDQ", "pictures", "ours", "pHash", "PDQ"]
    return [*markdown(columns, rows), "", _made(result)]


def search(result: Stored) -> list[str]:
    """How long one search takes as the library grows, and what it finds.

    The bands have no time: they are searched by requests, and not on this machine.
    """
    timed = _sheet(result, "Searching, one thread")
    at = timed["columns"].index("30 x 8 best ms")
    times = {(size, index): cells[at - 2] for size, index, *cells in timed["rows"]}
    recall = _sheet(result, "Recall of one planted frame, by distance in bits")
    far = recall["columns"].index("72")
    rows = [
        [size, "ours" if index == "segments" else index, times.get((size, index)), cells[far - 2]]
        for size, index, *cells in recall["rows"]
    ]
    columns = ["hashes", "index", "30 frames, 8 ways, ms", "recall at 72 bits"]
    return [*markdown(columns, rows), "", _made(result)]


def _by_transform(result: Stored, kind: str) -> dict[str, list[Cell]]:
    sheet = _sheet(result, f"Recall on copies of {kind}")
    places = [sheet["columns"].index(name) for name in _OURS]
    return {row[0]: [row[at] for at in places] for row in sheet["rows"]}


def _sheet(result: Stored, title: str) -> Stored:
    for sheet in result["sheets"]:
        if sheet["title"].startswith(title):
            found: Stored = sheet
            return found
    raise ValueError(f"{result['name']} has no table {title!r}")


def _cells(row: list[Cell] | None) -> list[Cell]:
    return row or [None] * len(_OURS)


def _made(result: Stored) -> str:
    facts = result["machine"]
    commit = facts.get("commit") or "not recorded"
    return f"`{facts['command']}`, {facts['date']}, commit {commit}."
