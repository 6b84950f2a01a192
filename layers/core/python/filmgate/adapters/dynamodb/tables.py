"""A row's class in a table whose name is known only when the code runs, and connections."""

from __future__ import annotations

from types import new_class
from typing import Any, TypeVar

from pynamodb.connection import Connection
from pynamodb.models import Model

from filmgate.adapters.clients import TABLES

Rows = TypeVar("Rows", bound=Model)

_MADE: dict[tuple[type[Model], str, int | None], Any] = {}
"""Each class keeps a connection, which calls of one worker share."""


def in_table(rows: type[Rows], table: str, *, connections: int | None = None) -> type[Rows]:
    """The rows of one table: pynamodb wants a class for each.

    Args:
        connections: requests at one time; pynamodb's default where None.
    """
    made: type[Rows] | None = _MADE.get((rows, table, connections))
    if made is None:
        meta: dict[str, object] = {"table_name": table, **TABLES}
        if connections is not None:
            meta["max_pool_connections"] = connections
        body = {"Meta": type("Meta", (), meta)}
        made = new_class(rows.__name__, (rows,), exec_body=lambda names: names.update(body))
        _MADE[rows, table, connections] = made
    return made


def connection() -> Connection:
    """A connection for what concerns no single table, such as transactions."""
    return Connection(**TABLES)
