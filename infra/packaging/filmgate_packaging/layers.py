"""The layers: which there are, what goes into each, and how they are built.

``core`` is our own package. The others are requirement lists under ``layers/``, complete and
pinned, installed from wheels only, so building needs no compiler and no machine like Lambda's.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filmgate_packaging import zips

PYTHON = "3.13"
CORE = "core"
THIRD_PARTY = ("runtime", "imaging", "media", "web")
OPTIONAL = ("inference",)
"""Third-party layers that functions have only if a deployment configures it."""
LAPTOP_ONLY = ("cli/", "client/", "report/", "dedupe/tuning/")
"""Sub-packages of filmgate that no function uses."""

PLATFORMS = {
    "x86_64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "arm64": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
}
"""Wheel platforms that Lambda's Amazon Linux 2023 (glibc 2.34) runs."""


_UNUSED = (
    # For programs in C; Python's module holds the same code.
    "onnxruntime/capi/libonnxruntime.so",
    "onnxruntime/quantization/",
    "onnxruntime/tools/",
    "onnxruntime/transformers/",
)
"""Starts of names of what no function needs of a package."""

AWS_SERVICES = frozenset({"dynamodb", "lambda", "s3", "sqs", "stepfunctions"})
"""Services that functions call. botocore describes some 400, and a test holds the code to these."""

_SERVICE_DATA = ("botocore/data/", "boto3/data/", "boto3/examples/")


class LayerError(Exception):
    """A layer could not be built."""


def core_files(checkout: Path) -> Iterator[tuple[str, Path]]:
    """What goes into the core layer: (name in the zip, source)."""
    package = checkout / "layers" / CORE / "python" / "filmgate"
    for name, source in zips.tree(package):
        if not name.startswith(LAPTOP_ONLY):
            yield f"python/filmgate/{name}", source


def build_core(checkout: Path, target: Path) -> None:
    """Zip our own package for the functions."""
    zips.write(target, core_files(checkout))


def requirements(checkout: Path, layer: str) -> Path:
    """The pinned list a third-party layer is built from."""
    return checkout / "layers" / layer / "requirements.txt"


def build_third_party(checkout: Path, layer: str, architecture: str, target: Path) -> None:
    """Install a requirement list's wheels for Lambda and zip them. Raises LayerError."""
    listed = requirements(checkout, layer)
    with tempfile.TemporaryDirectory(prefix="filmgate-layer-") as scratch:
        installed = Path(scratch) / "python"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--no-compile", "--only-binary=:all:"]
        command += ["--implementation", "cp", "--python-version", PYTHON]
        for platform in PLATFORMS[architecture]:
            command += ["--platform", platform]
        command += ["--target", str(installed), "--requirement", str(listed)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            raise LayerError(f"pip could not install {listed}:\n{done.stderr.strip()}")
        zips.write(target, _kept(installed))


def _kept(installed: Path) -> Iterator[tuple[str, Path]]:
    for name, source in zips.tree(installed):
        parts = name.split("/")
        # RECORD and direct_url name the installer's own paths and files left out here.
        unwanted = {"tests", "bin"} & set(parts[:-1]) or parts[-1] in {"RECORD", "direct_url.json"}
        unwanted = unwanted or name.startswith(_UNUSED) or _of_another_service(name)
        if not unwanted and not name.endswith((".pyi", ".pxd", ".h", ".c")):
            yield f"python/{name}", source


def _of_another_service(name: str) -> bool:
    """Whether a file describes a service of AWS that no function calls."""
    for folder in _SERVICE_DATA:
        if name.startswith(folder):
            service, inner, _ = name.removeprefix(folder).partition("/")
            return bool(inner) and service not in AWS_SERVICES
    return False
