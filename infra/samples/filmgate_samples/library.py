"""Making the sample library on disk, and leaving alone what is already there."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filmgate.dedupe.tuning.truth import Truth

Progress = Callable[[int, int, str], None]
"""Called with files done, files in all, and the path of the latest ("" for those there before)."""

_MANIFEST = ".filmgate-samples.json"
_PROCESSES = 2


def make(target: Path, *, progress: Progress | None = None, seed: int = 1) -> Truth:
    """Make the sample library in a folder, with what is known of it in `truth.json`.

    Files that an earlier call with the same seed and generator made, and nobody changed since,
    are left alone; so is everything else in the folder. An interrupted call is carried on.
    It runs two processes of its own, started afresh: call it from a module, not from a script
    read from standard input.

    Raises:
        OSError: the folder cannot be written.
        ValueError: `seed` is negative.
    """
    from filmgate_samples import plan  # noqa: PLC0415 - numpy; the CLI imports this module early

    if seed < 0:
        raise ValueError("the seed must be 0 or more")
    truth = plan.truth(seed)
    make_files(target, [file.path for file in truth.files], seed=seed, progress=progress)
    (target / "truth.json").write_text(truth.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return truth


def make_files(
    target: Path, paths: Sequence[str], *, seed: int, progress: Progress | None = None
) -> None:
    """Make those of the library's files, by path, that are not there as they were made.

    The sources of copies must be among the paths, or there already.

    Raises:
        KeyError: the library has no such file.
        OSError: the folder cannot be written, or a copy's source is missing.
    """
    from filmgate_samples import plan  # noqa: PLC0415 - numpy

    target.mkdir(parents=True, exist_ok=True)
    manifest = _Manifest(target, f"{plan.GENERATOR} seed {seed}")
    wanted = [path for path in paths if not manifest.holds(path)]
    done = len(paths) - len(wanted)
    if progress is not None and done:
        progress(done, len(paths), "")
    if not wanted:
        return

    def report(path: str) -> None:
        nonlocal done
        manifest.add(path)
        done += 1
        if progress is not None:
            progress(done, len(paths), path)

    sources = {source.path for source in plan.SOURCES}
    rounds = ([p for p in wanted if p in sources], [p for p in wanted if p not in sources])
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_PROCESSES, mp_context=context) as pool:
        for round_paths in rounds:
            _run(pool, target, round_paths, seed, report)


def _run(
    pool: ProcessPoolExecutor,
    target: Path,
    paths: Iterable[str],
    seed: int,
    report: Callable[[str], None],
) -> None:
    waiting = {pool.submit(make_one, target, path, seed): path for path in paths}
    try:
        for future in as_completed(waiting):
            future.result()
            report(waiting[future])
    except BaseException:
        pool.shutdown(wait=True, cancel_futures=True)
        raise


def make_one(target: Path, path: str, seed: int) -> None:
    """Make one file of the library; the source of a copy must be there already.

    Raises:
        KeyError: the library has no such file.
    """
    from filmgate_samples import plan, rendering  # noqa: PLC0415 - PyAV, Pillow and numpy

    final = target / path
    final.parent.mkdir(parents=True, exist_ok=True)
    part = final.with_name(f".part-{final.name}")
    sources = {source.path: source for source in plan.SOURCES}
    still, video, time_s = plan.STILL_OF_VIDEO
    if path in sources:
        source = sources[path]
        if isinstance(source, plan.VideoSource):
            rendering.render_video(part, source, seed)
        elif isinstance(source, plan.ImageSource):
            rendering.render_image(part, source, seed)
        else:
            rendering.render_sound(part, source, seed)
    elif path == still:
        rendering.make_still(part, target / video, time_s)
    else:
        copy = {copy.path: copy for copy in plan.copies(seed)}[path]
        rendering.make_copy(part, target / copy.source, copy)
    part.replace(final)


class _Manifest:
    """The digests of the files made so far; written after each, so that no work is lost."""

    def __init__(self, target: Path, made_by: str) -> None:
        self._target = target
        self._made_by = made_by
        self._digests: dict[str, str] = {}
        try:
            stored = json.loads((target / _MANIFEST).read_text(encoding="utf-8"))
            if stored["made_by"] == made_by:
                self._digests = dict(stored["sha256"])
        except (OSError, ValueError, KeyError, TypeError):
            # Missing or damaged: everything is made again, which is always right.
            self._digests = {}

    def holds(self, path: str) -> bool:
        """Whether the file is there as it was made."""
        known, file = self._digests.get(path), self._target / path
        return known is not None and file.is_file() and known == _digest(file)

    def add(self, path: str) -> None:
        self._digests[path] = _digest(self._target / path)
        text = json.dumps({"made_by": self._made_by, "sha256": self._digests}, indent=1)
        part = self._target / f"{_MANIFEST}.part"
        part.write_text(text + "\n", encoding="utf-8")
        part.replace(self._target / _MANIFEST)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
