from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from filmgate.client.scan_result import ScanResult
from filmgate.client.targets import REPORT, Target
from filmgate.dedupe.matching.model import MatchClass, Transform
from filmgate.dedupe.tuning.truth import KnownCopy, SampleFile, Truth, compare, is_call
from filmgate.media.model import MediaKind
from filmgate.report import html
from filmgate.report.words import not_compared, percent
from tests.unit.report.scans import asset, match, outside, result, tiles

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Checks that tags nest, and gathers what the page would load or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        assert tag != "script"
        for name, value in attrs:
            assert not name.startswith("on")
            if name in {"src", "href", "srcset", "data", "action"}:
                self.loads.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        return None

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page(scan: ScanResult | None = None) -> str:
    return html.render(scan or result(), tiles)


def test_it_is_one_well_formed_file_that_loads_and_runs_nothing() -> None:
    found = Page(page())
    assert all(link.startswith(("data:image/jpeg;base64,", "#")) for link in found.loads)
    assert any(link.startswith("data:") for link in found.loads)


def test_links_inside_the_page_lead_somewhere() -> None:
    text = page()
    for target in re.findall(r'href="#([^"]+)"', text):
        assert f'id="{target}"' in text


def test_what_a_person_needs_is_there() -> None:
    text = Page(page()).text
    for words in (
        "mirrored, 1.25x faster, cropped", "with different sound, a part of the time", "0.967",
        "weight 65 %", "not in both files", "A playlist, not a video", "ran out of memory",
        "Outside the groups", "rotated 90 degrees clockwise",
    ):  # fmt: skip
        assert words in text


def test_files_not_compared_with_all_are_told() -> None:
    assert "not compared" not in page().lower()
    uncompared = result().model_copy(update={"assets": (asset("beach.mp4", passed_over=12),)})
    text = page(uncompared)
    assert "12 candidates were not compared" in text
    assert 'href="#uncompared"' in text


def test_files_that_end_early_are_told() -> None:
    assert "could be decoded" not in page()
    notes = ("The file ends early or reached a limit: 14.4 of 30.0 s could be decoded.",)
    text = page(result().model_copy(update={"assets": (asset("beach.mp4", notes=notes),)}))
    assert notes[0] in Page(text).text
    assert 'href="#noted"' in text


def test_matches_outside_the_folder_are_told() -> None:
    assert "outside this folder" not in page().lower()
    alone = ScanResult(
        assets=result().assets[:1], matches=(), groups=(), outside=(outside("old/<b>.mp4"),)
    )
    text = page(alone)
    line = "1 file here also matches 1 file scanned before, outside this folder (1 exact, 0 near"
    assert text.count(line) == 2
    assert 'href="#outside"' in text
    assert "old/<b>.mp4" in Page(text).text


def test_an_embedding_is_shown_only_where_there_is_one() -> None:
    assert "embedding" not in Page(page()).text
    pair = match("beach.mp4", "other room.mp4", MatchClass.SIMILAR, 0.8, embedding=0.8125)
    scan = result().model_copy(update={"matches": (pair,)})
    assert "embedding" in Page(page(scan)).text


def test_a_probability_is_shown_with_what_it_was_calibrated_on_and_never_as_certain() -> None:
    assert "probability" not in Page(page()).text
    expected = {"probability": 0.9999, "calibrated_on": "reviewed <b>.json, 40 pairs, 2026-01-02"}
    pair = match("beach.mp4", "other room.mp4", MatchClass.EXACT, 0.99, **expected)
    text = Page(page(result().model_copy(update={"matches": (pair,)}))).text
    assert "0.999 (as calibrated on reviewed <b>.json, 40 pairs, 2026-01-02)" in text


def test_classes_are_told_by_word_not_by_colour_alone() -> None:
    text = page()
    for name in ("exact", "near", "similar"):
        assert f'<span class="badge {name}">{name}</span>' in text


def test_a_pair_shows_four_to_six_aligned_moments_and_images_one() -> None:
    cards = re.split(r'<details class="pair', page())[1:]
    figures = {card.count("<figure>") // 2 for card in cards if "bridge" in card.split("</summ")[0]}
    assert figures == {1}
    for card in cards:
        if "bridge" not in card.split("</summary>")[0]:
            assert 4 <= card.count("<figure>") // 2 <= 6


def test_pictures_side_by_side_are_at_aligned_times() -> None:
    text = page(ScanResult(assets=result().assets, matches=result().matches[1:2], groups=()))
    shown = re.findall(r"<b>A</b> 0:(\d\d\.\d).*?<b>B</b> 0:(\d\d\.\d)", text, re.DOTALL)
    assert shown
    assert all(float(a) - float(b) == pytest.approx(2.0, abs=0.75) for a, b in shown)


def test_identical_bytes_show_the_same_moments() -> None:
    same = match(
        "beach.mp4",
        "other room.mp4",
        MatchClass.EXACT,
        1.0,
        transform=Transform(identical_bytes=True),
        pairs=(),
        segments=(),
    )
    text = page(ScanResult(assets=result().assets, matches=(same,), groups=()))
    shown = re.findall(r"<b>A</b> ([^<]+)</fig.*?<b>B</b> ([^<]+)</fig", text, re.DOTALL)
    assert len(shown) == 6
    assert all(a == b for a, b in shown)


EVIL = '"><script>alert(1)</script>\x1b{{ 7*7 }}.mp4'


def test_names_and_reasons_are_escaped() -> None:
    scan = ScanResult(
        assets=(asset(EVIL, MediaKind.AUDIO), asset("b", MediaKind.AUDIO)),
        matches=(match(EVIL, "b", MatchClass.EXACT, 1.0, reason="<b>&"),),
        groups=((EVIL, "b"),),
    )
    text = html.render(scan, lambda _: None)
    assert "<script" not in text
    assert "49.mp4" not in text
    assert "&lt;b&gt;&amp;" in text
    Page(text)


def test_nothing_found_is_a_page_too() -> None:
    empty = ScanResult(assets=(), matches=(), groups=())
    assert "No file in this folder is an exact or near copy" in Page(page(empty)).text


def test_size_is_bounded_and_what_is_left_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MAX_PAIRS", 3)
    monkeypatch.setattr(html, "PICTURE_BUDGET_BYTES", 20_000)
    text = page()
    assert text.count('<details class="pair') == 3
    assert "2 pairs with the lowest scores are left out" in text
    assert re.search(r"\d pairs are shown without pictures", text)
    assert sum(map(len, re.findall(r"data:image[^\"]+", text))) < 30_000


def test_the_comparison_with_the_truth_is_shown() -> None:
    found = result()
    truth = Truth(
        seed=1,
        generator="g",
        files=tuple(
            SampleFile(path=a.path, kind=MediaKind.VIDEO, description="") for a in found.assets
        ),
        copies=(
            KnownCopy(
                source="beach.mp4", copy_path="other room.mp4", transform="odd", parameters={}
            ),
        ),
        groups=(("beach.mp4", "other room.mp4"),),
        negatives=(),
    )
    calls = [(m.a, m.b, is_call(m.match_class, m.transform.partial)) for m in found.matches]
    text = Page(html.render(found, tiles, compare(truth, calls, found.groups))).text
    for words in ("0 of 3 pairs called copies", "0 of 1 pairs of copies", "odd",
                  "Called copies, but are not", "Copies that were missed"):  # fmt: skip
        assert words in text


def test_writing_takes_any_name(tmp_path: Path) -> None:
    scan = ScanResult(assets=(), matches=(), groups=(("caf\udce9.mp4", "b"),))
    html.write(Target.claim(tmp_path / "r.html", REPORT), scan, tiles)
    assert "caf" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "-"),
        (0, "0 %"),
        (1, "100 %"),
        (0.934, "93 %"),
        (0.9971, "99.7 %"),
        (0.99999, "99.9 %"),
    ],
)
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text


def test_what_was_not_compared_is_counted() -> None:
    assert not_compared(1).startswith("1 candidate was not compared")
    assert not_compared(7).startswith("7 candidates were not compared")
