"""The built artefact: its size, its bytes, and that every function carries what it imports."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from filmgate_local import artefact
from filmgate_local.layout import CHECKOUT
from filmgate_local.package import UPDATE
from filmgate_packaging import layers, zips
from tests.deployed import FUNCTIONS, logical, zip_of

LAMBDA_LIMIT = 250 * 1024 * 1024
"""Bytes that a function and its layers may take unzipped."""

OF_TRACING = "opentelemetry-api"
"""Comes with the tracing layer, and is not imported without it."""

CORE = CHECKOUT / "layers" / "core" / "python"


@pytest.fixture(scope="module")
def built() -> Path:
    """The folder of the layers for x86_64, up to date."""
    subprocess.run([sys.executable, "-m", "filmgate_packaging"], check=True, cwd=CHECKOUT)
    return CHECKOUT / ".build" / "layers" / "x86_64"


@pytest.fixture(scope="module")
def packaged(built: Path) -> Path:
    """The folder with the template and the functions' zips, packaged for AWS."""
    target = CHECKOUT / ".build" / "package"
    artefact.build(target, "dev", "x86_64")
    return target


def layers_of(template: dict[str, Any], function: str) -> list[str]:
    """Names of the layers a function lists in the template."""
    properties = template["Resources"][logical(function)]["Properties"]
    return [layer["Ref"].removesuffix("LambdaLayer").lower() for layer in properties["Layers"]]


@pytest.fixture(scope="module")
def template(packaged: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((packaged / UPDATE).read_text())
    return read


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_fits_with_its_layers(
    packaged: Path, built: Path, template: dict[str, Any], function: str
) -> None:
    carried = layers_of(template, function)
    assert len(carried) <= 5
    parts = [packaged / zip_of(function), *(built / f"{layer}.zip" for layer in carried)]
    assert sum(zips.unzipped_bytes(part) for part in parts) < LAMBDA_LIMIT


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_its_own_folder_and_no_bytecode(packaged: Path, function: str) -> None:
    with zipfile.ZipFile(packaged / zip_of(function)) as opened:
        names = opened.namelist()
    assert f"functions/{function}/handler.py" in names
    assert all(name.startswith(f"functions/{function}/") for name in names)
    assert all(name.endswith(".py") for name in names)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_carries_what_it_imports(template: dict[str, Any], function: str) -> None:
    carried = {OF_TRACING}
    for layer in layers_of(template, function):
        if layer != layers.CORE:
            carried |= {normal(line.split("==")[0]) for line in pins(layer)}
    known = packages_distributions()
    handler = CHECKOUT / "functions" / function / "handler.py"
    missing = {
        f"{name} (imported by {place})"
        for name, place in third_party(handler)
        if not {normal(distribution) for distribution in known.get(name, [name])} & carried
    }
    assert not missing


def test_fingerprinting_fits_with_onnxruntime_too(
    packaged: Path, built: Path, template: dict[str, Any]
) -> None:
    """The optional layer, with the one module that a model is opened by and nothing it lacks."""
    command = [sys.executable, "-m", "filmgate_packaging", "--only", "inference"]
    subprocess.run(command, check=True, cwd=CHECKOUT)
    carried = [*layers_of(template, "derive"), "inference"]
    assert len(carried) <= 5
    parts = [packaged / "derive.zip", *(built / f"{layer}.zip" for layer in carried)]
    assert sum(zips.unzipped_bytes(part) for part in parts) < LAMBDA_LIMIT
    with zipfile.ZipFile(built / "inference.zip") as opened:
        libraries = [name for name in opened.namelist() if ".so" in name]
    assert any("onnxruntime_pybind11_state" in name for name in libraries)


def test_the_layer_knows_every_service_that_functions_call(built: Path, tmp_path: Path) -> None:
    """From its own botocore, whose descriptions of other services are left out."""
    with zipfile.ZipFile(built / "runtime.zip") as opened:
        opened.extractall(tmp_path)
    handlers = [CHECKOUT / "functions" / function / "handler.py" for function in FUNCTIONS]
    called = {"dynamodb", *(name for handler in handlers for name in services(handler))}
    assert called == layers.AWS_SERVICES
    code = (
        "import sys, boto3, botocore;"
        f"assert botocore.__file__.startswith({str(tmp_path)!r}), botocore.__file__;"
        f"[boto3.client(name, region_name='eu-west-1') for name in {sorted(called)!r}]"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={"PYTHONPATH": str(tmp_path / "python"), "AWS_DATA_PATH": str(tmp_path / "none")},
    )


def services(handler: Path) -> Iterator[str]:
    """Names in ``boto3.client(…)`` in every file that can be reached from the handler."""
    for file in reached(handler):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "boto3.client":
                yield ast.literal_eval(node.args[0])


@pytest.mark.parametrize("layer", [*layers.THIRD_PARTY, *layers.OPTIONAL])
def test_layers_have_the_versions_that_are_tested(layer: str) -> None:
    constraints = (CHECKOUT / "infra" / "packaging" / "constraints.txt").read_text().splitlines()
    assert set(pins(layer)) <= set(constraints)


@pytest.mark.parametrize("layer", ["runtime", "web"])
def test_building_again_gives_the_same_bytes(built: Path, tmp_path: Path, layer: str) -> None:
    again = tmp_path / f"{layer}.zip"
    layers.build_third_party(CHECKOUT, layer, "x86_64", again)
    assert again.read_bytes() == (built / f"{layer}.zip").read_bytes()


def test_our_own_layer_has_only_what_functions_use(tmp_path: Path) -> None:
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    layers.build_core(CHECKOUT, first)
    layers.build_core(CHECKOUT, second)
    assert first.read_bytes() == second.read_bytes()
    names = {name for name, _ in layers.core_files(CHECKOUT)}
    assert "python/filmgate/errors.py" in names
    assert not [name for name in names if name.endswith(".pyc") or "/cli/" in name]


def pins(layer: str) -> list[str]:
    """The requirement lines of a layer."""
    lines = layers.requirements(CHECKOUT, layer).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def third_party(handler: Path) -> Iterator[tuple[str, Path]]:
    """(top-level package, file) of every import that can be reached from the handler.

    Imports inside functions count; those under ``if TYPE_CHECKING`` do not.
    """
    for file in reached(handler):
        for name in imports(ast.parse(file.read_text())):
            top = name.split(".")[0]
            if top != "filmgate" and top not in sys.stdlib_module_names:
                yield top, file.relative_to(CHECKOUT)


def reached(handler: Path) -> Iterator[Path]:
    """The handler and every file of our package that it imports, at first hand or not."""
    waiting, seen = [handler], set[Path]()
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        yield file
        for name in imports(ast.parse(file.read_text())):
            if name.split(".")[0] == "filmgate":
                waiting += modules(name)


def imports(tree: ast.AST) -> Iterator[str]:
    """Full names of what is imported; ``from a import b`` gives ``a.b``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "filmgate imports by full name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from imports(node)


def modules(name: str) -> list[Path]:
    """Files of our package that importing ``name`` runs: packages on the way, then the module."""
    files, folder = [], CORE
    for part in name.split("."):
        files += [folder / f"{part}.py", folder / part / "__init__.py"]
        folder /= part
    return [file for file in files if file.is_file()]
