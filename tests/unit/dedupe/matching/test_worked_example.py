"""The README's worked example is what its command prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from filmgate.dedupe import matching
from filmgate_samples.library import make_one
from tests.worked_example import PAIRS, stages

README = Path(matching.__path__[0]) / "README.md"
VERDICT = re.compile(r"near, score (\d\.\d{3}) \(from (\S+); exact from (\S+)\)")
NUMBER = re.compile(r"\d+\.?\d*")


def readme_blocks() -> list[str]:
    """Return the blocks after the command, one per pair."""
    _, _, after = README.read_text(encoding="utf-8").partition("python -m tests.worked_example")
    return re.findall(r"```\n(videos.*?|images.*?)```", after, re.DOTALL)


@pytest.mark.parametrize("number", range(len(PAIRS)))
def test_the_readme_shows_what_is_printed(number: int, tmp_path: Path) -> None:
    """The words are equal; numbers may differ by 10 %, because encoders differ between machines."""
    pair = PAIRS[number]
    for path in pair:
        make_one(tmp_path, path, seed=1)
    printed, written = "\n".join(stages(tmp_path, *pair)), readme_blocks()[number].strip()
    assert NUMBER.sub("#", printed) == NUMBER.sub("#", written)
    numbers = [[float(one) for one in NUMBER.findall(text)] for text in (printed, written)]
    assert numbers[0] == pytest.approx(numbers[1], rel=0.1, abs=0.05)
    for text in (printed, written):
        verdict = VERDICT.search(text)
        assert verdict, "no near verdict with a score of three digits"
        assert float(verdict[2]) <= float(verdict[1]) < float(verdict[3])
