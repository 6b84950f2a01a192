"""No package of Filmgate imports, by way of others, one that imports it."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import filmgate

ROOT = Path(filmgate.__file__).parent


def imported(path: Path) -> set[str]:
    """Packages and modules of Filmgate's top level that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "filmgate":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    names = {name.removeprefix("filmgate.").split(".")[0] for name in found}
    return {name for name in names if (ROOT / name).is_dir() or (ROOT / f"{name}.py").exists()}


def test_packages_import_each_other_one_way_only() -> None:
    graph: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        name = path.relative_to(ROOT).parts[0].removesuffix(".py")
        graph.setdefault(name, set()).update(imported(path) - {name})
    assert graph["matching"] >= {"fingerprint", "media"}
    TopologicalSorter(graph).prepare()
