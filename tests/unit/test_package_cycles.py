"""No package of Filmgate imports, by way of others, one that imports it."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

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


CAPABILITIES = {"dedupe", "analysis", "deepfake", "protect", "create", "review"}
"""Packages of one capability each, whether they exist yet or not."""
NEUTRAL = ("library", "engines", "pipeline/run_engine.py", "pipeline/runs.py")
"""What every capability shares, and so imports none of them."""


def modules() -> dict[str, Path]:
    """Every module of Filmgate by its name below `filmgate`."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def modules_imported(path: Path, known: dict[str, Path]) -> set[str]:
    """Modules of Filmgate that a file imports; not their parents, which hold nothing."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name.removeprefix("filmgate.") for name in found} & set(known)


def reached(start: Path, known: dict[str, Path]) -> set[str]:
    """Modules that a file imports, by way of others too."""
    seen: set[str] = set()
    left = modules_imported(start, known)
    while left:
        name = left.pop()
        seen.add(name)
        left |= modules_imported(known[name], known) - seen
    return seen


@pytest.mark.parametrize("place", NEUTRAL)
def test_what_all_capabilities_share_imports_none_of_them(place: str) -> None:
    """The registry names engines' modules, and imports them when asked."""
    known = modules()
    path = ROOT / place
    for file in [path] if path.suffix else sorted(path.rglob("*.py")):
        names = {name for name in reached(file, known) if name.split(".")[0] in CAPABILITIES}
        assert not names, f"{file.relative_to(ROOT)} imports {sorted(names)}"


def test_a_capability_that_is_reached_is_seen() -> None:
    assert "dedupe.matching.compare" in reached(ROOT / "pipeline/dedupe.py", modules())


def test_packages_import_each_other_one_way_only() -> None:
    graph: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        name = package_of(".".join(path.relative_to(ROOT).with_suffix("").parts)) or ""
        graph.setdefault(name, set()).update(imported(path) - {name})
    assert graph["dedupe.matching"] >= {"dedupe.fingerprint", "media"}
    TopologicalSorter(graph).prepare()
