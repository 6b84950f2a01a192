"""Zip files whose bytes depend on nothing but the names and contents of what goes in."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)
MODE = 0o100644 << 16
UNIX = 3


def tree(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file under ``folder`` as (POSIX path relative to it, file), without bytecode."""
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            yield path.relative_to(folder).as_posix(), path


def write(target: Path, files: Iterable[tuple[str, Path]]) -> None:
    """Write ``files`` (name in the zip, source) to ``target``, sorted by name.

    Timestamps and modes are fixed. Replaces the target in one step, so a reader never sees half.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".part")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, source in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = UNIX
            entry.external_attr = MODE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, source.read_bytes())
    partial.replace(target)


def unzipped_bytes(archive: Path) -> int:
    """What the archive takes once unzipped, in bytes."""
    with zipfile.ZipFile(archive) as opened:
        return sum(entry.file_size for entry in opened.infolist())
