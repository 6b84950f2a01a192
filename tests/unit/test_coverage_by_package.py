"""Coverage is summed by package, and one that is low fails."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.coverage_by_package import Covered, by_package, main

REPORT = {
    "files": {
        "layers/core/python/filmgate/api/app.py": {
            "summary": {"covered_lines": 8, "num_statements": 10}
        },
        "layers/core/python/filmgate/api/models.py": {
            "summary": {"covered_lines": 10, "num_statements": 10}
        },
        "layers/core/python/filmgate/api/routes/jobs.py": {
            "summary": {"covered_lines": 1, "num_statements": 2}
        },
        "functions/api/handler.py": {"summary": {"covered_lines": 0, "num_statements": 0}},
    }
}


def test_files_are_summed_by_folder() -> None:
    assert by_package(REPORT) == [
        Covered("filmgate.api", 18, 20),
        Covered("filmgate.api.routes", 1, 2),
        Covered("functions.api", 0, 0),
    ]
    assert [one.percent for one in by_package(REPORT)] == [90.0, 50.0, 100.0]


def test_what_runs_in_other_processes_has_no_limit() -> None:
    assert Covered("filmgate_localities", 0, 10).below(85)
    assert not Covered("filmgate_local", 0, 10).below(85)
    assert not Covered("functions.api", 0, 10).below(85)
    assert not Covered("filmgate.sandbox", 0, 10).below(85)
    assert Covered("filmgate", 0, 10).below(85)


def test_a_low_package_fails_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "coverage.json"
    report.write_text(json.dumps(REPORT))
    monkeypatch.setattr(sys, "argv", ["coverage_by_package", str(report)])
    with pytest.raises(SystemExit, match=r"85 % of filmgate\.api\.routes\."):
        main()
    assert "below the limit" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["coverage_by_package", str(report), "--least", "50"])
    main()
