"""Tile sheets of many assets, fetched in parallel and kept on disk while they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from filmgate.api.models import DownloadName
from filmgate.client.api import ApiError
from filmgate.client.scan_result import ScanResult
from filmgate.media.storyboard import StoryboardIndex

_THREADS = 4


class Files(Protocol):
    """The part of `filmgate.client.api.FilmgateClient` that is used here."""

    def file(self, asset_id: str, name: DownloadName) -> bytes: ...


class Sheets:
    """Sheets in a folder, by asset id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, asset_id: str) -> tuple[bytes, StoryboardIndex] | None:
        """The JPEG and its index; None for an asset without pictures."""
        jpeg = self._folder / f"{asset_id}.jpg"
        if not jpeg.is_file():
            return None
        index = (self._folder / f"{asset_id}.json").read_bytes()
        return jpeg.read_bytes(), StoryboardIndex.model_validate_json(index)

    def fetch(self, api: Files, asset_id: str) -> None:
        """Fetch one sheet, if there is one. Raises what the client raises."""
        try:
            index = api.file(asset_id, DownloadName.TILES_INDEX)
            jpeg = api.file(asset_id, DownloadName.TILES)
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return
            raise
        (self._folder / f"{asset_id}.json").write_bytes(index)
        (self._folder / f"{asset_id}.jpg").write_bytes(jpeg)


@contextmanager
def sheets(api: Files, ids: Iterable[str]) -> Iterator[Sheets]:
    """The sheets of these assets, until the block ends."""
    with TemporaryDirectory(prefix="filmgate-") as folder:
        found = Sheets(Path(folder))
        with ThreadPoolExecutor(_THREADS) as pool:
            try:
                list(pool.map(lambda asset_id: found.fetch(api, asset_id), ids))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        yield found


def pictured(result: ScanResult, pairs: int) -> list[str]:
    """The ids of the assets that a report on the best `pairs` matches and all groups shows."""
    ids = {asset.path: asset.asset_id for asset in result.assets}
    wanted = {ids[path] for group in result.groups for path in group}
    for match in result.matches[:pairs]:
        wanted |= {match.asset_a, match.asset_b}
    return sorted(wanted)
