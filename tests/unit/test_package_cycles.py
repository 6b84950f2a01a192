"""No package of Filmgate imports, by way of others, one that imports it."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import filmgate

ROOT = Path(filmgate.__file__).parent
SPLIT = {"dedupe", "engines", "analysis", "create"}
"""Packages whose sub-packages are packages of their own here."""


def package_of(name: str) -> str | None:
    """The package that a dotted name below `filmgate` belongs to; None for a foreign one."""
    parts = name.split(".")
    depth = 2 if parts[0] in SPLIT and len(parts) > 1 else 1
    package = ROOT.joinpath(*parts[:depth])
    if package.is_dir() or package.with_suffix(".py").exists():
        return ".".join(parts[:depth])
    return parts[0] if (ROOT / parts[0]).is_dir() else None


def imported(path: Path) -> set[str]:
    """Packages and modules of Filmgate that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    names = (name.removeprefix("filmgate.") for name in found if name.startswith("filmgate."))
    return {package for name in names if (package := package_of(name))}


def test_packages_import_each_other_one_way_only() -> None:
    graph: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        name = package_of(".".join(path.relative_to(ROOT).with_suffix("").parts)) or ""
        graph.setdefault(name, set()).update(imported(path) - {name})
    assert graph["dedupe.matching"] >= {"dedupe.fingerprint", "media"}
    TopologicalSorter(graph).prepare()
