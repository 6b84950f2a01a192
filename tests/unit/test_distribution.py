"""What installing Filmgate, or a part of it, brings along."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "layers" / "core" / "python" / "filmgate"
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]

NEEDS = {
    "adapters": "aws",
    "api": "aws",
    "observability.py": "aws",
    "cli": "local",
    "client": "cli",
    "report": "cli",
}
"""The extra that a part of the package needs; all others are the domain and need none."""

OPTIONAL = {"onnxruntime", "opentelemetry"}
"""Loaded only where they are installed: a model, and a layer that exports traces."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def listed(extra: str | None) -> list[str]:
    """The requirements of the core or of an extra, extras within it unfolded."""
    found = list(PROJECT["dependencies"])
    for line in EXTRAS[extra] if extra else []:
        requirement = Requirement(line)
        if requirement.name == PROJECT["name"]:
            found += [line for inner in requirement.extras for line in listed(inner)]
        else:
            found.append(line)
    return found


def closure(lines: Iterable[str]) -> set[str]:
    """Names of the distributions that these requirements bring, by what is installed here."""
    waiting = [(Requirement(line), frozenset[str]()) for line in lines]
    found: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement, given = waiting.pop()
        active = {"extra": ""} if not given else None
        environments = [active] if active else [{"extra": extra} for extra in given]
        if requirement.marker and not any(map(requirement.marker.evaluate, environments)):
            continue
        name, extras = normal(requirement.name), frozenset(requirement.extras)
        if (name, extras) in found:
            continue
        found.add((name, extras))
        try:
            inner = requires(name) or []
        except PackageNotFoundError:
            continue
        waiting += [(Requirement(line), extras) for line in inner]
    return {name for name, _ in found}


def third_party(files: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """(distribution, file) of every import of somebody else's package, but for type checking."""
    known = packages_distributions()
    for file in files:
        for name in imported(ast.parse(file.read_text(encoding="utf-8"))):
            top = name.split(".")[0]
            own = top.startswith("filmgate") or top in sys.stdlib_module_names | OPTIONAL
            if not own:
                yield normal(known.get(top, [top])[0]), file.relative_to(PACKAGE)


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
        else:
            yield from imported(node)


def parts() -> Iterator[tuple[str, list[Path]]]:
    """Each part of the package with its files."""
    for entry in sorted(PACKAGE.iterdir()):
        files = [entry] if entry.suffix == ".py" else sorted(entry.rglob("*.py"))
        if files:
            yield entry.name, files


def test_the_domain_brings_neither_an_emulator_nor_a_command_nor_aws() -> None:
    unwanted = {"ministack", "typer", "rich", "jinja2", "httpx", "fastapi", "boto3", "botocore"}
    assert closure(listed(None)).isdisjoint(unwanted)


def test_the_command_brings_no_emulator() -> None:
    assert "ministack" not in closure(listed("cli")) | closure(listed("aws"))
    assert "ministack" in closure(listed("local"))


@pytest.mark.parametrize("part", [name for name, _ in parts()])
def test_a_part_imports_what_its_extra_brings(part: str) -> None:
    available = closure(listed(NEEDS.get(part)))
    missing = [found for found in third_party(dict(parts())[part]) if found[0] not in available]
    assert not missing


def test_developing_brings_everything() -> None:
    whole = {normal(Requirement(line).name) for line in listed("dev")}
    assert {
        normal(Requirement(line).name) for extra in ("aws", "cli") for line in listed(extra)
    } <= whole


@pytest.mark.parametrize("extra", [None, "aws", "cli", "local", "dev", "embeddings"])
def test_what_is_tested_is_pinned(extra: str | None) -> None:
    pinned = {
        normal(line.split("==")[0])
        for line in (CHECKOUT / "infra/packaging/constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    }
    assert {normal(Requirement(line).name) for line in listed(extra)} <= pinned
