"""The library on disk: made once, mended where damaged, carried on where it was cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from filmgate_samples import library, plan, rendering
from filmgate_samples.clip import read_image

POSTER, COPY, FRACTAL = "images/poster.png", "images/köpie af plakat.png", "images/fractal.webp"


def made(target: Path, paths: tuple[str, ...], seed: int = 1) -> list[tuple[int, int, str]]:
    calls: list[tuple[int, int, str]] = []
    library.make_files(
        target,
        paths,
        seed=seed,
        progress=lambda done, total, path: calls.append((done, total, path)),
    )
    return calls


def stamps(target: Path) -> dict[str, int]:
    return {path: (target / path).stat().st_mtime_ns for path in (POSTER, COPY)}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("library")
    calls = made(target, (COPY, POSTER))
    assert calls == [(1, 2, POSTER), (2, 2, COPY)]
    return target


def test_sources_are_made_before_their_copies(small: Path) -> None:
    assert (small / COPY).read_bytes() == (small / POSTER).read_bytes()
    assert read_image(small / POSTER).shape == (880, 640, 3)
    assert not list(small.rglob(".part-*"))


def test_a_second_call_touches_nothing(small: Path) -> None:
    before = stamps(small)
    assert made(small, (POSTER, COPY)) == [(2, 2, "")]
    assert stamps(small) == before


def test_a_damaged_file_is_made_again_and_the_others_left(small: Path) -> None:
    good, before = (small / COPY).read_bytes(), stamps(small)
    (small / COPY).write_bytes(good[:1000])
    assert made(small, (POSTER, COPY)) == [(1, 2, ""), (2, 2, COPY)]
    assert (small / COPY).read_bytes() == good
    assert stamps(small)[POSTER] == before[POSTER]


def test_a_damaged_manifest_costs_work_but_no_error(tmp_path: Path) -> None:
    (tmp_path / ".filmgate-samples.json").write_text("[]", encoding="utf-8")
    assert made(tmp_path, (POSTER,)) == [(1, 1, POSTER)]


def test_files_made_with_another_seed_are_made_anew(tmp_path: Path) -> None:
    made(tmp_path, (FRACTAL,), seed=1)
    first = (tmp_path / FRACTAL).read_bytes()
    assert made(tmp_path, (FRACTAL,), seed=2) == [(1, 1, FRACTAL)]
    assert (tmp_path / FRACTAL).read_bytes() != first


def test_equal_seeds_give_equal_bytes(tmp_path: Path) -> None:
    source = plan.VideoSource(
        "videos/x.mp4", "", (("coast", 0.5), ("reef", 0.5)), (("music", 1.0),), 160, 90
    )
    first, again, other = (tmp_path / f"{name}.mp4" for name in ("first", "again", "other"))
    rendering.render_video(first, source, 1)
    rendering.render_video(again, source, 1)
    rendering.render_video(other, source, 2)
    assert first.read_bytes() == again.read_bytes() != other.read_bytes()


def test_a_file_that_is_not_of_the_library_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        library.make_files(tmp_path, ["images/none.png"], seed=1)


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="seed"):
        library.make(tmp_path, seed=-1)


def test_the_truth_on_disk_reads_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "make_files", lambda *_, **__: None)
    truth = library.make(tmp_path, seed=3)
    stored = (tmp_path / "truth.json").read_text(encoding="utf-8")
    assert type(truth).model_validate_json(stored) == truth == plan.truth(3)
