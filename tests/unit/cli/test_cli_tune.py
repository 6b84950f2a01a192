from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.model import Comparison
from filmgate.dedupe.matching.settings import MatchSettings
from tests.unit.cli.conftest import Run
from tests.unit.cli.service import Service

Labelled = Callable[..., Path]
COMPARISON = {
    "kind": "video",
    "visual": 0.9,
    "audio": None,
    "metadata": 1.0,
    "decisive": ["visual"],
    "engine": "test",
}


def pair(visual: float, label: str, **changes: object) -> dict[str, object]:
    compared = {**COMPARISON, "visual": visual, **changes}
    return {"a": "x", "b": "y", "label": label, "comparison": compared}


@pytest.fixture
def labelled(tmp_path: Path) -> Labelled:
    def write(*pairs: dict[str, object], **more: object) -> Path:
        path = tmp_path / "labelled.json"
        path.write_text(json.dumps({"pairs": pairs, **more}))
        return path

    return write


def test_costs_and_a_proposal_with_the_settings_to_use(run: Run, labelled: Labelled) -> None:
    file = labelled(
        *(pair(0.99, "same") for _ in range(8)),
        *(pair(0.88, "different", metadata=None) for _ in range(4)),
        not_compared={"video": {"same": 2, "different": 88}},
    )
    result = run("tune", file)
    assert result.exit_code == 0, result.stderr
    assert "video: 10 pairs of copies, 92 of others" in result.stdout
    assert "66.7 %" in result.stdout  # near at 0.85: 8 of 12
    assert "80.0 %" in result.stdout  # 8 of 10 copies
    last = result.stdout.strip().splitlines()[-1]
    settings = MatchSettings.model_validate_json(last.split("=", 1)[1].strip("'"))
    assert settings.video.near == 0.88  # pictures of 0.88 score 0.873: no exact copy is so far off
    assert settings.image == MatchSettings().image
    found = json.loads(run("tune", file, "--json").stdout)
    assert found["settings"] == settings.model_dump(mode="json")
    assert found["together"]["video now"]["called"] == 12
    assert found["together"]["video as proposed"]["called"] == 8
    assert {p["boundary"] for p in found["proposals"]} == {"exact", "near", "similar"}


def test_the_wanted_precision_is_an_option(run: Run, labelled: Labelled) -> None:
    file = labelled(*(pair(0.99, "same") for _ in range(8)), pair(0.88, "different", metadata=None))
    found = json.loads(run("tune", file, "--precision", "0.8", "--json").stdout)
    assert found["settings"]["video"]["near"] == 0.85


def test_probabilities_are_fit_judged_and_written(
    run: Run, labelled: Labelled, tmp_path: Path
) -> None:
    file = labelled(
        *(pair(0.99, "same") for _ in range(30)),
        *(pair(0.88, "different", metadata=None) for _ in range(30)),
        *(pair(0.88, "same", metadata=None) for _ in range(10)),
    )
    target = tmp_path / "settings.json"
    result = run("tune", file, "--write", target)
    assert result.exit_code == 0, result.stderr
    assert "video: probabilities in use: " in result.stdout
    assert "video: probabilities as proposed: expected calibration error" in result.stdout
    settings = MatchSettings.model_validate_json(target.read_bytes())
    assert settings.calibration.image == MatchSettings().calibration.image
    video = settings.calibration.video
    assert video is not None
    assert video.whole is not None
    assert video.source.labelled_set == "labelled.json"
    assert video.part is None
    assert (video.whole.pairs, video.whole.copies) == (70, 40)
    plain = {**COMPARISON, "visual": 0.88, "metadata": None}
    verdict = decide(Comparison.model_validate(plain), settings)
    assert verdict.probability == pytest.approx((10 + 10 * 40.5 / 71 + 0.5) / 51, abs=1e-4)
    assert str(verdict.calibrated_on).startswith("labelled.json, 70 pairs, ")
    again = json.loads(run("tune", file, "--settings", target, "--json").stdout)
    assert again["settings"]["calibration"] == settings.model_dump(mode="json")["calibration"]
    assert again["reliability"]["video in use"]["ece"] < 0.1
    assert again["reliability"]["video as proposed"]["pairs"] == 70


def test_settings_that_cannot_be_written_are_told(
    run: Run, labelled: Labelled, tmp_path: Path
) -> None:
    file = labelled(*(pair(0.99, "same") for _ in range(3)))
    result = run("tune", file, "--write", tmp_path / "none" / "settings.json")
    assert result.exit_code == 2
    assert "none is not a directory" in result.stderr


def test_files_are_compared_here(run: Run, labelled: Labelled, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8))
    coarse.resize((240, 240), Image.Resampling.BICUBIC).save(tmp_path / "one.png")
    coarse.resize((240, 240), Image.Resampling.BICUBIC).save(tmp_path / "two.jpg", quality=60)
    other = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8))
    other.resize((240, 240), Image.Resampling.BICUBIC).save(tmp_path / "three.png")
    file = labelled(
        {"a": "one.png", "b": "two.jpg", "label": "same"},
        {"a": "one.png", "b": "three.png", "label": "different"},
    )
    result = run("tune", file)
    assert result.exit_code == 0, result.stderr
    assert "image: 1 pairs of copies, 1 of others" in result.stdout
    near = next(line for line in result.stdout.splitlines() if "near  now" in line)
    assert "1 (0 wrong)" in near


def test_ids_are_asked_of_the_service(run: Run, service: Service, labelled: Labelled) -> None:
    one, two, three = (service.world.add_asset("acme", f"{n}.png") for n in range(3))
    service.world.add_match(one, two, 0.91)
    file = labelled(
        {"a": one.asset_id, "b": two.asset_id, "label": "same"},
        {"a": one.asset_id, "b": three.asset_id, "label": "same"},
    )
    result = run("tune", file)
    assert result.exit_code == 0, result.stderr
    near = next(line for line in result.stdout.splitlines() if "near  now" in line)
    assert "50.0 %" in near  # the pair that is no match was never called


def test_what_is_neither_a_file_nor_an_asset_is_named(
    run: Run, service: Service, labelled: Labelled
) -> None:
    result = run("tune", labelled({"a": "gone.mp4", "b": "lost.mp4", "label": "same"}))
    assert result.exit_code == 1
    assert "gone.mp4 is neither a file" in result.stderr
    result = run("tune", labelled({"a": "0" * 26, "b": "1" * 26, "label": "same"}))
    assert f"{'0' * 26} is neither a file" in result.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "Invalid JSON"),
        ('{"pairs": [{"a": "x", "b": "y", "label": "perhaps"}]}', "pairs.0.label"),
        ('{"pairs": []}', "contains no pairs"),
    ],
)
def test_a_file_in_another_form_is_wrong_usage(
    run: Run, tmp_path: Path, content: str, words: str
) -> None:
    path = tmp_path / "odd.json"
    path.write_text(content)
    result = run("tune", path)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_missing_file_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    result = run("tune", tmp_path / "none.json")
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr
