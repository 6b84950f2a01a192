"""The baseline: what counts as worse, what is written, and what the command says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from filmgate.media.model import MediaKind
from tests.benchmarks import baseline, release_check
from tests.benchmarks.baseline import Baseline, Expected, Outcome, Source, compare, updated
from tests.benchmarks.common import Figure, Result, slug, stored
from tests.benchmarks.matching_copies import VARIANTS
from tests.benchmarks.matching_figures import WORDS

RECALL = Expected(value=0.98, unit="share", better="higher", tolerance=0.01)
TIME = Expected(value=2.0, unit="times", better="lower", tolerance=0.1, relative=True)
COMMAND = "python -m tests.benchmarks.vectors"


def _outcome(expected: Expected, value: float, unit: str | None = None) -> Outcome:
    (found,) = compare({"a": expected}, {"a": Figure("a", value, unit or expected.unit)})
    return found.outcome


@pytest.mark.parametrize(
    ("expected", "value", "outcome"),
    [
        (RECALL, 0.98, Outcome.KEPT),
        (RECALL, 0.97, Outcome.KEPT),
        (RECALL, 0.9699, Outcome.WORSE),
        (RECALL, 0.99, Outcome.BETTER),
        (TIME, 2.2, Outcome.KEPT),
        (TIME, 2.21, Outcome.WORSE),
        (TIME, 1.0, Outcome.BETTER),
    ],
)
def test_worse_than_the_tolerance_in_the_stated_direction_fails(
    expected: Expected, value: float, outcome: Outcome
) -> None:
    assert _outcome(expected, value) is outcome


def test_a_share_of_nothing_allows_nothing() -> None:
    none = Expected(value=0, unit="count", better="lower", tolerance=0.5, relative=True)
    assert _outcome(none, 1) is Outcome.WORSE


def test_a_missing_figure_and_another_unit_fail() -> None:
    (missing,) = compare({"a": RECALL}, {})
    assert missing.outcome.failed
    assert _outcome(RECALL, 98, "percent").failed


def _source(**figures: Expected) -> Source:
    return Source(command=COMMAND, date="then", commit=None, busy=False, figures=figures)


def _json(folder: Path, *figures: Figure, load: float = 0.1) -> None:
    facts: dict[str, object] = {
        "command": f"{COMMAND} --vectors 9",
        "date": "now",
        "commit": "abc",
        "cores": 1,
        "load_1min": load,
    }
    body = stored(Result("one", (), figures, machine=facts))
    (folder / "one.json").write_text(json.dumps(body))


def test_an_update_takes_values_and_keeps_tolerances(tmp_path: Path) -> None:
    _json(tmp_path, Figure("a", 0.5, "share"), Figure("b", 1, "s"), load=3.0)
    run = baseline.last_run(tmp_path / "one.json")
    assert run is not None
    new = updated(_source(a=RECALL), run)
    assert new.figures == {"a": RECALL.model_copy(update={"value": 0.5})}
    assert (new.command, new.date, new.commit, new.busy) == (
        f"{COMMAND} --vectors 9", "now", "abc", True,
    )  # fmt: skip


def test_an_update_refuses_what_lacks_a_figure(tmp_path: Path) -> None:
    _json(tmp_path, Figure("b", 1, "s"))
    run = baseline.last_run(tmp_path / "one.json")
    assert run is not None
    with pytest.raises(ValueError, match="a"):
        updated(_source(a=RECALL), run)


def test_only_benchmarks_can_be_commands() -> None:
    with pytest.raises(ValidationError):
        Source(command="rm -rf x", date="", commit=None, busy=False, figures={"a": RECALL})


def _check(monkeypatch: pytest.MonkeyPatch, folder: Path, source: Source, *words: str) -> None:
    kept = folder / "baseline.json"
    baseline.write(Baseline(benchmarks={"one": source}), kept)
    monkeypatch.setattr(release_check, "BENCH", folder)
    monkeypatch.setattr(sys, "argv", ["release_check", "--baseline", str(kept), *words])
    release_check.main()


def test_the_command_passes_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _json(tmp_path, Figure("a", 0.975, "share"), load=3.0)
    _check(monkeypatch, tmp_path, _source(a=RECALL), "--no-run")
    shown = capsys.readouterr().out
    assert "kept" in shown
    assert "BUSY MACHINE" in shown


def test_the_command_fails_for_what_is_worse_or_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _json(tmp_path, Figure("a", 0.5, "share"))
    with pytest.raises(SystemExit, match="allows: 2"):
        _check(monkeypatch, tmp_path, _source(a=RECALL, b=TIME), "--no-run")
    shown = capsys.readouterr().out
    assert "a: 0.5 share, at least 0.97 wanted" in shown
    assert "b: not measured" in shown


def test_a_run_that_fails_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _json(tmp_path, Figure("a", 0.98, "share"))
    broken = _source(a=RECALL).model_copy(update={"command": f"{COMMAND} --no-such-option"})
    with pytest.raises(SystemExit, match="allows: 1"):
        _check(monkeypatch, tmp_path, broken)


def test_the_command_updates_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _json(tmp_path, Figure("a", 0.5, "share"))
    _check(monkeypatch, tmp_path, _source(a=RECALL), "--update")
    kept = baseline.read(tmp_path / "baseline.json").benchmarks["one"]
    assert kept.figures["a"].value == 0.5


def test_the_kept_baseline_names_what_the_benchmarks_measure() -> None:
    kept = baseline.read()
    recalls = {
        f"matching.test.{WORDS[kind]}.recall.{slug(variant.name)}"
        for kind in MediaKind
        for variant in VARIANTS[kind]
    }
    named = {name for name in kept.benchmarks["matching"].figures if ".recall." in name}
    assert named
    assert named <= recalls
    assert len(recalls) == sum(len(VARIANTS[kind]) for kind in MediaKind)
