"""The tables of SUMMARY.md."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks import summary_tables

_MACHINE = {"command": "python -m x", "date": "2026-01-01"}
_COLUMNS = ["transform", "n", "ours", "pHash @0.1", "PDQ @0.1"]


def _matching(films: list[list[object]], pictures: list[list[object]]) -> dict[str, object]:
    sheets = [
        {"title": f"Recall on copies of {kind} (test half)", "columns": _COLUMNS, "rows": rows}
        for kind, rows in (("videos", films), ("pictures", pictures))
    ]
    return {"name": "matching", "machine": _MACHINE, "sheets": sheets}


def test_films_and_pictures_stand_side_by_side_with_all_at_the_end() -> None:
    lines = summary_tables.copies(
        _matching([["all", 4, 99.0, 1, 2], ["trim", 4, 98.0, 3, 4]], [["all", 5, 97.0, 5, 6]])
    )
    assert lines[2:4] == [
        "| trim | 4 | 98 | 3 | 4 |  |  |  |  |",
        "| all | 4 | 99 | 1 | 2 | 5 | 97 | 5 | 6 |",
    ]
    assert "python -m x" in lines[-1]


def test_searches_show_what_each_index_finds_and_its_time_where_it_was_timed() -> None:
    timed = {
        "title": "Searching, one thread",
        "columns": ["hashes", "index", "30 x 8 best ms", "p50", "240 x 8 best ms"],
        "rows": [["100", "segments", 63.0, 73.0, 560.0], ["100", "faiss X", 5.0, 7.0, 44.0]],
    }
    recall = {
        "title": "Recall of one planted frame, by distance in bits",
        "columns": ["hashes", "index", "8", "72"],
        "rows": [
            ["100", "segments", 1.0, 1.0],
            ["100", "faiss X", 1.0, 0.425],
            ["100", "bands", 1.0, 0.375],
        ],
    }
    lines = summary_tables.search({"name": "index", "machine": _MACHINE, "sheets": [timed, recall]})
    assert lines[2:5] == [
        "| 100 | ours | 63 | 1 |",
        "| 100 | faiss X | 5 | 0.425 |",
        "| 100 | bands |  | 0.375 |",
    ]
    assert "python -m x" in lines[-1]


def test_only_what_stands_between_the_marks_changes(tmp_path: Path) -> None:
    target, stored = tmp_path / "SUMMARY.md", tmp_path / "matching.json"
    marks = "<!-- {0}: written by make bench -->\nold {0}\n<!-- {0}: end -->\n"
    target.write_text("before\n" + marks.format("matching") + marks.format("index") + "after\n")
    stored.write_text(json.dumps(_matching([["all", 4, 99.0, 1, 2]], [["all", 5, 97.0, 5, 6]])))
    summary_tables.write(lambda name: [tmp_path / f"{name}.json"], target)
    text = target.read_text()
    assert text.startswith("before\n") and text.endswith("after\n")
    assert "old matching" not in text
    assert "old index" in text


def test_a_readme_without_the_marks_is_told() -> None:
    with pytest.raises(ValueError, match="marks of index 0 times"):
        summary_tables.placed("nothing", "index", [])


def test_the_readme_holds_the_marks() -> None:
    text = summary_tables.SUMMARY.read_text(encoding="utf-8")
    for name in ("matching", "index"):
        assert summary_tables.placed(text, name, ["x"]) != text
