"""`demo`: every step, on the sample library."""

from __future__ import annotations

from filmgate.cli.context import STATE_FOLDER, client, connection, project_root
from filmgate.cli.files import (
    check_samples,
    compare,
    fail_if_failed,
    make_samples,
    run_scan,
    show_findings,
    write_report,
)
from filmgate.cli.options import Json
from filmgate.cli.output import Output
from filmgate.cli.stack import start
from filmgate.client.targets import REPORT, Target


def demo(json: Json = None) -> None:
    """Show everything: start the service, make samples, scan them, compare with the truth.

    Everything goes to .filmgate/demo in the checkout. The service stays up. A second run repeats
    no work and takes seconds.

    [bold]Examples[/bold]

    \b
    filmgate demo
    filmgate demo --json | jq .comparison.recall
    """
    output = Output(json, "demo")
    folder = project_root() / STATE_FOLDER / "demo"
    samples = folder / "samples"
    check_samples(samples)
    samples.mkdir(parents=True, exist_ok=True)
    report = Target.claim(folder / "report.html", REPORT)
    start(output)
    truth = make_samples(output, samples)
    to = connection()
    with client(to) as api:
        found = run_scan(api, output, samples)
        comparison = compare(found.result, truth)
        output.note("Writing the report")
        write_report(api, report, found.result, comparison)
    show_findings(output, found, comparison)
    output.result(
        {
            "scan": found.result,
            "comparison": comparison,
            "uploaded": found.new,
            "report": str(report.real),
            "api_url": to.api_url,
        }
    )
    output.show(f"\nReport: {report.real}")
    output.show(f"API:    {to.api_url}")
    output.show("The service stays up; `filmgate down` (make stop) stops it.")
    fail_if_failed(found.result.assets)
