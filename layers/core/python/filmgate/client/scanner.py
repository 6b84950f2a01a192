"""Scanning a folder: send what is new, wait for the pipeline, collect what it found.

Every step can be repeated: an asset's id comes from its name and content, so a scan that was
stopped resumes when it is started again. A file has one name, whichever folder it
is scanned from (`filmgate.client.record`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

from filmgate.api.models import (
    MAX_IDS,
    MAX_MATCH_ASSETS,
    AssetView,
    MatchView,
    PresignedPost,
    Upload,
    UploadFile,
    Uploads,
)
from filmgate.client.folder import (
    FileChanged,
    LocalFile,
    SkippedCounts,
    sha256_of,
    unchanged,
    walk,
)
from filmgate.client.record import Names
from filmgate.client.scan_result import OutsideMatch, ScanAsset, ScanMatch, ScanResult
from filmgate.client.upload_stream import UploadRejected
from filmgate.errors import FilmgateError
from filmgate.library.model import AssetStatus

UPLOAD_BATCH = 50
UPLOAD_THREADS = 4
PATIENCE_S = 900.0
"""How long no asset may change its state before a scan gives up waiting."""
_SHORTEST_PAUSE_S = 0.3
_LONGEST_PAUSE_S = 5.0

Item = TypeVar("Item")


class ScanStalled(FilmgateError):
    """The pipeline has made no progress for too long. The same scan again resumes there."""


class Stage(StrEnum):
    """The stages of a scan. READ and SEND count bytes, the others files."""

    READ = "Reading"
    SEND = "Uploading"
    WAIT = "Comparing"
    COLLECT = "Collecting"

    @property
    def in_bytes(self) -> bool:
        return self in {Stage.READ, Stage.SEND}


class Progress(Protocol):
    """Receives the progress of a scan, from any thread; amounts are negative after a failed try."""

    def start(self, stage: Stage, total: int) -> None: ...

    def advance(self, stage: Stage, amount: int) -> None: ...


class Api(Protocol):
    """The part of `filmgate.client.api.FilmgateClient`."""

    def create_uploads(self, files: Sequence[UploadFile]) -> Uploads: ...

    def send(
        self, target: PresignedPost, path: Path, progress: Callable[[int], None] | None = None
    ) -> None: ...

    def assets_by_id(self, ids: Sequence[str]) -> list[AssetView]: ...

    def matches_of_assets(self, ids: Sequence[str]) -> list[MatchView]: ...


@dataclass(slots=True)
class Sent:
    """The outcome of sending files to the service.

    Attributes:
        labels: asset id to the label of the file.
        new: ids of the assets that were uploaded now.
        not_sent: files that were not sent, with the reason; they have no asset id.
        also: label of a file to its further labels, where it was met under several.
    """

    labels: dict[str, str] = field(default_factory=dict)
    new: set[str] = field(default_factory=set)
    not_sent: list[ScanAsset] = field(default_factory=list)
    also: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scanned:
    """The result of a scan, how many files were uploaded (`new`) and skipped, and its duration."""

    result: ScanResult
    new: int
    skipped: SkippedCounts
    seconds: float


class Scanner:
    """Runs scans over one API. `clock` and `sleep` are seconds, replaced in tests."""

    def __init__(
        self,
        api: Api,
        progress: Progress,
        names: Names,
        *,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api = api
        self._progress = progress
        self._names = names
        self._patience_s = patience_s
        self._clock = clock
        self._sleep = sleep

    def scan(self, folder: Path, *, exclude: frozenset[Path] = frozenset()) -> Scanned:
        """Scan a folder; `exclude` are resolved paths of files in it that are not scanned.

        Raises FolderInvalid, ScanStalled, RecordUnusable, and what the API's client raises.
        """
        started = self._clock()
        listing = walk(folder, exclude=exclude)
        sent = self.send(listing.files, below=folder.resolve().parent)
        sent.not_sent += [_not_sent(u.label, u.reason) for u in listing.unreadable]
        views = self.wait(sent.labels)
        matches = self.collect(sent.labels)
        return Scanned(
            result=_result(sent, views, matches),
            new=len(sent.new),
            skipped=listing.skipped,
            seconds=self._clock() - started,
        )

    def send(self, files: Sequence[LocalFile], *, below: Path | None) -> Sent:
        """Hash the files and upload those that the service does not have yet.

        `below` is as in `filmgate.client.record.Names`.
        """
        sent = Sent()
        hashed = list(self._hashed(files, sent))
        self._progress.start(Stage.SEND, sum(file.size_bytes for file, _ in hashed))
        met: dict[tuple[str, str], LocalFile] = {}
        with ThreadPoolExecutor(UPLOAD_THREADS) as pool:
            try:
                for batch in batched(hashed, UPLOAD_BATCH):
                    self._send_batch(self._requests(batch, below, sent, met), sent, pool)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return sent

    def wait(self, ids: Iterable[str]) -> dict[str, AssetView]:
        """Poll until every asset is in a final state. Raises ScanStalled."""
        views: dict[str, AssetView] = {}
        pending = list(ids)
        self._progress.start(Stage.WAIT, len(pending))
        changed_at = self._clock()
        while pending:
            asked_at = self._clock()
            for batch in batched(pending, MAX_IDS):
                for view in self._api.assets_by_id(batch):
                    if view.asset_id not in views or views[view.asset_id] != view:
                        changed_at = self._clock()
                    views[view.asset_id] = view
            left = [i for i in pending if i not in views or not views[i].status.final]
            self._progress.advance(Stage.WAIT, len(pending) - len(left))
            pending = left
            if not pending:
                break
            if self._clock() - changed_at > self._patience_s:
                raise _stalled(pending, views, self._patience_s)
            # Wait as long as the request took: a large scan must not crowd out the pipeline.
            took = self._clock() - asked_at
            self._sleep(min(max(took, _SHORTEST_PAUSE_S), _LONGEST_PAUSE_S))
        return views

    def collect(self, ids: Iterable[str]) -> list[MatchView]:
        """All matches of these assets, best first."""
        known = list(ids)
        self._progress.start(Stage.COLLECT, len(known))
        found: dict[str, MatchView] = {}
        for batch in batched(known, MAX_MATCH_ASSETS):
            for match in self._api.matches_of_assets(batch):
                found[match.match_id] = match
            self._progress.advance(Stage.COLLECT, len(batch))
        return sorted(found.values(), key=lambda match: (-match.verdict.score, match.match_id))

    def _hashed(self, files: Sequence[LocalFile], sent: Sent) -> Iterator[tuple[LocalFile, str]]:
        self._progress.start(Stage.READ, sum(file.size_bytes for file in files))
        for file in files:
            try:
                yield file, sha256_of(file, lambda n: self._progress.advance(Stage.READ, n))
            except OSError as error:
                reason = f"cannot be read here: {error.strerror}"
                sent.not_sent.append(_not_sent(file.label, reason))
            except FileChanged as error:
                sent.not_sent.append(_not_sent(file.label, str(error)))

    def _requests(
        self,
        batch: Sequence[tuple[LocalFile, str]],
        below: Path | None,
        sent: Sent,
        met: dict[tuple[str, str], LocalFile],
    ) -> list[tuple[LocalFile, UploadFile]]:
        """The uploads to request: each file once, even if it has several paths."""
        asked = []
        for (file, sha256), name in zip(batch, self._names.names(batch, below), strict=True):
            first = met.setdefault((name, sha256), file)
            if first is file:
                asked.append(
                    (file, UploadFile(path=name, size_bytes=file.size_bytes, sha256=sha256))
                )
                continue
            self._progress.advance(Stage.SEND, file.size_bytes)
            if file.label != first.label:
                sent.also.setdefault(first.label, []).append(file.label)
        return asked

    def _send_batch(
        self,
        batch: Sequence[tuple[LocalFile, UploadFile]],
        sent: Sent,
        pool: ThreadPoolExecutor,
    ) -> None:
        answers = self._api.create_uploads([asked for _, asked in batch]).uploads if batch else []
        waiting = {}
        for (file, _), answer in zip(batch, answers, strict=True):
            if answer.upload is None:
                sent.labels[answer.asset_id] = file.label
                self._progress.advance(Stage.SEND, file.size_bytes)
            else:
                waiting[pool.submit(self._send_one, file, answer)] = (file, answer)
        for done in as_completed(waiting):
            file, answer = waiting[done]
            problem = done.result()
            if problem:
                sent.not_sent.append(_not_sent(file.label, problem))
            else:
                sent.labels[answer.asset_id] = file.label
                sent.new.add(answer.asset_id)

    def _send_one(self, file: LocalFile, answer: Upload) -> str | None:
        """Why the file was not sent, or None. Errors that affect all files are raised."""
        try:
            if not unchanged(file):
                return "changed while it was being read"
            if answer.upload is not None:
                self._api.send(
                    answer.upload, file.path, lambda n: self._progress.advance(Stage.SEND, n)
                )
        except OSError as error:
            return f"cannot be read here: {error.strerror}"
        except UploadRejected as error:
            return _rejection_reason(file, error)
        return None


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of at most `size`."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _not_sent(name: str, reason: str) -> ScanAsset:
    return ScanAsset(path=name, asset_id="", kind=None, status=AssetStatus.FAILED, reason=reason)


def _rejection_reason(file: LocalFile, error: UploadRejected) -> str:
    try:
        if not unchanged(file):
            return "changed while it was being uploaded"
    except OSError:
        return "vanished while it was being uploaded"
    return f"the upload was rejected: {error}"


def _stalled(pending: Sequence[str], views: dict[str, AssetView], patience_s: float) -> ScanStalled:
    counts: dict[str, int] = {}
    for asset_id in pending:
        status = views[asset_id].status.value if asset_id in views else "unknown"
        counts[status] = counts.get(status, 0) + 1
    what = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    return ScanStalled(
        f"{len(pending)} files are not finished ({what}), "
        f"and none has changed for {patience_s:.0f} s"
    )


def _result(sent: Sent, views: dict[str, AssetView], found: Sequence[MatchView]) -> ScanResult:
    # Imported here because only the end of a scan needs it.
    from filmgate.dedupe.matching.groups import groups  # noqa: PLC0415

    labels = sent.labels
    assets = [_asset(labels[asset_id], view) for asset_id, view in views.items()]
    matches = [match for match in found if {match.a, match.b} <= labels.keys()]
    copies = groups((match.a, match.b, match.verdict) for match in matches)
    named = [tuple(sorted(labels[asset_id] for asset_id in group)) for group in copies]
    return ScanResult(
        assets=tuple(
            asset.model_copy(update={"also": tuple(sent.also.get(asset.path, ()))})
            for asset in sorted(assets + sent.not_sent, key=lambda asset: asset.path)
        ),
        matches=tuple(
            ScanMatch.of(match).model_copy(update={"a": labels[match.a], "b": labels[match.b]})
            for match in matches
        ),
        groups=tuple(sorted(named, key=lambda group: (-len(group), group))),
        outside=tuple(
            OutsideMatch.of(match, labels)
            for match in found
            if not {match.a, match.b} <= labels.keys()
        ),
    )


def _asset(name: str, view: AssetView) -> ScanAsset:
    if view.status is AssetStatus.DELETED:
        restore = f"It was deleted from the service; `filmgate restore {view.asset_id}` undoes it."
        view = view.model_copy(update={"reason": restore})
    return ScanAsset(
        path=name,
        asset_id=view.asset_id,
        kind=view.info.kind if view.info else None,
        status=view.status,
        reason=view.reason,
        notes=view.notes,
        duration_s=view.info.duration_s if view.info else None,
        passed_over=view.summary_count("dedupe", "uncompared"),
    )
