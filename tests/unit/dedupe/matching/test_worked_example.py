"""The README's worked example is what its command prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from filmgate.dedupe import matching
from filmgate_samples.library import make_one
from tests.worked_example import PAIRS, told

README = Path(matching.__path__[0]) / "README.md"
VERDICT = re.compile(r"near, score (\d\.\d{3}) \(from (\S+); exact from (\S+)\)")
NUMBER = re.compile(r"\d+\.?\d*")


def shown() -> list[str]:
    """The blocks after the command, one a pair."""
    _, _, after = README.read_text(encoding="utf-8").partition("python -m tests.worked_example")
    return re.findall(r"```\n(videos.*?|images.*?)```", after, re.DOTALL)


@pytest.mark.parametrize("number", range(len(PAIRS)))
def test_the_readme_shows_what_is_printed(number: int, tmp_path: Path) -> None:
    """To the word; numbers may differ by a tenth, as encoders do from one machine to another."""
    pair = PAIRS[number]
    for path in pair:
        make_one(tmp_path, path, seed=1)
    printed, written = "\n".join(told(tmp_path, *pair)), shown()[number].strip()
    assert NUMBER.sub("#", printed) == NUMBER.sub("#", written)
    numbers = [[float(one) for one in NUMBER.findall(text)] for text in (printed, written)]
    assert numbers[0] == pytest.approx(numbers[1], rel=0.1, abs=0.05)
    for text in (printed, written):
        verdict = VERDICT.search(text)
        assert verdict, "no near verdict with a score of three digits"
        assert float(verdict[2]) <= float(verdict[1]) < float(verdict[3])
