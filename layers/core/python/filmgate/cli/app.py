"""The `filmgate` command: its commands by group, and the handling of all errors."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from filmgate.cli import (
    audit,
    deletion,
    demo,
    files,
    holds,
    keys,
    library,
    logs,
    policy,
    redrive,
    rerun,
    stack,
    tune,
)
from filmgate.cli.errors import EXIT_CODES, Code, explain
from filmgate.cli.options import Command, Json, help_of


class Guarded(TyperGroup):
    """Turns any exception of a command into a message with the next step and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            message = "Stopped. Nothing is lost: run the same command again to resume."
            _say(message, "", style="yellow")
            raise typer.Exit(Code.INTERRUPTED) from None
        except BrokenPipeError:
            # The reader (head, less) closed the pipe; this suppresses an error at interpreter exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(Code.OK) from None
        except Exception as error:
            if _is_usage(error):
                raise
            problem = explain(error)
            if os.environ.get("FILMGATE_DEBUG") == "1":
                traceback.print_exc()
            _say(problem.message, problem.hint)
            raise typer.Exit(problem.code) from None


def _is_usage(error: Exception) -> bool:
    """Whether the argument parser raised it, which shows its own errors."""
    return isinstance(error, typer.Exit | typer.Abort) or hasattr(error, "exit_code")


def _say(message: str, hint: str, *, style: str = "bold red") -> None:
    from filmgate.cli.output import safe  # noqa: PLC0415

    console = Console(stderr=True, highlight=False)
    for line in message.splitlines():
        console.print(safe(line, style), soft_wrap=True)
    if hint:
        console.print(Text("Next: ", style="bold"), safe(hint), sep="", soft_wrap=True)


app = typer.Typer(
    name="filmgate",
    cls=Guarded,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)


def root() -> None:
    """Which files are copies of which, how sure Filmgate is, and why.

    [bold]A first look[/bold]

    \b
    filmgate up                 start the service on this machine
    filmgate scan videos        find the copies in a folder
    filmgate matches            list the pairs that were found
    filmgate show ID            why two files are called copies
    filmgate down               stop the service and keep its data

    The commands use the local stack, or the service at FILMGATE_API_URL (with FILMGATE_API_KEY).
    """


def version(json: Json = None) -> None:
    """Print the version.

    [bold]Examples[/bold]

    \b
    filmgate version
    filmgate version --json
    """
    from filmgate import __version__  # noqa: PLC0415
    from filmgate.cli.output import Output  # noqa: PLC0415

    output = Output(json, "version")
    output.result({"version": __version__})
    output.show(f"filmgate {__version__}")


_GROUPS = {
    "Service": (stack.up, stack.down, stack.status),
    "Files": (files.scan, files.upload, files.samples, demo.demo),
    "Results": (library.assets, library.matches, library.show),
    "Governance": (deletion.forget, deletion.restore),
    "Operation": (logs.logs, redrive.redrive, rerun.rerun, tune.tune),
}
for _panel, _commands in _GROUPS.items():
    for _command in _commands:
        app.command(cls=Command, rich_help_panel=_panel, epilog=EXIT_CODES, help=help_of(_command))(
            _command
        )
for _name, _group in {"holds": holds, "audit": audit, "policy": policy}.items():
    app.add_typer(_group.app, name=_name, rich_help_panel="Governance")
app.add_typer(keys.app, name="keys", rich_help_panel="Operation")
app.command(cls=Command, rich_help_panel="Service", epilog=EXIT_CODES, help=help_of(version))(
    version
)
app.callback(help=help_of(root))(root)


def main() -> None:
    """Entry point of the `filmgate` script."""
    app()
