"""The library on disk: made once, carried on where it was cut off, and over no file but its own."""

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
    assert not list(small.glob(".filmgate-making-*"))


def test_a_second_call_touches_nothing(small: Path) -> None:
    before = stamps(small)
    assert made(small, (POSTER, COPY)) == [(2, 2, "")]
    assert stamps(small) == before


def test_a_file_that_was_changed_is_left_and_named(small: Path) -> None:
    good, before = (small / COPY).read_bytes(), stamps(small)
    (small / COPY).write_bytes(b"a picture of my own")
    with pytest.raises(library.SamplesTaken, match=r"plakat\.png is not as this command made it"):
        made(small, (POSTER, COPY))
    assert (small / COPY).read_bytes() == b"a picture of my own"
    assert stamps(small)[POSTER] == before[POSTER]
    (small / COPY).unlink()
    assert made(small, (POSTER, COPY)) == [(1, 2, ""), (2, 2, COPY)]
    assert (small / COPY).read_bytes() == good


@pytest.mark.parametrize("manifest", [None, "[]", "{}", '{"made_by": "x", "sha256": {}}'])
@pytest.mark.parametrize("name", [POSTER, "truth.json", "mine.txt", ".hidden"])
def test_a_folder_that_it_did_not_make_is_left_alone(
    tmp_path: Path, manifest: str | None, name: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"mine")
    if manifest is not None:
        (tmp_path / ".filmgate-samples.json").write_text(manifest, encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    for call in (lambda: library.check(tmp_path), lambda: library.make(tmp_path)):
        with pytest.raises(library.SamplesTaken, match="is not empty and was not made"):
            call()
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / name).read_bytes() == b"mine"


def test_files_of_others_in_its_own_folder_stay(tmp_path: Path) -> None:
    made(tmp_path, (POSTER,))
    (tmp_path / FRACTAL).write_bytes(b"mine")
    (tmp_path / "images" / "holiday.jpg").write_bytes(b"mine")
    assert made(tmp_path, (POSTER,)) == [(1, 1, "")]
    with pytest.raises(library.SamplesTaken, match="fractal"):
        made(tmp_path, (POSTER, FRACTAL))
    with pytest.raises(library.SamplesTaken, match="fractal"):
        library.make_one(tmp_path, FRACTAL, seed=1)
    assert (tmp_path / FRACTAL).read_bytes() == b"mine"
    assert (tmp_path / "images" / "holiday.jpg").read_bytes() == b"mine"


def test_a_call_that_ends_between_two_files_is_carried_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(self: Path, target: Path) -> Path:
        if target.suffix == ".png":
            raise KeyboardInterrupt
        return real(self, target)

    real = Path.replace
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", stop)
        made(tmp_path, (POSTER, COPY))
    assert not (tmp_path / POSTER).exists()
    assert made(tmp_path, (POSTER, COPY)) == [(1, 2, POSTER), (2, 2, COPY)]
    assert {path.name for path in tmp_path.iterdir()} == {"images", ".filmgate-samples.json"}


def test_files_made_with_another_seed_are_made_again(tmp_path: Path) -> None:
    made(tmp_path, (FRACTAL,), seed=1)
    first = (tmp_path / FRACTAL).read_bytes()
    assert made(tmp_path, (FRACTAL,), seed=2) == [(1, 1, FRACTAL)]
    assert (tmp_path / FRACTAL).read_bytes() != first
    (tmp_path / FRACTAL).write_bytes(b"mine")
    with pytest.raises(library.SamplesTaken, match="fractal"):
        made(tmp_path, (FRACTAL,), seed=1)


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
    def no_media(target: Path, paths: object, *, seed: int, progress: object = None) -> None:
        make_files(target, [], seed=seed)

    make_files = library.make_files
    monkeypatch.setattr(library, "make_files", no_media)
    truth = library.make(tmp_path, seed=3)
    stored = (tmp_path / "truth.json").read_text(encoding="utf-8")
    assert type(truth).model_validate_json(stored) == truth == plan.truth(3)
    assert library.make(tmp_path, seed=3) == truth
    library.make(tmp_path, seed=4)
    (tmp_path / "truth.json").write_text("mine", encoding="utf-8")
    with pytest.raises(library.SamplesTaken, match=r"truth\.json"):
        library.make(tmp_path, seed=3)
