"""Reads and scores the labelled pairs for `tune`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from filmgate.cli.errors import CliError, Code
from filmgate.cli.options import ASSET_ID
from filmgate.cli.output import Output

if TYPE_CHECKING:
    from filmgate.dedupe.matching.model import Comparison
    from filmgate.dedupe.matching.settings import MatchSettings
    from filmgate.dedupe.tuning.labelled import LabelledPair, LabelledSet, Scored
    from filmgate.media.model import MediaKind


def read_labelled(path: Path) -> LabelledSet:
    """The labelled pairs in a file. Raises CliError."""
    from pydantic import ValidationError  # noqa: PLC0415

    from filmgate.dedupe.tuning.labelled import LabelledSet  # noqa: PLC0415

    try:
        return LabelledSet.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CliError(f"{path} cannot be read: {error.strerror}.", code=Code.USAGE) from error
    except ValidationError as error:
        raise _invalid(path, error) from error


def read_settings(path: Path | None) -> MatchSettings:
    """The settings in a file, by default those of this version. Raises CliError."""
    from pydantic import ValidationError  # noqa: PLC0415

    from filmgate.dedupe.matching.settings import MatchSettings  # noqa: PLC0415

    if path is None:
        return MatchSettings()
    try:
        return MatchSettings.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CliError(f"{path} cannot be read: {error.strerror}.", code=Code.USAGE) from error
    except ValidationError as error:
        raise _invalid(path, error) from error


def _invalid(path: Path, error: ValueError) -> CliError:
    first = getattr(error, "errors", list)()[0]
    place = ".".join(str(part) for part in first["loc"])
    where = f" at {place}" if place else ""
    return CliError(
        f"{path} does not have the expected format{where}: {first['msg']}.",
        "`filmgate tune --help` shows the format.",
        Code.USAGE,
    )


def scored_pairs(
    known: LabelledSet, folder: Path, settings: MatchSettings, output: Output
) -> list[Scored]:
    """All pairs with their scores, from the file, from a comparison here, or from the service."""
    from filmgate.dedupe.tuning.labelled import scored  # noqa: PLC0415

    files: list[LabelledPair] = []
    assets: list[LabelledPair] = []
    found = []
    for pair in known.pairs:
        if pair.comparison is not None:
            found.append(scored(pair, settings))
        elif all((folder / name).is_file() for name in (pair.a, pair.b)):
            files.append(pair)
        else:
            assets.append(pair)
    if files:
        found += [scored(pair, settings) for pair in _compared(files, folder, output)]
    return found + (_fetched(assets) if assets else [])


def _compared(
    pairs: Iterable[LabelledPair], folder: Path, output: Output
) -> Iterable[LabelledPair]:
    from filmgate.client.folder import label  # noqa: PLC0415
    from filmgate.client.local_comparer import LocalComparer  # noqa: PLC0415 - PyAV and numpy
    from filmgate.errors import MediaRefused  # noqa: PLC0415

    compare = LocalComparer()
    for pair in pairs:
        output.note(f"comparing {label(pair.a)} and {label(pair.b)}")
        try:
            made: Comparison = compare(folder / pair.a, folder / pair.b)
        except MediaRefused as refusal:
            raise CliError(
                f"{pair.a} and {pair.b} cannot be compared: {refusal.reason}",
                "Remove the pair from the file.",
            ) from refusal
        yield pair.model_copy(update={"comparison": made})


def _fetched(pairs: list[LabelledPair]) -> list[Scored]:
    """Asset ids: scores from the stored matches; a pair without one counts as not called."""
    from filmgate.cli.context import client  # noqa: PLC0415 - brings httpx
    from filmgate.dedupe.tuning.labelled import Scored  # noqa: PLC0415

    ids = sorted({name for pair in pairs for name in (pair.a, pair.b)})
    if odd := [name for name in ids if not ASSET_ID.fullmatch(name)]:
        raise _unknown(odd[0])
    with client() as api:
        assets = {asset.asset_id: asset for asset in api.assets_by_id(ids)}
        matches = {frozenset((m.a, m.b)): m.verdict for m in api.matches_of_assets(ids)}
    found = []
    for pair in pairs:
        kinds = []
        for name in (pair.a, pair.b):
            info = assets[name].info if name in assets else None
            if info is None:
                raise _unknown(name)
            kinds.append(info.kind)
        verdict = matches.get(frozenset((pair.a, pair.b)))
        found.append(
            Scored(
                kind=_richest(kinds),
                score=verdict.score if verdict else 0.0,
                partial=bool(verdict and verdict.transform.partial),
                same=pair.label == "same",
                group=pair.group,
                measured=verdict is not None and not verdict.by_embedding,
            )
        )
    return found


def _unknown(name: str) -> CliError:
    return CliError(
        f"{name} is neither a file in the folder of the labelled set nor a finished asset.",
        "Give files in the folder of the JSON, or ids that `filmgate assets` shows.",
    )


def _richest(kinds: list[MediaKind]) -> MediaKind:
    from filmgate.media.model import MediaKind  # noqa: PLC0415

    return min(kinds, key=(MediaKind.VIDEO, MediaKind.AUDIO, MediaKind.IMAGE).index)
