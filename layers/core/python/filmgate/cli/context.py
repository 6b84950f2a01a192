"""The project's folder and the service that the commands use."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filmgate
from filmgate.cli.errors import CliError, Code, not_running

if TYPE_CHECKING:
    from filmgate.client.api import FilmgateClient

STATE_FOLDER = ".filmgate"
_MARK = "serverless.yml"
_CONNECT_S = 1.0


def project_root() -> Path:
    """The folder with serverless.yml: FILMGATE_ROOT, else the current folder or a parent of it,
    else the checkout of this package. Raises CliError."""
    if named := os.environ.get("FILMGATE_ROOT"):
        return Path(named)
    here = Path.cwd()
    installed = Path(filmgate.__file__).resolve().parents[4:5]
    for folder in (here, *here.parents, *installed):
        if (folder / _MARK).is_file() and (folder / "layers" / "core").is_dir():
            return folder
    raise CliError(
        "No Filmgate checkout was found in this directory or its parents.",
        "Change into the checkout, or set FILMGATE_ROOT to its path.",
    )


@dataclass(frozen=True, slots=True)
class Connection:
    """The address and key of an API; `local` if it is the stack on this machine."""

    api_url: str
    api_key: str
    local: bool


def connection() -> Connection:
    """Read from FILMGATE_API_URL and FILMGATE_API_KEY, else from the local stack.

    Raises CliError.
    """
    url, key = os.environ.get("FILMGATE_API_URL"), os.environ.get("FILMGATE_API_KEY")
    if url and not url.startswith(("http://", "https://")):
        raise CliError(
            f"FILMGATE_API_URL is {url!r}, which is not a URL.",
            "Use one that begins with https:// (or http://), as `make deploy` prints it.",
            Code.USAGE,
        )
    if url and key:
        return Connection(url, key, local=False)
    if url:
        raise CliError(
            "FILMGATE_API_URL is set without FILMGATE_API_KEY.",
            "Set both, or neither to use the local stack.",
            Code.USAGE,
        )
    url = local_stack()["api_url"]
    if not key:
        key = _read_state(project_root() / STATE_FOLDER / "credentials.json")["api_key"]
    return Connection(url, key, local=True)


def local_stack() -> dict[str, Any]:
    """The addresses of the stack on this machine. Raises CliError if it is not running."""
    found = _read_state(project_root() / STATE_FOLDER / "stack.json")
    try:
        socket.create_connection(("127.0.0.1", found["port"]), timeout=_CONNECT_S).close()
    except OSError:
        raise not_running() from None
    return found


def _read_state(path: Path) -> dict[str, Any]:
    """A state file of the local stack. Raises CliError if it is missing or damaged."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise not_running() from None
    except ValueError as error:
        raise CliError(
            f"{path} is damaged.", "Run `filmgate down` and `filmgate up` to write it again."
        ) from error
    if not isinstance(document, dict):
        raise CliError(
            f"{path} is damaged.", "Run `filmgate down` and `filmgate up` to write it again."
        )
    return document


def client(to: Connection | None = None) -> FilmgateClient:
    """A client of the service. Raises CliError if no service is configured or running."""
    from filmgate.client.api import FilmgateClient  # noqa: PLC0415 - brings httpx

    to = to or connection()
    return FilmgateClient(to.api_url, to.api_key)
