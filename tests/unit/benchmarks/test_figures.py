"""Figures: their lines, their JSON, the load and the commit beside them, and the page."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from filmgate.dedupe.tuning.truth import wilson
from tests.benchmarks import common, results
from tests.benchmarks.common import Figure, Result, commit, crowded, publish, share, slug, stored


def test_a_figure_is_one_line_of_four_words() -> None:
    assert Figure("sound.recall.all", 179 / 180, "share").line().split() == [
        "figure", "sound.recall.all", "0.9944444444", "share",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [("two words", 1, "s"), ("Upper", 1, "s"), ("a", 1, "of it"), ("a", float("nan"), "s")],
)
def test_a_figure_that_scripts_cannot_split_is_refused(name: str, value: float, unit: str) -> None:
    with pytest.raises(ValueError, match=r"figure|finite"):
        Figure(name, value, unit)


def test_labels_become_names() -> None:
    labels = ("crop 10 %", "rotation 1-7°", "H.264, key every 2 s", "faiss BinaryFlat")
    assert [slug(label) for label in labels] == [
        "crop_10", "rotation_1-7", "h.264_key_every_2_s", "faiss_binaryflat",
    ]  # fmt: skip


def test_a_proportion_of_nothing_is_no_figure() -> None:
    assert list(share("a", wilson(0, 0))) == []
    assert list(share("a", wilson(1, 2))) == [Figure("a", 0.5, "share")]


def test_the_figures_are_the_last_lines_and_the_json_holds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(common, "BENCH", tmp_path)
    monkeypatch.setattr(common, "CHECKOUT", tmp_path)
    figures = (Figure("one.a", 1.5, "times"), Figure("one.b", 0, "count"))
    facts: dict[str, object] = {"date": "today", "commit": "abc", "cores": 2, "load_1min": 0.5}
    publish(Result("one", (), figures, machine=facts))
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "figure one.a 1.5 times", "figure one.b 0 count",
    ]  # fmt: skip
    written = json.loads((tmp_path / "one.json").read_bytes())
    assert written["figures"][0] == {"name": "one.a", "value": 1.5, "unit": "times"}
    assert [written[key] for key in ("date", "commit", "load", "busy", "machine")] == [
        "today", "abc", 0.5, False, facts,
    ]  # fmt: skip


def test_two_figures_of_one_name_are_refused() -> None:
    twice = Figure("a", 1, "s")
    with pytest.raises(ValueError, match="a"):
        stored(Result("one", (), (twice, twice)))


@pytest.mark.parametrize(
    ("before", "after", "busy"), [(2.0, 2.0, False), (2.1, 0.0, True), (0.0, 9.0, True)]
)
def test_a_load_above_the_cores_is_marked(before: float, after: float, busy: bool) -> None:
    facts = {"cores": 2, "load_before": before, "load_1min": after}
    assert (crowded(facts) is not None) == busy


def test_the_page_shows_the_commit_and_marks_a_busy_machine(tmp_path: Path) -> None:
    facts: dict[str, object] = {"commit": "abc+dirty", "cores": 2, "load_1min": 9.0}
    path = tmp_path / "one.json"
    path.write_text(json.dumps(stored(Result("one", (), (), machine=facts))))
    section = results._section(path) or ""
    assert "commit abc+dirty" in section
    assert "**Busy machine: the load was 9 on 2 cores." in section


def test_the_commit_says_whether_files_differ(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b.invalid", *words],
                       cwd=tmp_path, check=True, capture_output=True)  # fmt: skip

    assert commit(tmp_path / "nowhere") is None
    git("init")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-m", "first")
    clean = commit(tmp_path)
    (tmp_path / "a").write_text("2")
    assert clean is not None
    assert commit(tmp_path) == f"{clean}+dirty"
