"""Maps files on this machine to assets: one file on one disk is one asset, under every path.

The service knows a file by a name and its content. The name is the end of the file's real path
that the first scan gave it, and a small local database remembers it with the place of the file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from types import TracebackType
from typing import Protocol

from filmgate.client.folder import LocalFile, label
from filmgate.errors import FilmgateError

_WAIT_S = 60.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS asset (
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    place BLOB NOT NULL,
    device TEXT NOT NULL,
    inode TEXT NOT NULL,
    PRIMARY KEY (name, sha256)
);
CREATE INDEX IF NOT EXISTS asset_sha256 ON asset (sha256, inode);
CREATE INDEX IF NOT EXISTS asset_place ON asset (place);
"""
_ROWS = "SELECT rowid, name, place, device, inode FROM asset WHERE sha256 = ?"


class RecordUnusable(FilmgateError):
    """The local record of files cannot be read or written."""


class Names(Protocol):
    """Gives files the names by which the service knows them."""

    def names(self, files: Sequence[tuple[LocalFile, str]], below: Path | None) -> list[str]:
        """One name for each file with its SHA-256; the same name for the same file.

        `below` is the folder that names are relative to at first, with symbolic links followed;
        None takes each file's own folder.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Row:
    """An asset, and the last known location of its file."""

    row_id: int
    name: str
    place: bytes
    device: str
    inode: str


class FileRecord:
    """The record in an SQLite database. Several processes may use it at once.

    Every method raises RecordUnusable where the database does not work.
    """

    def __init__(self, database: Path) -> None:
        """Open the database; it is created if missing."""
        self._database = database
        with self._explained():
            database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(database, timeout=_WAIT_S, isolation_level=None)
            self._db.executescript(_SCHEMA)

    def __enter__(self) -> FileRecord:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    def names(self, files: Sequence[tuple[LocalFile, str]], below: Path | None) -> list[str]:
        """As described in `Names`."""
        with self._explained(), self._db:
            # Two scans must not give one name to two files, nor two names to one.
            self._db.execute("BEGIN IMMEDIATE")
            return [self._name(file, sha256, below) for file, sha256 in files]

    def known_at(self, path: Path) -> list[tuple[str, str]]:
        """Name and SHA-256 of what was last seen at this path or below, the file there or not."""
        place = os.fsencode(os.path.realpath(path))
        below = place.rstrip(b"/") + b"/"
        with self._explained():
            rows = self._db.execute(
                "SELECT name, sha256 FROM asset "
                "WHERE place = ? OR (place >= ? AND place < ?) ORDER BY rowid",
                (place, below, below[:-1] + b"0"),
            )
            return [(name, sha256) for name, sha256 in rows]

    def _name(self, file: LocalFile, sha256: str, below: Path | None) -> str:
        real = Path(os.path.realpath(file.path))
        wanted = self._candidate_names(real, below)
        row = self._row(file, real, sha256) or self._of_moved_folder(wanted[:2], sha256)
        if row is None:
            return self._add(file, real, sha256, wanted)
        if os.fsencode(real) == row.place or not _is_there(row.place, file):
            self._db.execute(
                "UPDATE asset SET place = ?, device = ?, inode = ? WHERE rowid = ?",
                (*_facts(file, real), row.row_id),
            )
        return row.name

    def _row(self, file: LocalFile, real: Path, sha256: str) -> _Row | None:
        """The known asset of this file, if there is one."""
        place, device, inode = _facts(file, real)
        rows = self._rows("AND (place = ? OR inode = ?) ORDER BY rowid", (sha256, place, inode))
        # Names of one file, such as hard links: all of them are the asset that came first.
        same = [row for row in rows if row.place == place or _is_there(row.place, file)]
        # Moved: what was there has this inode and this content, and is there no longer.
        moved = [row for row in rows if file.inode and (row.device, row.inode) == (device, inode)]
        return next(iter([*same, *moved]), None)

    def _of_moved_folder(self, names: Sequence[str], sha256: str) -> _Row | None:
        """The asset of the same name and content whose file is gone: its folder was moved."""
        for name in names:
            for row in self._rows("AND name = ?", (sha256, name)):
                if _is_gone(row.place):
                    return row
        return None

    def _candidate_names(self, real: Path, below: Path | None) -> list[str]:
        """Names for a file, best first: as its place was called before, then ends of its path."""
        parts = real.parts[1:]
        short = 1
        if below is not None and real.is_relative_to(below):
            short = len(real.relative_to(below).parts)
        earlier = self._db.execute(
            "SELECT name FROM asset WHERE place = ? ORDER BY rowid DESC LIMIT 1",
            (os.fsencode(real),),
        ).fetchone()
        ends = [label("/".join(parts[-n:])) for n in range(short, len(parts) + 1)]
        return [*(earlier or ()), *ends]

    def _add(self, file: LocalFile, real: Path, sha256: str, wanted: Sequence[str]) -> str:
        """Record a new asset under the best name that no other file of this content has."""
        last = wanted[-1]
        for name in chain(wanted, (f"{last} ({number})" for number in count(2))):
            if not self._rows("AND name = ?", (sha256, name)):
                self._db.execute(
                    "INSERT INTO asset (name, sha256, place, device, inode) VALUES (?, ?, ?, ?, ?)",
                    (name, sha256, *_facts(file, real)),
                )
                return name
        raise AssertionError("unreachable: the numbers do not end")

    def _rows(self, condition: str, values: tuple[str | bytes, ...]) -> list[_Row]:
        # `condition` is always one of the literals above.
        return [_Row(*row) for row in self._db.execute(f"{_ROWS} {condition}", values)]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise RecordUnusable(f"The record of files, {self._database}: {error}.") from error
        except OSError as error:
            raise RecordUnusable(
                f"The record of files, {self._database}: {error.strerror}."
            ) from error


def default_database() -> Path:
    """The path of this user's record: $XDG_STATE_HOME/filmgate, or ~/.local/state/filmgate."""
    named = os.environ.get("XDG_STATE_HOME", "")
    state = Path(named) if named.startswith("/") else Path.home() / ".local" / "state"
    return state / "filmgate" / "files.sqlite"


def _facts(file: LocalFile, real: Path) -> tuple[bytes, str, str]:
    # As text: some systems have numbers of more than the 63 bits that SQLite holds.
    return os.fsencode(real), str(file.device), str(file.inode)


def _is_there(place: bytes, file: LocalFile) -> bool:
    """Whether this path is another name of the same file."""
    try:
        facts = Path(os.fsdecode(place)).stat()
    except OSError:
        return False
    # Size and time as well: there are file systems whose numbers are not stable, or are all 0.
    there = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)
    here = (file.device, file.inode, file.size_bytes, file.modified_ns)
    return file.inode != 0 and there == here


def _is_gone(place: bytes) -> bool:
    try:
        Path(os.fsdecode(place)).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False  # it cannot be seen, so it may be there
    return False
