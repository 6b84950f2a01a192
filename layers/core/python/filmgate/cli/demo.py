"""`demo`: the whole way, on a library made for it."""

from __future__ import annotations

from filmgate.cli.files import (
    compare,
    fail_if_failed,
    make_samples,
    run_scan,
    show_findings,
    write_report,
)
from filmgate.cli.options import Json
from filmgate.cli.output import Output
from filmgate.cli.site import STATE_FOLDER, client, connection, project_root
from filmgate.cli.stack import start


def demo(json: Json = False) -> None:
    """Show all of it: start the service, make samples, scan them, compare with the truth.

    Everything goes to .filmgate/demo in the checkout. The service stays up. A second run does no
    work twice and takes seconds.

    [bold]Examples[/bold]

    \b
    filmgate demo
    filmgate demo --json | jq .comparison.recall
    """
    output = Output(machine=json)
    folder = project_root() / STATE_FOLDER / "demo"
    samples, report = folder / "samples", folder / "report.html"
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
            "report": str(report),
            "api_url": to.api_url,
        }
    )
    output.show(f"\nReport: {report}")
    output.show(f"API:    {to.api_url}")
    output.show("The service stays up; `filmgate down` (make stop) stops it.")
    fail_if_failed(found.result.assets)
