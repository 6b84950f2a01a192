"""Output files of commands: only new files and earlier outputs of the same kind are written."""

from __future__ import annotations

import os
import re
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from filmgate import __version__
from filmgate.client.folder import label
from filmgate.errors import FilmgateError

_HEAD_BYTES = 1024


class TargetTaken(FilmgateError):
    """The output path is a file that is not an earlier output of the same kind."""


class TargetInvalid(FilmgateError):
    """No file can be written at the output path."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of output, recognised by how its file begins.

    Attributes:
        name: with its article, such as "a report by Filmgate".
        generator: the mark that the writer puts at the beginning.
        head: what matches the first kilobyte of such a file, by any version.
    """

    name: str
    generator: str
    head: re.Pattern[bytes]


REPORT = Kind(
    "a report by Filmgate",
    f"filmgate {__version__} report",
    re.compile(
        rb'<!doctype html>\s*<html lang="en">\s*<head>\s*'
        rb'<meta name="generator" content="filmgate [^" ]+ report">'
    ),
)
"""The HTML page of a scan; its first element is the mark."""


def json_of(command: str) -> Kind:
    """The JSON that a command writes; its first key is `generator`, with the mark."""
    mark = rb'\s*\{\s*"generator"\s*:\s*"filmgate [^" ]+ ' + re.escape(command.encode()) + rb'"'
    return Kind(
        f"JSON by `filmgate {command}`", f"filmgate {__version__} {command}", re.compile(mark)
    )


@dataclass(frozen=True, slots=True)
class Target:
    """An output path that was checked and may be written.

    Attributes:
        path: as given.
        real: the file that is written, with symbolic links followed.
    """

    path: Path
    real: Path
    kind: Kind

    @classmethod
    def claim(cls, path: Path, kind: Kind) -> Target:
        """Check a path before the work for it begins.

        Raises:
            TargetTaken: a file is there that is not of this kind.
            TargetInvalid: no file can be written there.
        """
        target = cls(path, Path(os.path.realpath(path)), kind)
        target._check()
        return target

    def write(self, content: bytes) -> None:
        """Write all of it at once: a reader sees the earlier output or the new one.

        Raises OSError, and as `claim` does, for a file that was created in the meantime.
        """
        earlier = self._check()
        if earlier is not None and not stat.S_ISREG(earlier.st_mode):
            self.path.write_bytes(content)
            return
        # Hidden, so that a scan of this folder skips it.
        part = self.real.with_name(f".filmgate-{secrets.token_hex(8)}.part")
        try:
            with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666), "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            earlier = self._check()
            if earlier is not None:
                part.chmod(stat.S_IMODE(earlier.st_mode))
            part.replace(self.real)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _check(self) -> os.stat_result | None:
        """The status of the file to overwrite; None if there is none."""
        name = label(str(self.path))
        try:
            facts = self.path.stat()
        except FileNotFoundError:
            self._check_folder()
            return None
        except OSError as error:
            raise TargetInvalid(f"{name} cannot be written: {error.strerror}.") from error
        if stat.S_ISFIFO(facts.st_mode) or stat.S_ISCHR(facts.st_mode):
            return facts  # a pipe or a terminal, which has no content
        if stat.S_ISDIR(facts.st_mode):
            raise TargetInvalid(f"{name} is a directory.")
        if not stat.S_ISREG(facts.st_mode) or not self.kind.head.match(_head(self.path, name)):
            raise TargetTaken(f"{name} exists and is not {self.kind.name}. It was not changed.")
        self._check_folder()
        return facts

    def _check_folder(self) -> None:
        folder = self.real.parent
        if not folder.is_dir():
            raise TargetInvalid(f"{label(str(folder))} is not a directory.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise TargetInvalid(f"{label(str(folder))} cannot be written to.")


def _head(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError as error:
        raise TargetTaken(f"{name} exists and cannot be read: {error.strerror}.") from error
