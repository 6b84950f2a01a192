"""Lists the files of a folder to scan, and gives them safe names."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filmgate.api.models import MAX_PATH_CHARACTERS
from filmgate.errors import FilmgateError

RESERVED_FILES = frozenset({"truth.json"})
_CHUNK = 1 << 20
_DIGEST_IN_NAME = 16
_LONE_SURROGATE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""All surrogates except those that Python uses for bytes of a name that are not UTF-8."""


class FolderInvalid(FilmgateError):
    """The folder to scan does not exist or is not a directory."""


class FileChanged(FilmgateError):
    """A file was written to while it was read."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A regular file on this machine.

    Attributes:
        label: its name in all output, relative to the folder, with `/` between the parts.
        size_bytes, modified_ns: as found, to notice a later change.
        device, inode: identify the file on this machine, whatever its names.
    """

    path: Path
    label: str
    size_bytes: int
    modified_ns: int
    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file or folder that could not be read, and why."""

    label: str
    reason: str


@dataclass(slots=True)
class SkippedCounts:
    """How many entries of a folder were skipped; a folder counts as one, with everything below it.

    Attributes:
        hidden: names that start with a dot.
        links: symbolic links, which are never followed.
        special: pipes, sockets and devices.
    """

    hidden: int = 0
    links: int = 0
    special: int = 0

    def __str__(self) -> str:
        """Such as "2 hidden, 1 symbolic link"; empty if nothing was skipped."""
        links = f"{self.links} symbolic link{'' if self.links == 1 else 's'}"
        counts = (
            (self.hidden, f"{self.hidden} hidden"),
            (self.links, links),
            (self.special, f"{self.special} special"),
        )
        return ", ".join(words for count, words in counts if count)


@dataclass(frozen=True, slots=True)
class Listing:
    """The contents of a folder."""

    files: tuple[LocalFile, ...]
    unreadable: tuple[Unreadable, ...]
    skipped: SkippedCounts


def label(name: str) -> str:
    """A name as text that is safe to send, store and show.

    Bytes that are not UTF-8 and control characters become ``\\xNN`` (or ``\\uNNNN``); a name too
    long for the service keeps its end and gets a digest of the whole in front.
    """
    whole = _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match.group()):04x}", name)
    # Whatever the locale, so that a name is the same on every machine.
    text = whole.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    clean = "".join(_escaped(character) for character in text)
    if len(clean) <= MAX_PATH_CHARACTERS:
        return clean
    digest = hashlib.sha256(clean.encode()).hexdigest()[:_DIGEST_IN_NAME]
    return f"{digest}-{clean[-(MAX_PATH_CHARACTERS - _DIGEST_IN_NAME - 1) :]}"


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x20 or 0x7F <= code < 0xA0:
        return f"\\x{code:02x}"
    # Line and direction controls can make one name look like another.
    if 0x200E <= code <= 0x200F or 0x2028 <= code <= 0x202E or 0x2066 <= code <= 0x2069:
        return f"\\u{code:04x}"
    return character


def local_file(path: Path, name: str) -> LocalFile:
    """One file under a given name. Raises OSError, or FolderInvalid if it is not a regular file."""
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise FolderInvalid(f"{label(str(path))} is not a regular file")
    return LocalFile(
        path=path,
        label=label(name),
        size_bytes=facts.st_size,
        modified_ns=facts.st_mtime_ns,
        device=facts.st_dev,
        inode=facts.st_ino,
    )


def walk(root: Path, *, exclude: frozenset[Path] = frozenset()) -> Listing:
    """All regular files below a folder, in order of their labels.

    Hidden files and folders, symbolic links and special files are skipped and counted;
    `truth.json` and `exclude` (resolved paths) are skipped uncounted. Raises FolderInvalid.
    """
    if not root.is_dir():
        what = "is not a directory" if root.exists() else "does not exist"
        raise FolderInvalid(f"{label(str(root))} {what}")
    found = _Walk(exclude)
    found.folder(root, "")
    return Listing(
        tuple(sorted(found.files, key=lambda file: file.label)),
        tuple(found.unreadable),
        found.skipped,
    )


class _Walk:
    def __init__(self, exclude: frozenset[Path]) -> None:
        self.files: list[LocalFile] = []
        self.unreadable: list[Unreadable] = []
        self.skipped = SkippedCounts()
        self._leave_out = exclude

    def folder(self, root: Path, prefix: str) -> None:
        pending = [(root, prefix)]
        while pending:
            folder, above = pending.pop()
            try:
                entries = list(os.scandir(folder))
            except OSError as error:
                self._cannot(above or str(root), error)
                continue
            pending += list(self._entries(entries, above))

    def _entries(self, entries: list[os.DirEntry[str]], above: str) -> Iterator[tuple[Path, str]]:
        for entry in entries:
            name = f"{above}{entry.name}"
            if entry.name.startswith("."):
                self.skipped.hidden += 1
            elif entry.is_symlink():
                self.skipped.links += 1
            elif entry.is_dir(follow_symlinks=False):
                yield Path(entry.path), f"{name}/"
            elif entry.is_file(follow_symlinks=False):
                self._file(Path(entry.path), name)
            else:
                self.skipped.special += 1

    def _file(self, path: Path, name: str) -> None:
        if path.name in RESERVED_FILES or path.resolve() in self._leave_out:
            return
        try:
            self.files.append(local_file(path, name))
        except OSError as error:
            self._cannot(name, error)

    def _cannot(self, name: str, error: OSError) -> None:
        self.unreadable.append(Unreadable(label(name), f"cannot be read here: {error.strerror}"))


def sha256_of(file: LocalFile, on_bytes: Callable[[int], None]) -> str:
    """Hex digest of the content. Raises OSError, or FileChanged when it grew or shrank."""
    digest = hashlib.sha256()
    total = 0
    with file.path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            total += len(chunk)
            on_bytes(len(chunk))
            if total > file.size_bytes:
                break
    if total != file.size_bytes:
        raise FileChanged("changed while it was being read")
    return digest.hexdigest()


def unchanged(file: LocalFile) -> bool:
    """Whether the file is as it was when listed. Raises OSError."""
    facts = file.path.stat()
    return (facts.st_size, facts.st_mtime_ns) == (file.size_bytes, file.modified_ns)
