"""Making the sample library on disk, and leaving alone what is already there.

A file is written only where there is none, or where an earlier call made the one that is there
and nobody changed it since. The manifest in the folder says which these are.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory, mkstemp
from typing import TYPE_CHECKING

from filmgate.errors import FilmgateError

if TYPE_CHECKING:
    from filmgate.dedupe.tuning.truth import Truth

Progress = Callable[[int, int, str], None]
"""Called with files done, files in all, and the path of the latest ("" for those there before)."""

_MANIFEST = ".filmgate-samples.json"
_MAKER = "filmgate-samples/"
_TRUTH = "truth.json"
_WORKSHOP = ".filmgate-making-"
_PROCESSES = 2


class SamplesTaken(FilmgateError):
    """The folder holds files that no earlier call made, where the library's should go."""


def check(target: Path, *, seed: int = 1) -> None:
    """Raise what `make` would raise of the folder before it writes anything.

    Raises:
        SamplesTaken: the folder is another's, or a file of the library was changed.
        OSError: the folder cannot be read.
        ValueError: `seed` is negative.
    """
    from filmgate_samples import plan  # noqa: PLC0415 - numpy; the CLI imports this module early

    if seed < 0:
        raise ValueError("the seed must be 0 or more")
    manifest = _Manifest(target, f"{plan.GENERATOR} seed {seed}")
    truth = plan.truth(seed)
    manifest.check([file.path for file in truth.files])
    _check_truth(target, manifest, _truth_text(truth))


def make(target: Path, *, progress: Progress | None = None, seed: int = 1) -> Truth:
    """Make the sample library in a folder, with what is known of it in `truth.json`.

    Files that an earlier call with the same seed and generator made are left alone; so is all
    else in a folder that such a call made. An interrupted call is carried on. It runs two
    processes of its own, started afresh: call it from a module, not from a script
    read from standard input.

    Raises:
        SamplesTaken: the folder is another's, or a file of the library was changed.
        OSError: the folder cannot be written.
        ValueError: `seed` is negative.
    """
    from filmgate_samples import plan  # noqa: PLC0415 - numpy

    check(target, seed=seed)
    truth = plan.truth(seed)
    make_files(target, [file.path for file in truth.files], seed=seed, progress=progress)
    _write_truth(target, _Manifest(target, f"{plan.GENERATOR} seed {seed}"), _truth_text(truth))
    return truth


def _truth_text(truth: Truth) -> bytes:
    return (truth.model_dump_json(indent=1) + "\n").encode()


def _check_truth(target: Path, manifest: _Manifest, text: bytes) -> None:
    """Raise SamplesTaken unless truth.json is missing, ours, or as it would be written."""
    manifest.check([] if _is(target / _TRUTH, text) else [_TRUTH])


def _is(file: Path, content: bytes) -> bool:
    return file.is_file() and file.read_bytes() == content


def _write_truth(target: Path, manifest: _Manifest, text: bytes) -> None:
    if _is(target / _TRUTH, text):
        return
    with TemporaryDirectory(prefix=_WORKSHOP, dir=target) as workshop:
        part = Path(workshop) / _TRUTH
        part.write_bytes(text)
        manifest.place(part, _TRUTH)


def make_files(
    target: Path, paths: Sequence[str], *, seed: int, progress: Progress | None = None
) -> None:
    """Make those of the library's files, by path, that are not there as they were made.

    The sources of copies must be among the paths, or there already.

    Raises:
        SamplesTaken: the folder is another's, or one of the files was changed.
        KeyError: the library has no such file.
        OSError: the folder cannot be written, or a copy's source is missing.
    """
    from filmgate_samples import plan  # noqa: PLC0415 - numpy

    manifest = _Manifest(target, f"{plan.GENERATOR} seed {seed}")
    manifest.check(paths)
    manifest.begin()
    wanted = [path for path in paths if not manifest.holds(path)]
    done = len(paths) - len(wanted)
    if progress is not None and done:
        progress(done, len(paths), "")
    if not wanted:
        return

    def report(part: Path, path: str) -> None:
        nonlocal done
        manifest.place(part, path)
        done += 1
        if progress is not None:
            progress(done, len(paths), path)

    sources = {source.path for source in plan.SOURCES}
    rounds = ([p for p in wanted if p in sources], [p for p in wanted if p not in sources])
    context = multiprocessing.get_context("spawn")
    # Files are made beside the library and moved into it whole, so that none is half written.
    with (
        TemporaryDirectory(prefix=_WORKSHOP, dir=target) as workshop,
        ProcessPoolExecutor(_PROCESSES, mp_context=context) as pool,
    ):
        for round_paths in rounds:
            _run(pool, (target, Path(workshop)), round_paths, seed, report)


def _run(
    pool: ProcessPoolExecutor,
    places: tuple[Path, Path],
    paths: Iterable[str],
    seed: int,
    report: Callable[[Path, str], None],
) -> None:
    target, workshop = places
    waiting = {pool.submit(_make, target, path, workshop / path, seed): path for path in paths}
    try:
        for future in as_completed(waiting):
            future.result()
            report(workshop / waiting[future], waiting[future])
    except BaseException:
        pool.shutdown(wait=True, cancel_futures=True)
        raise


def make_one(target: Path, path: str, seed: int) -> None:
    """Make one file of the library that is not there; the source of a copy must be.

    Raises:
        SamplesTaken: there is a file of that name.
        KeyError: the library has no such file.
    """
    if os.path.lexists(target / path):
        raise SamplesTaken(f"{target / path} is there already. Nothing was written.")
    target.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=_WORKSHOP, dir=target) as workshop:
        part = Path(workshop) / path
        _make(target, path, part, seed)
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        part.replace(target / path)


def _make(target: Path, path: str, part: Path, seed: int) -> None:
    """Make one file of the library in another place; the source of a copy is in `target`."""
    from filmgate_samples import plan, rendering  # noqa: PLC0415 - PyAV, Pillow and numpy

    part.parent.mkdir(parents=True, exist_ok=True)
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


class _Manifest:
    """The digests of the files made so far, and of those of earlier libraries in the folder.

    It is written before the files that it names are put in place, so that an interrupted call
    leaves no file that the next one takes for another's.
    """

    def __init__(self, target: Path, made_by: str) -> None:
        """Read it; without one that can be read the folder counts as another's."""
        self._target = target
        self._made_by = made_by
        self._digests: dict[str, str] = {}
        self._earlier: dict[str, str] = {}
        self._ours = False
        try:
            stored = json.loads((target / _MANIFEST).read_text(encoding="utf-8"))
            digests = dict(stored["sha256"])
            earlier = dict(stored.get("earlier", {}))
            self._ours = str(stored["made_by"]).startswith(_MAKER)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return
        if stored["made_by"] == made_by:
            self._digests, self._earlier = digests, earlier
        else:
            self._earlier = earlier | digests

    def check(self, paths: Iterable[str]) -> None:
        """Raise SamplesTaken unless each file may be made: it is not there, or was made here."""
        if self._target.is_dir() and not self._ours and any(self._target.iterdir()):
            raise SamplesTaken(
                f"{self._target} is not empty and was not made by this command. "
                "Nothing was written."
            )
        for path in paths:
            if os.path.lexists(self._target / path) and not self._unchanged(path):
                raise SamplesTaken(
                    f"{self._target / path} is not as this command made it. Nothing was written."
                )

    def begin(self) -> None:
        """Make the folder and mark it as ours. Only after `check`."""
        self._target.mkdir(parents=True, exist_ok=True)
        self._write()
        self._ours = True

    def holds(self, path: str) -> bool:
        """Whether the file is there as it was made for this library."""
        known, file = self._digests.get(path), self._target / path
        return known is not None and file.is_file() and known == _digest(file)

    def place(self, part: Path, path: str) -> None:
        """Move a finished file to its place. Raises SamplesTaken, as `check` does."""
        self.check([path])
        self._digests[path] = _digest(part)
        self._write()
        final = self._target / path
        final.parent.mkdir(parents=True, exist_ok=True)
        part.replace(final)
        if self._earlier.pop(path, None):
            self._write()

    def _unchanged(self, path: str) -> bool:
        file = self._target / path
        known = {self._digests.get(path), self._earlier.get(path)} - {None}
        return bool(known) and file.is_file() and _digest(file) in known

    def _write(self) -> None:
        known = {"made_by": self._made_by, "sha256": self._digests, "earlier": self._earlier}
        handle, part = mkstemp(prefix=_WORKSHOP, dir=self._target)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(known, indent=1) + "\n")
        Path(part).replace(self._target / _MANIFEST)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
