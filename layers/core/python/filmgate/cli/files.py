"""`scan`, `upload`, `samples`: commands that work on files of this machine."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from filmgate.cli.errors import CliError, Code
from filmgate.cli.options import Json
from filmgate.cli.output import Output
from filmgate.client.targets import REPORT, Target
from filmgate.report.words import counted

if TYPE_CHECKING:
    from filmgate.api.models import AssetView
    from filmgate.client.api import FilmgateClient
    from filmgate.client.folder import LocalFile
    from filmgate.client.scan_result import ScanAsset, ScanResult
    from filmgate.client.scanner import Scanned
    from filmgate.dedupe.tuning.truth import Truth, TruthComparison

ReportFile = Annotated[
    Path | None,
    typer.Option(
        "--report", metavar="OUT.html", help="Write a report with pictures, one HTML file."
    ),
]


def scan(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder to scan, with everything below it.")
    ],
    json: Json = None,
    report: ReportFile = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth", metavar="FILE", help="Compare with a known truth, such as `samples` writes."
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", metavar="SECONDS", min=1, help="Give up after this long without progress."
        ),
    ] = 900.0,
) -> None:
    """Find the copies in a folder.

    Every regular file is sent, whatever its name: the service recognises media by their content
    and says why it refuses the rest. Hidden files, symbolic links and truth.json are skipped. Only
    files that the service does not have are uploaded, so a second scan takes seconds and a stopped
    scan resumes where it was.

    Groups and pairs contain only files in this folder. Matches with files that were scanned before
    from elsewhere are counted, and listed under "outside" in the JSON.

    Classes: [green]exact[/green] the same content, [yellow]near[/yellow] the same with visible
    changes, [blue]similar[/blue] one contains a part of the other, or they look alike.

    [bold]Examples[/bold]

    \b
    filmgate scan videos
    filmgate scan videos --report copies.html
    filmgate scan videos --json out.json
    filmgate scan videos --json - | jq '.groups'
    """
    output = Output(json, "scan")
    known = _truth(truth)
    page = _report_target(report, output)
    outputs = frozenset(target.real for target in (output.json_file, page) if target)
    from filmgate.cli.context import client  # noqa: PLC0415 - brings httpx

    with client() as api:
        found = run_scan(api, output, folder, exclude=outputs, patience_s=timeout)
        comparison = compare(found.result, known)
        output.result(found.result)
        show_findings(output, found, comparison)
        if page:
            write_report(api, page, found.result, comparison)
            output.show(f"Report: {page.real}")
    fail_if_failed(found.result.assets)


def _report_target(report: Path | None, output: Output) -> Target | None:
    """The file for the report. Raises CliError, TargetTaken and TargetInvalid."""
    if report is None:
        return None
    page = Target.claim(report, REPORT)
    if output.json_file is not None and output.json_file.real == page.real:
        raise CliError(f"--json and --report both name {report}.", "Give two files.", Code.USAGE)
    return page


def show_findings(output: Output, found: Scanned, comparison: TruthComparison | None) -> None:
    """Print the results, and their comparison with the known truth."""
    from filmgate.cli.summary import show_scan, show_truth  # noqa: PLC0415

    show_scan(output, found)
    if comparison:
        show_truth(output, comparison, found.result)


def run_scan(
    api: FilmgateClient,
    output: Output,
    folder: Path,
    *,
    exclude: frozenset[Path] = frozenset(),
    patience_s: float = 900.0,
) -> Scanned:
    """Scan with progress on stderr."""
    from filmgate.client.record import FileRecord, default_database  # noqa: PLC0415
    from filmgate.client.scanner import Scanner  # noqa: PLC0415

    with output.scanning() as bars, FileRecord(default_database()) as record:
        scanner = Scanner(api, bars, record, patience_s=patience_s)
        return scanner.scan(folder, exclude=exclude)


def compare(result: ScanResult, truth: Truth | None) -> TruthComparison | None:
    """The results compared with the known truth; None without one."""
    if truth is None:
        return None
    from filmgate.dedupe.tuning.truth import compare as compare_with_truth  # noqa: PLC0415
    from filmgate.dedupe.tuning.truth import is_call  # noqa: PLC0415

    pairs = (
        (match.a, match.b, is_call(match.match_class, match.transform.partial))
        for match in result.matches
    )
    return compare_with_truth(truth, pairs, result.groups)


def write_report(
    api: FilmgateClient, target: Target, result: ScanResult, truth: TruthComparison | None
) -> None:
    """Write the HTML report, with the tile sheets of the assets that it shows."""
    from filmgate.client.sheets import pictured, sheets  # noqa: PLC0415 - brings numpy
    from filmgate.report.html import MAX_PAIRS, write  # noqa: PLC0415

    with sheets(api, pictured(result, MAX_PAIRS)) as tiles:
        write(target, result, tiles, truth)


def _truth(path: Path | None) -> Truth | None:
    if path is None:
        return None
    from filmgate.dedupe.tuning.truth import Truth  # noqa: PLC0415

    try:
        return Truth.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CliError(
            f"{path} is not a truth file.", "`filmgate samples DIR` writes one.", Code.USAGE
        ) from error


def fail_if_failed(*assets: Iterable[ScanAsset | AssetView]) -> None:
    """Raise CliError, with the next step, if any file failed or was not sent."""
    failed = [asset for asset in chain(*assets) if asset.status.value == "failed"]
    # A file that was not sent has no id, and there is nothing to run again.
    not_sent = sum(not asset.asset_id for asset in failed)
    held = len(failed) - not_sent
    counts, hints = [], []
    if not_sent:
        counts.append(f"{counted(not_sent, 'file')} not sent")
        hints.append("Run the same command again to send them; the reasons are above.")
    if held:
        counts.append(f"{counted(held, 'file')} failed")
        hints.append(
            "`filmgate redrive --reruns` runs failed files again, `filmgate logs` says why."
        )
    if failed:
        raise CliError(f"{', '.join(counts)}.", " ".join(hints))


def upload(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files to upload.")],
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until they are compared.")
    ] = True,
    json: Json = None,
) -> None:
    """Upload single files, and wait until each is compared with the library.

    A file that was scanned before stays the same asset, under the same name. A new file is named
    without its folder; `scan` keeps the folders in the names.

    [bold]Examples[/bold]

    \b
    filmgate upload holiday.mp4
    filmgate upload *.jpg --no-wait
    filmgate upload holiday.mp4 --json | jq -r '.assets[].asset_id'
    """
    output = Output(json, "upload")
    from filmgate.cli.context import client  # noqa: PLC0415 - brings httpx
    from filmgate.cli.summary import show_uploads  # noqa: PLC0415
    from filmgate.client.record import FileRecord, default_database  # noqa: PLC0415
    from filmgate.client.scanner import Scanner  # noqa: PLC0415

    local = [_local_file(path) for path in files]
    database = default_database()
    with client() as api, output.scanning() as bars, FileRecord(database) as record:
        scanner = Scanner(api, bars, record)
        sent = scanner.send(local, below=None)
        views = scanner.wait(sent.labels) if wait else {}
        matches = scanner.collect(sent.labels) if wait else []
        assets = [views[i] for i in sent.labels] if wait else api.assets_by_id(list(sent.labels))
    output.result({"assets": assets, "not_sent": sent.not_sent, "matches": matches})
    show_uploads(output, assets, sent, matches)
    fail_if_failed(sent.not_sent, assets)


def _local_file(path: Path) -> LocalFile:
    from filmgate.client.folder import FolderInvalid, label, local_file  # noqa: PLC0415

    try:
        return local_file(path, path.name)
    except OSError as error:
        raise CliError(
            f"{label(str(path))}: {error.strerror}",
            "Check the path; `filmgate upload FILE...` takes files that you can read.",
            Code.USAGE,
        ) from error
    except FolderInvalid as error:
        raise CliError(
            str(error),
            "`filmgate upload` takes files, `filmgate scan DIR` a directory.",
            Code.USAGE,
        ) from error


def samples(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write them; created if missing.")
    ],
    json: Json = None,
) -> None:
    """Make a library of videos, images and sounds with known copies, and truth.json beside them.

    Seventy files, the same on every machine: re-encoded, resized, cropped, letterboxed,
    mirrored, trimmed, inserted, with another soundtrack and so on. The folder must be new or empty,
    or one that this command made; there it adds the missing files and leaves the rest alone.

    [bold]Examples[/bold]

    \b
    filmgate samples samples
    filmgate scan samples --truth samples/truth.json
    """
    output = Output(json, "samples")
    if folder.exists() and not folder.is_dir():
        raise CliError(
            f"{folder} is not a directory.",
            "Give an existing directory or one to create.",
            Code.USAGE,
        )
    made = make_samples(output, folder)
    output.result(made)
    output.show(f"The sample library is in {folder}: {len(made.files)} files.")
    output.show(f"Next: `filmgate scan {folder} --truth {folder / 'truth.json'}`")


def check_samples(folder: Path) -> None:
    """Raise SamplesTaken if the library may not be made there, as `make_samples` does."""
    from filmgate_samples.library import check  # noqa: PLC0415

    check(folder)


def make_samples(output: Output, folder: Path) -> Truth:
    """Make the library with progress on stderr; existing files are kept."""
    from filmgate_samples.library import make  # noqa: PLC0415

    with output.counting("Making") as progress:
        return make(folder, progress=progress)
