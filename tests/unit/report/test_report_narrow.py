"""The page on a phone, in a real browser."""

from __future__ import annotations

import html as markup
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from filmgate.dedupe.tuning.truth import Found, Rate, TruthComparison
from filmgate.report import html
from tests.unit.report.scans import outside, result, tiles

CHROMIUM = shutil.which("chromium")
HALF = Rate(hits=4, total=8, value=0.5, low=0.21, high=0.79)
LONG = "videos/" + "a_name_without_any_space_" * 6 + ".mp4"
SCAN = result().model_copy(update={"outside": (outside(LONG),)})
WRONG = (Found(a="beach.mp4", b=LONG, label="cropped"),)
TRUTH = TruthComparison(
    precision=HALF,
    recall=HALF,
    f1=0.5,
    false_positive_rate=HALF,
    per_transform={"cropped by a third and letterboxed": HALF},
    per_negative={"the same room under other content": HALF},
    missed=WRONG,
    false_pairs=WRONG,
    groups_exact=1,
    groups_known=2,
    groups_mixed=(),
)
PAGE = """<iframe id="phone" style="width:%dpx;height:900px" srcdoc="%s"></iframe>
<script>
document.getElementById("phone").onload = (event) => {
  const page = event.target.contentDocument;
  const boxes = [page.documentElement, ...page.querySelectorAll(".scroll, .inside")];
  const cut = boxes.filter((box) => box.scrollWidth > box.clientWidth + 1).length;
  const bars = [...page.querySelectorAll(".list .track")].filter((bar) => bar.clientWidth > 40);
  document.title = `cut ${cut} bars ${bars.length}`;
};
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.parametrize("width", [320, 400, 1000])
def test_nothing_is_cut_off_at_any_width(tmp_path: Path, width: int) -> None:
    page = tmp_path / "page.html"
    report = markup.escape(html.render(SCAN, tiles, TRUTH))
    page.write_text(PAGE % (width, report), encoding="utf-8")
    words = (
        f"{CHROMIUM} --headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
        "--disable-background-networking --disable-component-update --disable-sync "
        f"--user-data-dir={tmp_path / 'profile'} --virtual-time-budget=3000 --dump-dom"
    ).split()
    done = subprocess.run(
        [*words, page.as_uri()], capture_output=True, text=True, check=True, timeout=60
    )
    found = re.search(r"<title>(.*?)</title>", done.stdout)
    assert found
    assert found[1] == "cut 0 bars 2"
